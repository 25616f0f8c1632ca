"""Whether the registry's history is one: a stage's serial only grew, and what was registered never changed or went.

A signature cannot show this. An old pointer that comes back is signed as well as it ever was; only the commits before
it tell that it had its time.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from modelbook.core import strict_yaml
from modelbook.core.findings import Finding
from modelbook.core.layout import IMMUTABLE, STAGE_SIGNATURES, place_of

UNSHALLOW = "Fetch the rest: `git fetch --unshallow` (in a workflow: `fetch-depth: 0` for actions/checkout)."
"""What to do where a clone has no more than the latest commits."""


class Commit(NamedTuple):
    """One commit: its id, when it was committed (UTC, with Z), its parents' ids, who made it, the first line it says.

    `committer` is whoever put it where it is: on GitHub, GitHub itself for what it merged.
    """

    id: str
    time: str
    parents: tuple[str, ...]
    author: str
    email: str
    subject: str
    committer: str = ""

    def __str__(self) -> str:
        return f"{self.id[:12]} of {self.time}"


class Revision(NamedTuple):
    """What one commit made of one path: git's mode and object id; None for both where it removed it."""

    commit: Commit
    path: str
    mode: str | None
    oid: str | None


@dataclass(frozen=True)
class History:
    """Revisions along first parents, oldest first; not `complete` where a shallow clone cut the beginning off."""

    revisions: tuple[Revision, ...]
    complete: bool = True

    def below(self, prefix: str) -> "History":
        """The same, with paths as they are below `prefix`, and without what lies elsewhere."""
        start = f"{prefix}/" if prefix else ""
        inside = (one for one in self.revisions if one.path.startswith(start))
        return History(tuple(one._replace(path=one.path.removeprefix(start)) for one in inside), self.complete)

    def then(self, commit: Commit, oids: Mapping[str, str]) -> "History":
        """The same with one more commit, which leaves of all these paths what `oids` has of them."""
        last = {one.path: one.oid for one in self.revisions}
        paths = [path for path in sorted(last.keys() | oids.keys()) if last.get(path) != oids.get(path)]
        new = (Revision(commit, path, "100644" if path in oids else None, oids.get(path)) for path in paths)
        return History((*self.revisions, *new), self.complete)

    @cached_property
    def by_path(self) -> Mapping[str, list[Revision]]:
        """The revisions of each path, oldest first; paths in order."""
        found: dict[str, list[Revision]] = {}
        for one in self.revisions:
            found.setdefault(one.path, []).append(one)
        return dict(sorted(found.items()))

    def pointers(self) -> list[str]:
        """The object ids of every stage pointer that there was. Paths are those below the registry."""
        return self._objects({"stage"})

    def stage_files(self) -> list[str]:
        """As `pointers`, with the signatures beside them."""
        return self._objects(STAGE_SIGNATURES | {"stage"})

    def _objects(self, kinds: Set[str]) -> list[str]:
        return [one.oid for path, those in self.by_path.items() if _kind(path) in kinds for one in those if one.oid]


def check_history(history: History, pointers: Mapping[str, bytes], prefix: str) -> list[Finding]:
    """All that the commits show to be wrong; `pointers` are the bytes of every stage pointer there was, by object id.

    Paths in `history` are those below the registry folder, which is `prefix`. What was put right since is a warning.
    """
    findings = []
    if not history.complete:
        message = "this clone has no more than the latest commits, so an older promotion that came back would not show"
        findings.append(Finding(prefix, None, "incomplete-history", message, UNSHALLOW, "warning"))
    for path, revisions in history.by_path.items():
        kind = _kind(path)
        if kind == "stage":
            findings += _pointer(f"{prefix}/{path}", revisions, pointers, history.complete)
        elif kind in IMMUTABLE and len(revisions) > 1:
            findings += _fixed(f"{prefix}/{path}", revisions, IMMUTABLE[kind])
    return findings


def _kind(path: str) -> str:
    place = place_of(path)
    return place.kind if place else ""


def _pointer(shown: str, revisions: list[Revision], data: Mapping[str, bytes], complete: bool) -> list[Finding]:
    """A stage pointer's life: each promotion takes the next serial."""
    newest: Revision | None = None  # the pointer with the highest serial so far
    highest = 0
    told: list[Finding] = []
    wrong: list[tuple[str, str]] = []  # what is put right by the newest pointer
    for revision in revisions:
        at = f"in commit {revision.commit}"
        if revision.oid is None:
            wrong.append(("stage-emptied", f"the stage pointer vanished {at}"))
        elif (serial := _serial(data.get(revision.oid, b""))) is None:
            wrong.append(("no-serial", f"the stage pointer has no serial that can be read {at}"))
        elif serial > highest:
            if serial > highest + 1 and (complete or newest):
                told += _gap(shown, highest, serial, revision)
            newest, highest = revision, serial
        elif newest and revision.oid != newest.oid:
            message = f"the serial went from {highest} to {serial} {at}: an older pointer came back, or another took"
            wrong.append(("serial-went-back", f"{message} its place"))
    if newest and revisions[-1].oid == newest.oid:
        return told + [Finding(shown, None, code, message, level="warning") for code, message in wrong]
    remedy = f"Put the newest one back: `git checkout {newest.commit.id[:12]} -- {shown}`." if newest else None
    return told + [Finding(shown, None, code, message, remedy) for code, message in wrong]


def _gap(shown: str, highest: int, serial: int, revision: Revision) -> list[Finding]:
    """Serials that no commit here has. A merge may bring several at once: the others are on the branch that it took."""
    if len(revision.commit.parents) > 1:
        return []
    at = f"in commit {revision.commit}"
    if highest == 0:
        message = f"the stage begins with serial {serial} {at}: what was promoted before is not in this history"
        return [Finding(shown, None, "serial-begins-late", message, level="warning")]
    message = f"the serial went from {highest} to {serial} {at}: the promotions between them are not in this history"
    remedy = "Find the branch that has them: a push that was forced may have dropped it."
    return [Finding(shown, None, "serial-jumped", message, remedy)]


def _serial(data: bytes) -> int | None:
    """The serial alone: a pointer of an earlier format has one too."""
    try:
        parsed = strict_yaml.read(data).data
    except strict_yaml.YamlError:
        return None
    serial = parsed.get("serial") if isinstance(parsed, dict) else None
    return serial if isinstance(serial, int) and not isinstance(serial, bool) else None


def _fixed(shown: str, revisions: list[Revision], what: str) -> list[Finding]:
    """A file that never changes after it is registered."""
    first = revisions[0]
    stands = revisions[-1].oid == first.oid
    remedy = None if stands else f"Restore it: `git checkout {first.commit.id[:12]} -- {shown}`."
    return [
        Finding(
            shown,
            None,
            "immutable",
            f"{what} {'vanished' if one.oid is None else 'changed'} in commit {one.commit}; it was registered in "
            f"{first.commit} and never changes",
            remedy,
            "warning" if stands else "error",
        )
        for one in revisions[1:]
        if one.oid != first.oid
    ]
