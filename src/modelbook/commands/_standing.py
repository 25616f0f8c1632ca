"""Whether what somebody is about to propose of a stage is proposed already, by himself or by somebody else."""

from dataclasses import dataclass

from modelbook.adapters.forge import Change, Forge
from modelbook.commands._workspace import Workspace
from modelbook.core.documents import DocumentError, load
from modelbook.core.layout import STAGE_SIGNATURES, place_of, pointer_path, summary_path
from modelbook.core.pointer import StagePointer
from modelbook.core.signing.envelope import EnvelopeError, Statement, read_bundle
from modelbook.core.signing.statements import summary_statement
from modelbook.core.stages.promotion import Decision


@dataclass(frozen=True)
class Standing:
    """The commit that proposes the same already, its pointer, and whether this very signer `signed` that."""

    commit: str
    pointer: StagePointer
    signed: bool


def summary_of(pointer: StagePointer, data: bytes, *, passed: bool) -> Statement:
    """What is signed of a pointer: `data` are its bytes, `passed` is the verdict."""
    inputs = {evidence.path: evidence.digest for evidence in pointer.evidence}
    return summary_statement(pointer, data, inputs, passed=passed)


def find_standing(
    workspace: Workspace, forge: Forge, commit: str, change: Change, decision: Decision, pointer: StagePointer, who: str
) -> Standing | None:
    """What `commit` proposes on the change's branch, where that is this very decision: who made it when may differ.

    Moving its branch then would throw its verification away for nothing. Of what no gate judges (a rollback, a hold, a
    release) the reason may differ as well: two people who do the same at night do it once. A branch that changes
    anything else, save for signatures by more people, is somebody else's, whatever its pointer says.
    """
    path = workspace.path(pointer_path(decision.model, decision.stage))
    mine = workspace.path(summary_path(decision.model, decision.stage, who))
    data = forge.read(commit, path)
    try:
        standing = load(StagePointer, data or b"", change.branch)
    except DocumentError:
        return None
    free = {"decided", "by"} | ({"reason"} if decision.kind else set())
    same = pointer.model_copy(update={name: getattr(standing, name) for name in free})
    changed = forge.changed(forge.target(), commit)
    if data is None or standing != same or changed is None:
        return None
    others = changed - change.files.keys()
    if not all(_signs(workspace, each, decision) for each in others):
        return None
    summary = summary_of(standing, data, passed=decision.passed)
    signed = mine in changed and _says(forge.read(commit, mine), summary)
    if not signed:
        theirs = sorted(each for each in changed - {mine} if _signs(workspace, each, decision))
        if decision.kind is None or not any(_says(forge.read(commit, each), summary) for each in theirs):
            return None
    # Signatures of the pointer before have to be gone, and the new one there.
    needed = {each for each in change.files if each != mine or signed}
    return Standing(commit, standing, signed) if needed <= changed else None


def _says(data: bytes | None, summary: Statement) -> bool:
    try:
        return data is not None and read_bundle(data).statement == summary
    except EnvelopeError:
        return False


def _signs(workspace: Workspace, path: str, decision: Decision) -> bool:
    """Whether the file at `path`, from the top of the repository, is a signature of the stage that is decided on."""
    top = workspace.path("")
    place = place_of(path.removeprefix(top)) if path.startswith(top) else None
    return bool(
        place and place.kind in STAGE_SIGNATURES and (place.name, place.part) == (decision.model, decision.stage)
    )
