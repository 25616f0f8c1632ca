"""Proposing what becomes of a stage: promotion, rollback, hold or release, as one signed pointer on a branch."""

from collections.abc import Callable, Sequence

from modelbook.adapters.forge import Change, Forge, Proposal
from modelbook.adapters.github_place import page_of
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_report
from modelbook.commands._proposing import move_branch, proposal_fields
from modelbook.commands._signing import open_allowed_signer
from modelbook.commands._workspace import Workspace
from modelbook.core.approvals import signing
from modelbook.core.documents import DocumentError, dump, load
from modelbook.core.envelope import EnvelopeError, Statement, read_bundle
from modelbook.core.layout import STAGE_SIGNATURES, model_folder, place_of, pointer_path, summary_path
from modelbook.core.markdown import markdown
from modelbook.core.move_markdown import move_body
from modelbook.core.move_story import move_story
from modelbook.core.pointer import StagePointer
from modelbook.core.promotion import Decision
from modelbook.core.promotion_story import story_of
from modelbook.core.report import promotion_report
from modelbook.core.statements import summary_statement
from modelbook.core.story_markdown import body
from modelbook.errors import Exit


def propose(
    workspace: Workspace,
    decision: Decision,
    signer: str,
    forge_name: str,
    *,
    as_json: bool,
    open_refused: bool = False,
) -> int:
    """Sign what was decided, propose it where it passed, and report. Gives the exit code.

    With `open_refused` it is proposed all the same, and its signature says that it was refused.
    """
    report = promotion_report(decision)
    proposal = None
    if decision.pointer and (decision.passed or open_refused):
        key, who = open_allowed_signer(workspace, signer, decision.model, stage=decision.stage)
        steps = _awaited(workspace, decision, who)
        change = _change(workspace, decision, decision.pointer, key.sign, who, steps, forge_name)
        forge = workspace.forge(forge_name)
        stands = _standing(workspace, forge, change, decision, decision.pointer)
        proposal = _again(forge, change, stands) if stands else forge.submit(change)
        then = [*([proposal.url] if proposal.url else ()), *proposal.next_steps]
        report = promotion_report(decision, next_steps=[*steps, *then])
    outputs = {"passed": str(decision.passed).lower(), "version": decision.reference}
    set_outputs(outputs | proposal_fields(proposal))
    print_report(report, as_json=as_json)
    return Exit.YES if decision.passed else Exit.NO


def _awaited(workspace: Workspace, decision: Decision, who: str) -> list[str]:
    """What people have to do who must sign as well, after `who` of trust.yaml has signed."""
    standing = signing(workspace.registry.trust, decision.model, decision.stage, [who])
    approve = f"modelbook approve {decision.reference} --to {decision.stage}"
    return [f"{approve}   ({standing.words})"] if standing.lacking else []


def _change(
    workspace: Workspace,
    decision: Decision,
    pointer: StagePointer,
    sign: Callable[[Statement], bytes],
    who: str,
    steps: Sequence[str],
    forge_name: str,
) -> Change:
    model, stage = decision.model, decision.stage
    data = dump(pointer)
    summary = sign(_summary(pointer, data, decision))
    new = {workspace.path(pointer_path(model, stage)): data, workspace.path(summary_path(model, stage, who)): summary}
    old = [
        workspace.path(path)
        for path, place in workspace.registry.places.items()
        if place.kind in STAGE_SIGNATURES and (place.name, place.part) == (model, stage)
    ]
    text = markdown(promotion_report(decision, next_steps=steps))
    registry, page = workspace.registry, page_of(workspace.repository, forge_name)
    if decision.kind is None:
        told = body(story_of(decision, registry.trust, [who], commit=workspace.commit), page)
    else:
        past = workspace.past(model_folder(model))
        story = move_story(registry, decision, [who], past, commit=workspace.commit)
        told = move_body(story, page)
    return Change(
        branch=move_branch(model, decision.version, stage, decision.kind),
        base=workspace.commit,
        title=decision.title,
        body=told,
        files={**new, **dict.fromkeys(set(old) - new.keys())},
        decision=True,
        labels=("modelbook", decision.kind or "promotion"),
        comment=text,
        message=text,  # a promotion's pull request says more than history has to keep
        auto=decision.passed and decision.kind is None and workspace.registry.stage(stage).auto,
    )


def _summary(pointer: StagePointer, data: bytes, decision: Decision) -> Statement:
    inputs = {evidence.path: evidence.digest for evidence in pointer.evidence}
    return summary_statement(pointer, data, inputs, passed=decision.passed)


def _again(forge: Forge, change: Change, commit: str) -> Proposal:
    """Complete what is proposed on `commit`, and nothing that was put on its branch since that was looked at."""
    return forge.resume(
        change.branch,
        labels=change.labels,
        body=change.body,
        comment=change.comment,
        auto=change.auto,
        commit=commit,
    )


def _standing(
    workspace: Workspace, forge: Forge, change: Change, decision: Decision, pointer: StagePointer
) -> str | None:
    """The commit by which this very decision is proposed already: only who made it when may differ.

    Moving its branch then would throw its verification away for nothing. A branch that changes anything else, save for
    signatures by more people, is somebody else's, whatever its pointer says.
    """
    commit = forge.proposed(change.branch).get(change.branch)
    if commit is None:
        return None
    found = [forge.read(commit, path) for path, data in change.files.items() if data]
    if len(found) != 2 or not found[0] or not found[1]:
        return None
    try:
        standing, summary = load(StagePointer, found[0], change.branch), read_bundle(found[1])
    except (DocumentError, EnvelopeError):
        return None
    same = pointer.model_copy(update={"decided": standing.decided, "by": standing.by})
    if standing != same or summary.statement != _summary(standing, found[0], decision):
        return None
    changed = forge.changed(forge.target(), commit)
    if changed is None or not change.files.keys() <= changed:
        return None
    others = changed - change.files.keys()
    return commit if all(_signs(workspace, path, decision) for path in others) else None


def _signs(workspace: Workspace, path: str, decision: Decision) -> bool:
    """Whether the file at `path`, from the top of the repository, is a signature of the stage that is decided on."""
    top = workspace.path("")
    place = place_of(path.removeprefix(top)) if path.startswith(top) else None
    return bool(
        place and place.kind in STAGE_SIGNATURES and (place.name, place.part) == (decision.model, decision.stage)
    )
