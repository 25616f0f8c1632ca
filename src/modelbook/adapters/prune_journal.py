"""What is being deleted, written down in the store before anything goes: an intent that others see, and a log.

trash/<plan>/keys/<8 digits>.jsonl   the objects, 1000 a segment
trash/<plan>/plan.json               the plan. From now on it is under way, for everybody who looks
trash/<plan>/done/<8 digits>.json    what became of a segment
trash/<plan>/done.json               it is over, and what was not deleted and why
trash/<plan>/objects/<key>           what was put aside, where the store keeps no versions
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from modelbook.adapters.store import Store
from modelbook.core.pruning.prune_plan import LARGEST_PLAN, PrunePlan, read_plan, write_plan
from modelbook.core.pruning.stored import TRASH
from modelbook.errors import BadInput, ObjectMissing

SEGMENT = 1000  # objects, as many as S3 deletes by one request
_PLANS = f"{TRASH}plans/"
_SEGMENT_LIMIT = 2 * 1024 * 1024  # bytes


class Journal:
    """The journal of one plan."""

    def __init__(self, store: Store, plan: str) -> None:
        self.store = store
        self.plan = plan
        self._top = f"{TRASH}{plan}/"
        self._intent = f"{_PLANS}{plan}.json"
        self._end = f"{TRASH}ended/{plan}.json"

    def begun(self) -> bool:
        """Whether the intent is there."""
        return self.store.stat(self._intent) is not None

    def ended(self) -> datetime | None:
        """When it was over, by the store's clock."""
        found = self.store.stat(self._end)
        return found.modified if found else None

    def begin(self, plan: PrunePlan, objects: Iterable[tuple[str, int]]) -> None:
        """Write the objects (key and size), then the intent. What an attempt before left without one is discarded."""
        self.store.delete([one.key for one in self.store.list(f"{self._top}keys/")])
        rest = iter(objects)
        number = 0
        while batch := list(islice(rest, SEGMENT)):
            number += 1
            lines = "".join(json.dumps({"key": key, "size": size}) + "\n" for key, size in batch)
            self.store.put_bytes(f"{self._top}keys/{number:08d}.jsonl", lines.encode())
        self.store.put_bytes(self._intent, write_plan(plan))

    def written(self) -> PrunePlan:
        """The plan that is carried out. Raises BadInput where there is none."""
        try:
            return read_plan(
                self.store.read_bytes(self._intent, limit=LARGEST_PLAN), f"{self.store.uri}/{self._intent}"
            )
        except ObjectMissing:
            known = ", ".join(sorted(plans(self.store))) or "none"
            raise BadInput(
                f"no plan {self.plan!r} was begun in this store", where=self.store.uri, remedy=f"Plans: {known}."
            ) from None

    def segments(self) -> Iterator[tuple[int, dict[str, int]]]:
        """Number, and size by key, of each segment."""
        for info in self.store.list(f"{self._top}keys/"):
            number = int(info.key.rpartition("/")[2].partition(".")[0])
            lines = self.store.read_bytes(info.key, limit=_SEGMENT_LIMIT).splitlines()
            yield number, {one["key"]: one["size"] for one in map(json.loads, lines)}

    def settled(self, number: int) -> bool:
        """Whether a segment is done with."""
        return self.store.stat(f"{self._top}done/{number:08d}.json") is not None

    def settle(self, number: int, skipped: dict[str, str]) -> None:
        """Say what of a segment was not deleted, and why."""
        key = f"{self._top}done/{number:08d}.json"
        if self.store.stat(key) is None:
            self.store.put_bytes(key, json.dumps({"skipped": skipped}).encode())

    def skipped(self) -> dict[str, str]:
        """What was not deleted, and why."""
        found: dict[str, str] = {}
        for info in self.store.list(f"{self._top}done/"):
            found |= json.loads(self.store.read_bytes(info.key, limit=_SEGMENT_LIMIT))["skipped"]
        return found

    def end(self, told: dict[str, object]) -> None:
        """Say that it is over."""
        if self.ended() is None:
            self.store.put_bytes(self._end, json.dumps(told).encode())

    def forget(self) -> None:
        """Remove the journal itself."""
        self.store.delete([one.key for one in self.store.list(self._top)])
        for key in (self._intent, self._end):
            self.store.delete([key])


def plans(store: Store) -> set[str]:
    """The plans that the store has a journal of."""
    return {info.key.removeprefix(_PLANS).removesuffix(".json") for info in store.list(_PLANS)}


def under_way(store: Store) -> Iterator[tuple[str, PrunePlan]]:
    """The plans that are being carried out, or were broken off."""
    for name in sorted(plans(store)):
        journal = Journal(store, name)
        if journal.ended() is None:
            yield name, journal.written()
