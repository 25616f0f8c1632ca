"""What of a store goes and what stays, and why: read off a listing in key order, one run or one shard in memory."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Protocol

from modelbook.core.digests import prefixed
from modelbook.core.judging.cel import nested
from modelbook.core.keep import Keep, Kind
from modelbook.core.moments import span
from modelbook.core.pruning.keep_conditions import kept_by
from modelbook.core.pruning.reachability import Named, Reach, facts_of
from modelbook.core.pruning.stored import group_of, stored_at
from modelbook.core.records import Digest
from modelbook.core.runs.run_state import RunState
from modelbook.errors import BadInput


class Listed(Protocol):
    """An object of a store: its key, its size in bytes, when it was written (UTC)."""

    @property
    def key(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def modified(self) -> datetime: ...


_TRIAL = re.compile(r"(.+)-[0-9]{4}(-s[1-9][0-9]?)?")
FOREIGN = "no object of a store: somebody else's"
DIED = ", whose process died"


@dataclass(frozen=True)
class Verdict:
    """What becomes of some objects: they go as `kind`, or stay where that is None; `why` is for people."""

    prefix: str
    why: str
    objects: Sequence[Listed]
    kind: Kind | None = None

    @property
    def bytes(self) -> int:
        """Their size together."""
        return sum(one.size for one in self.objects)

    @property
    def own(self) -> bool:
        """Whether they are the store's: neither somebody else's nor thrown away."""
        return bool(self.prefix) and self.why != FOREIGN


@dataclass(frozen=True)
class RunFacts:
    """What the log of a run says: what conditions may read, and the folders of the checkpoints that count.

    `trial` says that it is one of a sweep.
    """

    state: dict[str, Any] = field(default_factory=dict)
    folders: frozenset[str] = frozenset()
    trial: bool = False


ReadRun = Callable[[str], RunFacts | str | None]
"""The log of a run by its id: None where it has none, a text that says why it cannot be read."""


def facts_of_log(state: RunState) -> RunFacts:
    """What of a run's state counts for retention."""
    metrics = {name: point.value for name, point in state.metrics.items() if abs(point.value) < float("inf")}
    read = {"tags": list(state.tags), "params": dict(state.params), "metrics": nested(metrics)}
    read |= {"status": state.status, "experiment": state.start.experiment}
    return RunFacts(read, frozenset(one.folder for one in state.checkpoints), state.start.trial is not None)


def fingerprint(objects: Iterable[Listed]) -> Digest:
    """The digest of a list of objects: their keys, sizes, and times to the second, in this order."""
    seen = hashlib.sha256()
    for one in objects:
        seen.update(f"{one.key}\0{one.size}\0{int(one.modified.timestamp())}\n".encode())
    return prefixed(seen.hexdigest())


def judge(listing: Iterable[Listed], reach: Reach, keep: Keep, now: datetime, read: ReadRun) -> Iterator[Verdict]:
    """Judge every object of `listing`, which is in order of its keys, at `now` (UTC).

    What is not a store's own is told as foreign, and never goes. Raises what `listing` raises: a listing that breaks
    off is no listing. Raises BadInput where it is not in order.
    """
    rules = _Judge(reach, keep, now, read)
    for group, objects in groupby(_in_order(listing), key=lambda one: group_of(one.key)):
        if group.startswith("runs/"):
            yield from rules.run(group.split("/")[1], list(objects))
        elif group in {"trash", "foreign"}:
            # There may be any number of these, and nothing is asked of them: they are counted one by one.
            why = "was deleted, and can be restored" if group == "trash" else FOREIGN
            yield from (Verdict("", why, [one]) for one in objects)
        elif group.startswith("sweeps/"):
            yield rules.sweep(group, list(objects))
        else:
            yield from rules.shard(group, list(objects))


def _in_order(listing: Iterable[Listed]) -> Iterator[Listed]:
    """The listing, as long as it is one: out of order, part of a run would be taken for all of it."""
    before = ""
    for one in listing:
        if one.key <= before:
            raise BadInput(
                f"the store lists {one.key!r} after {before!r}, and not in order of its keys",
                remedy="Nothing was deleted. A directory bucket (S3 Express) lists like that: keep no store in one.",
            )
        before = one.key
        yield one


