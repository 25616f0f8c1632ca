"""What is being deleted, written down in the store before anything goes: an intent that others see, and a log.

trash/<plan>/keys/<attempt>/<8 digits>.jsonl   the objects, 1000 a segment
trash/<plan>/attempt.json                      whose list counts, of two that began at once: the first's
trash/plans/<plan>.json                        the plan. From now on it is under way, for everybody who looks
trash/<plan>/done/<8 digits>.json              what became of a segment
trash/<plan>/restoring, restored, purging      marks: that is going on, or over
trash/ended/<plan>.json                        it is over, and what was not deleted and why
trash/<plan>/objects/<key>                     what was put aside, where the store keeps no versions
"""

import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Literal

from modelbook.adapters.store import Store
from modelbook.core.pruning.prune_plan import LARGEST_PLAN, PrunePlan, read_plan, write_plan
from modelbook.core.pruning.stored import TRASH, stored_at
from modelbook.errors import BadInput, IntegrityError, ObjectExists, ObjectMissing

SEGMENT = 1000  # objects, as many as S3 deletes by one request
_PLANS = f"{TRASH}plans/"
_SEGMENT_LIMIT = 2 * 1024 * 1024  # bytes
Mark = Literal["restoring", "restored", "purging"]


class Journal:
    """The journal of one plan."""

    def __init__(self, store: Store, plan: str) -> None:
        self.store = store
        self.plan = plan
        self._top = f"{TRASH}{plan}/"
        self._intent = f"{_PLANS}{plan}.json"
        self._end = f"{TRASH}ended/{plan}.json"
        self._attempt = f"{self._top}attempt.json"

    def began(self) -> datetime | None:
        """When the intent was written, by the store's clock."""
        return self._written(self._intent)

    def ended(self) -> datetime | None:
        """When it was over, by the store's clock."""
        return self._written(self._end)

    def _written(self, key: str) -> datetime | None:
        """As a listing has it, by which the age of all else is told: a look at one object may round it."""
        return next((one.modified for one in self.store.list(key)), None)

    def begin(self, plan: PrunePlan, objects: Iterable[tuple[str, int]]) -> None:
        """Write the objects (key and size), then the intent. Where another one was first, his list is the one."""
        attempt = secrets.token_hex(8)
        rest = iter(objects)
        number = 0
        while batch := list(islice(rest, SEGMENT)):
            number += 1
            lines = "".join(json.dumps({"key": key, "size": size}) + "\n" for key, size in batch)
            self.store.put_bytes(f"{self._top}keys/{attempt}/{number:08d}.jsonl", lines.encode())
        self._put_once(self._attempt, {"keys": attempt})
        self.store.put_bytes(self._intent, write_plan(plan))

    def _put_once(self, key: str, told: dict[str, object]) -> None:
        """Say something, unless somebody did before: two may carry out one plan."""
        if self.store.stat(key) is None:
            with suppress(ObjectExists):
                self.store.put_bytes(key, json.dumps(told).encode())

    def mark(self, name: Mark) -> None:
        """Let everybody see that this is going on, or over."""
        self._put_once(f"{self._top}{name}", {})

    def marked(self, name: Mark) -> bool:
        """Whether it is."""
        return self.store.stat(f"{self._top}{name}") is not None

    def unmark(self, name: Mark) -> None:
        """It is over."""
        self.store.delete([f"{self._top}{name}"])

    def written(self) -> PrunePlan:
        """The plan that is carried out. Raises BadInput where there is none."""
        try:
            return read_plan(
                self.store.read_bytes(self._intent, limit=LARGEST_PLAN), f"{self.store.uri}/{self._intent}"
            )
        except ObjectMissing:
            known = ", ".join(sorted(plans(self.store))) or "none"
            raise BadInput(
                f"no plan {self.plan!r} was begun in this store, or it was purged since",
                where=self.store.uri,
                remedy=f"Plans: {known}.",
            ) from None

    def segments(self) -> Iterator[tuple[int, dict[str, int]]]:
        """Number, and size by key, of each segment.

        Raises IntegrityError for a key that is none of the plan's: whoever may write to the store could add it.
        """
        if self.store.stat(self._attempt) is None:
            return
        attempt = json.loads(self.store.read_bytes(self._attempt, limit=_SEGMENT_LIMIT))["keys"]
        prefixes = {group.prefix for group in self.written().groups}
        for info in self.store.list(f"{self._top}keys/{attempt}/"):
            number = int(info.key.rpartition("/")[2].partition(".")[0])
            lines = self.store.read_bytes(info.key, limit=_SEGMENT_LIMIT).splitlines()
            found = {one["key"]: one["size"] for one in map(json.loads, lines)}
            if others := [key for key in found if stored_at(key).group not in prefixes]:
                raise IntegrityError(
                    f"lists {others[0]}, which the plan does not: somebody changed it",
                    where=f"{self.store.uri}/{info.key}",
                    remedy="Find out who writes below trash/. Nothing of this list is touched.",
                )
            yield number, found

    def settled(self, number: int) -> bool:
        """Whether a segment is done with."""
        return self.store.stat(f"{self._top}done/{number:08d}.json") is not None

    def settle(self, number: int, skipped: dict[str, str]) -> None:
        """Say what of a segment was not deleted, and why."""
        self._put_once(f"{self._top}done/{number:08d}.json", {"skipped": skipped})

    def skipped(self) -> dict[str, str]:
        """What was not deleted, and why."""
        found: dict[str, str] = {}
        for info in self.store.list(f"{self._top}done/"):
            found |= json.loads(self.store.read_bytes(info.key, limit=_SEGMENT_LIMIT))["skipped"]
        return found

    def end(self, told: dict[str, object]) -> None:
        """Say that it is over."""
        self._put_once(self._end, told)

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
