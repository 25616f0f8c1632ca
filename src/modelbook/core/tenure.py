"""Since when a stage has held a version without a gap, as git tells it: what a soak is measured by.

The time is that of the commit by which the pointer came to the branch, never the one that the pointer claims.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelbook.core.documents import DocumentError, load
from modelbook.core.history import History
from modelbook.core.layout import place_of
from modelbook.core.pointer import Holder, StagePointer


@dataclass(frozen=True)
class Tenure:
    """The version that a stage holds, and since when (UTC, with Z): None where history does not go back that far."""

    holder: Holder
    since: str | None


@dataclass(frozen=True)
class Tenures:
    """The tenure of each stage pointer, by path; empty where nobody asked git."""

    by_path: Mapping[str, Tenure] = field(default_factory=dict)


def tenures(history: History, pointers: Mapping[str, bytes]) -> Tenures:
    """Read off `history` (paths below the registry folder); `pointers` are the bytes of all pointers, by object id.

    No commit counts as older than one that it follows, so that a clock that was put back gains nothing.
    """
    latest = ""
    known = {}
    for one in history.revisions:
        latest = known[one.commit.id] = max(latest, one.commit.time)
    found = {}
    for path, revisions in history.by_path.items():
        if not ((place := place_of(path)) and place.kind == "stage"):
            continue
        holder: Holder | None = None
        since: str | None = None
        for revision in revisions:
            held = _holder(path, pointers.get(revision.oid or "", b""))
            if held != holder:
                cut = not history.complete and not revision.commit.parents  # so it came with this commit, or earlier
                holder, since = held, None if cut else known[revision.commit.id]
        if holder:
            found[path] = Tenure(holder, since)
    return Tenures(found)


def _holder(path: str, data: bytes) -> Holder | None:
    """What a pointer holds; a file that is gone, or that nobody can read, holds nothing."""
    try:
        return load(StagePointer, data, path).holder()
    except DocumentError:
        return None
