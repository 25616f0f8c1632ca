"""Whether the bucket has all that the registry names, and what it has beside that."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from modelbook.core.digests import prefixed
from modelbook.core.doctor.health import Check
from modelbook.core.listed import listed, many
from modelbook.core.pruning.prune_words import amount
from modelbook.core.pruning.reachability import Reach
from modelbook.core.pruning.retention import DIED, Verdict
from modelbook.core.pruning.stored import stored_at
from modelbook.core.storage import blob_key, examples_key

_SHOWN = 5


@dataclass
class Comparison:
    """A store beside a registry: `missing` shrinks as the listing goes by, by key with the name of what needs it."""

    reach: Reach
    missing: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    goes: dict[str, list[int]] = field(default_factory=dict)
    foreign: int = 0
    dead: set[str] = field(default_factory=set)
    _blobs: set[bytes] = field(default_factory=set)
    _examples: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.missing = {key: name for key, (name, _) in self.reach.artifacts.items()}
        self._blobs, self._examples = set(self.reach.blobs), set(self.reach.examples)

    def add(self, verdict: Verdict) -> None:
        """Look at what was judged next."""
        for one in verdict.objects:
            at = stored_at(one.key)
            self.foreign += at.part == "foreign"
            if (name := self.missing.pop(one.key, None)) and one.size != self.reach.artifacts[one.key][1]:
                self.wrong[one.key] = name
            self._blobs.discard(at.digest)
            self._examples.discard(at.digest)
            if DIED in verdict.why:
                self.dead.add(at.run)
        if verdict.kind:
            tally = self.goes.setdefault(verdict.kind, [0, 0])
            tally[0] += len(verdict.objects)
            tally[1] += verdict.bytes

    def there(self, key: str) -> None:
        """Take note of an object that was brought back."""
        self.missing.pop(key, None)
        self._blobs.discard(stored_at(key).digest)
        self._examples.discard(stored_at(key).digest)

    def gone(self) -> dict[str, str]:
        """By key: what a card names, and is not there."""
        blobs = {blob_key(prefixed(one.hex())): "a dataset version" for one in self._blobs}
        examples = {examples_key(prefixed(one.hex())): "an evaluation" for one in self._examples}
        return self.missing | blobs | examples

    def checks(self, under_way: Mapping[str, int], repaired: int) -> list[Check]:
        """What is to be said. `under_way` are plans that were begun and not ended, by their objects."""
        return [*self._there(repaired), *self._left(under_way)]

    def _there(self, repaired: int) -> Iterator[Check]:
        gone = self.gone()
        if repaired:
            yield Check("store", "restored", "ok", f"{many(repaired, 'file')} of a card brought back from the trash")
        if gone:
            message = f"{many(len(gone), 'file')} named and not there: {_listed(gone)}"
            yield Check("store", "complete", "problem", message, "modelbook doctor store --repair, or a backup")
        else:
            yield Check("store", "complete", "ok", "every file that a card names is there")
        if self.wrong:
            message = f"{many(len(self.wrong), 'file')} of another size than the card says: {_listed(self.wrong)}"
            yield Check("store", "sizes", "problem", message, "Find out who else writes to the bucket")

    def _left(self, under_way: Mapping[str, int]) -> Iterator[Check]:
        for name, count in under_way.items():
            message = f"the plan {name} of {many(count, 'object')} was begun and is not over"
            yield Check("store", "plans", "warning", message, f"Apply it again, or: modelbook prune restore {name}")
        for kind, (count, size) in sorted(self.goes.items()):
            message = f"{kind}: {amount(count, size)}, that nothing names and no rule keeps"
            yield Check("store", "orphans", "warning", message, "modelbook prune plan")
        if self.dead:
            message = f"{many(len(self.dead), 'run')} whose process died: {', '.join(sorted(self.dead)[:_SHOWN])}"
            yield Check("store", "runs", "warning", message, "modelbook train --resume ID, or modelbook prune plan")
        if self.foreign:
            message = f"{many(self.foreign, 'object')} of no store: Modelbook never touches them"
            yield Check("store", "foreign", "ok", message)


def without_manifests(lost: Iterable[str]) -> Check:
    """What is to be said where manifests are gone, by key: nothing else can be, since all data would seem nobody's."""
    keys = sorted(lost)
    shown = listed(keys, _SHOWN)
    message = f"{many(len(keys), 'manifest')} of dataset versions not there, so nobody knows what they list: {shown}"
    return Check("store", "manifests", "problem", message, "modelbook doctor store --repair, or a backup")


def _listed(found: Mapping[str, str]) -> str:
    return listed([f"{key} ({name})" for key, name in found.items()], _SHOWN)
