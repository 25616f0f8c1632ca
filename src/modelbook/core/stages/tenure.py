"""What held a stage, from when to when, as git tells it: what a soak is measured by, and where a rollback may lead.

The time is that of the commit by which the pointer came to the branch, never the one that the pointer claims.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise

from modelbook.core.documents import DocumentError, load
from modelbook.core.layout import STAGE_SIGNATURES, place_of, pointer_path
from modelbook.core.pointer import Holder, StagePointer
from modelbook.core.stages.history import Commit, History, Revision


@dataclass(frozen=True)
class Landing:
    """A pointer as `commit` brought it to the branch at `time` (UTC, with Z).

    `files` are the pointer's bytes and the signatures beside it, by path below the registry, as long as it stood: an
    approval may have come later than the pointer.
    """

    commit: Commit
    time: str
    pointer: StagePointer
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Tenure:
    """A version that held a stage without a gap, `since` and `until` when (UTC, with Z).

    `since` is None where history does not go back that far, `until` while it goes on. `landings` are what came to the
    branch meanwhile, oldest first: what brought the version, then its holds, releases and promotions anew.
    """

    holder: Holder
    since: str | None
    until: str | None = None
    landings: tuple[Landing, ...] = ()

    @property
    def kind(self) -> str | None:
        """As that of the pointer that brought the version: None for a promotion."""
        return self.landings[0].pointer.kind if self.landings else None


@dataclass(frozen=True)
class Tenures:
    """The tenures of each stage pointer, by path, oldest first; empty where nobody asked git.

    Not `complete` where a shallow clone cut the beginning off; `begins` is then the time (UTC, with Z) before which
    nothing is known.
    """

    by_path: Mapping[str, tuple[Tenure, ...]] = field(default_factory=dict)
    complete: bool = True
    begins: str | None = None

    def of(self, model: str, stage: str) -> tuple[Tenure, ...]:
        """Those of one stage of a model."""
        return self.by_path.get(pointer_path(model, stage), ())

    def present(self, model: str, stage: str) -> Tenure | None:
        """The one that goes on; None where the stage is empty, or nobody asked git."""
        last = next(reversed(self.of(model, stage)), None)
        return last if last and last.until is None else None


def rolled_back(line: Sequence[Tenure], version: int) -> tuple[Tenure, Landing] | None:
    """The last tenure of a version in the `line` of a stage, and the rollback that ended it; None where none did."""
    for one, after in reversed([*pairwise(line)]):
        if one.holder.version == version:
            return (one, after.landings[0]) if after.kind == "rollback" else None
    return None


def no_older(line: Iterable[tuple[str, str]], now: str) -> dict[str, str]:
    """When each commit came to a branch (UTC, with Z): `line` has id and time of all its first parents, oldest first.

    None counts as older than one that it follows, so that a clock that was put back gains nothing. One whose clock runs
    ahead of `now` holds up nothing but itself.
    """
    latest, found = "", {}
    for commit, time in line:
        found[commit] = max(latest, time)
        latest = latest if time > now else found[commit]
    return found


def tenures(history: History, blobs: Mapping[str, bytes], times: Mapping[str, str]) -> Tenures:
    """Read off `history` (paths below the registry folder); `blobs` are the bytes of all stage files, by object id.

    `times` are those of `no_older`, by commit.
    """
    of_stage: dict[str, list[Revision]] = {}
    for one in history.revisions:
        place = place_of(one.path)
        if place and place.kind in STAGE_SIGNATURES | {"stage"}:
            of_stage.setdefault(pointer_path(place.name or "", place.part or ""), []).append(one)
    found = {
        path: told
        for path, those in sorted(of_stage.items())
        if (told := _of_stage(path, those, blobs, times, complete=history.complete))
    }
    begins = next((times[one.commit.id] for one in history.revisions), None)
    return Tenures(found, history.complete, None if history.complete else begins)


def _of_stage(
    path: str, revisions: list[Revision], blobs: Mapping[str, bytes], times: Mapping[str, str], *, complete: bool
) -> tuple[Tenure, ...]:
    found: list[Tenure] = []
    present: Tenure | None = None  # the last of `found`, while it goes on
    standing: dict[str, str] = {}  # object ids of the pointer and its signatures, by path
    for commit, those in groupby(revisions, key=lambda one: one.commit):
        before = standing.get(path)
        for one in those:
            if one.oid is None:
                standing.pop(one.path, None)
            else:
                standing[one.path] = one.oid
        files = {name: blobs[oid] for name, oid in standing.items() if oid in blobs}
        time = times[commit.id]
        if standing.get(path) == before:
            if present:  # a signature came later
                *earlier, last = present.landings
                found[-1] = present = replace(present, landings=(*earlier, replace(last, files=files)))
            continue
        pointer = _pointer(path, files.get(path, b""))
        landings = (Landing(commit, time, pointer, files),) if pointer else ()
        if present and pointer and pointer.holder() == present.holder:
            found[-1] = present = replace(present, landings=present.landings + landings)
            continue
        if present:
            found[-1] = replace(present, until=time)
        present = None
        if pointer:
            cut = not complete and not commit.parents  # so it came with this commit, or earlier
            present = Tenure(pointer.holder(), None if cut else time, landings=landings)
            found.append(present)
    return tuple(found)


def _pointer(path: str, data: bytes) -> StagePointer | None:
    """The pointer in `data`; a file that is gone, of another stage, or that nobody can read, holds nothing."""
    try:
        pointer = load(StagePointer, data, path)
    except DocumentError:
        return None
    return pointer if pointer_path(pointer.model, pointer.stage) == path else None