@dataclass(frozen=True)
class _Judge:
    reach: Reach
    keep: Keep
    now: datetime
    read: ReadRun
    sweeps: set[str] = field(default_factory=set)  # of which a trial, by its name, stays

    def sweep(self, group: str, objects: list[Listed]) -> Verdict:
        """The file that a sweep began with: it goes after the last of its trials, which were judged before it."""
        if self.keep.sweeps is None or group.split("/")[1] in self.sweeps:
            return Verdict(group, "a sweep began with it", objects)
        if young := self._young("sweeps", objects[0]):
            return Verdict(group, young, objects)
        return Verdict(group, "the file of a sweep of which no trial is left", objects, "sweeps")

    def shard(self, group: str, objects: list[Listed]) -> Iterator[Verdict]:
        """Dataset files, or results of each example: each stands for itself."""
        kind: Kind = "datasets" if group.startswith("datasets/") else "orphans"
        found: dict[str, list[Listed]] = {}
        for one in objects:
            if self.reach.names(one.key):
                why = "a dataset version names it" if kind == "datasets" else "an evaluation names it"
            else:
                why = self._young(kind, one) or ""
            found.setdefault(why, []).append(one)
        for why, those in sorted(found.items()):
            named = "dataset version" if kind == "datasets" else "evaluation"
            goes = f"no {named} names it, {self._days(kind)} days old or more"
            yield Verdict(group, why, those) if why else Verdict(group, goes, those, kind)

    def run(self, run: str, objects: list[Listed]) -> Iterator[Verdict]:
        """A run: its model, its checkpoints, its log. What is left of it keeps its log."""
        verdicts = list(self._run(run, objects))
        if (trial := _TRIAL.fullmatch(run)) and any(verdict.kind is None for verdict in verdicts):
            self.sweeps.add(trial[1])
        yield from verdicts

    def _run(self, run: str, objects: list[Listed]) -> Iterator[Verdict]:
        latest = max(one.modified for one in objects)
        named = self.reach.runs.get(run)
        if self.now - latest < span(self.keep.grace):
            # Its heartbeat: a run that trains writes its log, and one that was just finished is about to be registered.
            yield Verdict(f"runs/{run}/", f"written to in the last {self.keep.grace}", objects)
            return
        parts: dict[str, list[Listed]] = {}
        for one in objects:
            parts.setdefault(stored_at(one.key).group, []).append(one)
        if others := parts.pop("", None):
            yield Verdict(f"runs/{run}/", FOREIGN, others)
        facts = (
            None
            if named and not named.revoked and not any("/checkpoints/" in part for part in parts)
            else self.read(run)
        )
        verdicts = [self._part(run, part, those, named, facts) for part, those in parts.items()]
        kept = any(verdict.kind is None and verdict.prefix != f"runs/{run}/" for verdict in verdicts)
        for verdict in verdicts:
            if kept and verdict.kind in {"logs", "sweeps"}:
                yield Verdict(verdict.prefix, "what is left of its run needs it", verdict.objects)
            else:
                yield verdict

    def _part(
        self, run: str, part: str, objects: list[Listed], named: Named | None, facts: RunFacts | str | None
    ) -> Verdict:
        checkpoint = "/checkpoints/" in part
        if whose := next((self.reach.elsewhere[one.key] for one in objects if one.key in self.reach.elsewhere), None):
            return Verdict(part, f"is {whose}: its card names a file here", objects)
        if isinstance(facts, str):
            return Verdict(part, f"its log cannot be read: {facts}", objects)
        if named and not checkpoint:
            if not named.revoked:
                return Verdict(part, f"is {named.name}: {named.why}", objects)
            if named.bound or self.keep.versions is None:
                return Verdict(part, f"is revoked, and {named.bound or 'versions are kept'}", objects)
        kind: Kind = "versions" if named else "runs" if facts else "orphans"
        if checkpoint:
            best = facts is not None and part.split("/")[3] in facts.folders
            kind = "best_checkpoints" if best else "checkpoints"
        elif part == f"runs/{run}/" and not named:
            kind = "sweeps" if facts and facts.trial else "logs"
            if kind == "sweeps" and self.keep.sweeps is None:
                return Verdict(part, "is what a sweep found", objects)
        latest = max(objects, key=lambda one: one.modified)
        if young := self._young(kind, latest):
            return Verdict(part, young, objects)
        rule = self.keep.rule(kind)
        age = (self.now - latest.modified) / timedelta(days=1)
        if rule and (condition := kept_by(rule, facts_of(named, facts.state if facts else {}, age))):
            return Verdict(part, f"kept by {condition}", objects)
        what = f"of {named.name}" if named else "of a run that nobody registered"
        if facts and facts.state.get("status") == "running":
            what += DIED
        return Verdict(part, f"{_WORDS[kind]} {what}, {self._days(kind)} days old or more", objects, kind)

    def _young(self, kind: Kind, one: Listed) -> str | None:
        """Why the object is too young to go; one from the future is."""
        days = max(timedelta(days=self._days(kind)), span(self.keep.grace))
        return None if self.now - one.modified >= days else f"{_WORDS[kind]} younger than {days.days} days"

    def _days(self, kind: Kind) -> int:
        rule = self.keep.rule(kind)
        return rule.days if rule else 36500


_WORDS: dict[Kind, str] = {
    "versions": "model files, revoked,",
    "runs": "model files",
    "best_checkpoints": "the best and the latest checkpoint",
    "checkpoints": "checkpoints that were superseded",
    "logs": "log and record",
    "sweeps": "what a sweep found",
    "datasets": "dataset files",
    "orphans": "files that nothing names",
}
