"""What a run is made from, and the files that prove it: artifacts of the run, which go wherever the model goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelbook.core.digests import digest_of
from modelbook.core.run_record import Code, Environment
from modelbook.errors import ModelbookError
from modelbook.training.code_patch import code_patch
from modelbook.training.code_version import WorkingTree, refuse_uncommitted, refuse_unpushed, working_tree
from modelbook.training.environment import capture
from modelbook.training.installed import installed, requirements
from modelbook.training.values import RESERVED_FOLDER

REQUIREMENTS = f"{RESERVED_FOLDER}/requirements.txt"
PATCH = f"{RESERVED_FOLDER}/uncommitted.patch"
_RECORD = (
    "or record {what} with --allow-dirty: a patch is stored with the model, for all who may read it, so it must hold "
    "no secret."
)


@dataclass(frozen=True)
class Provenance:
    """Code and environment of a run; `files` by path in the model's folder; `notes` for a person."""

    code: Code
    environment: Environment
    files: Mapping[str, bytes]
    notes: tuple[str, ...] = field(default=())


def provenance(cwd: Path, entry_point: str, *, allow_dirty: bool = False) -> Provenance:
    """What the file `entry_point` in `cwd` is made from.

    Raises Refused for a dirty working tree and for commits that no remote has, unless `allow_dirty`; then for what
    cannot be recorded as a patch. BadInput where there is no repository or no commit.
    """
    tree = working_tree(cwd, entry_point)
    if not allow_dirty:
        refuse_uncommitted(tree, f"Commit them, {_RECORD.format(what='them')}")
        refuse_unpushed(tree, f"Push them, {_RECORD.format(what='what they change')}")
    return _provenance(tree)


def provenance_by_hand(cwd: Path, entry_point: str) -> Provenance:
    """The same for a script or notebook that nobody launched: it is never refused, and what is missing is noted."""
    try:
        tree = working_tree(cwd, entry_point)
    except ModelbookError:  # no repository, no commit, no git: the run is worth recording all the same
        return _with_environment(Code(entry_point=entry_point, dirty=True), None, {}, ())
    try:
        return _provenance(tree)
    except ModelbookError as error:
        note = f"what is not committed and pushed is not on record: {error.message}"
        return _with_environment(tree.code, tree.root, {}, (note,))


def _provenance(tree: WorkingTree) -> Provenance:
    patch = code_patch(tree) if tree.changed or tree.code.base else b""
    code = tree.code.model_copy(update={"patch": digest_of(patch) if patch else None})
    notes = [f"{len(patch):,} bytes of code that is not committed and pushed are stored as {PATCH}"] if patch else []
    if tree.unpushed and not tree.base:
        notes.append("nothing of this repository was pushed yet: nobody else can fetch the commit that trains")
    return _with_environment(code, tree.root, {PATCH: patch} if patch else {}, tuple(notes))


def _with_environment(code: Code, root: Path | None, files: Mapping[str, bytes], notes: tuple[str, ...]) -> Provenance:
    environment, lock = locked_environment(root)
    return Provenance(code, environment, {**files, REQUIREMENTS: lock}, notes)


def locked_environment(repository: Path | None) -> tuple[Environment, bytes]:
    """The environment of this process, and its lock: the requirements file whose digest it names."""
    distributions = installed()
    lock = requirements(distributions)
    return capture(repository, distributions).model_copy(update={"lock": digest_of(lock)}), lock
