"""A run as it lies in a store: its segments, its events, its record."""

import re
from collections.abc import Iterator

from pydantic import ValidationError

from modelbook.adapters.store import ObjectInfo, Store
from modelbook.core.run_record import RunRecord
from modelbook.core.runs.run_log import Event, decode
from modelbook.core.storage import log_key, run_key, uri_of
from modelbook.errors import IntegrityError, ObjectMissing

READERS = 16  # logs that are read at once: a store answers slowly, and many at a time
_SEGMENT_LIMIT = 16 * 1024 * 1024  # bytes
_RECORD_LIMIT = 16 * 1024 * 1024


def segments(store: Store, run: str) -> Iterator[tuple[int, int]]:
    """Number and size in bytes of each segment of the run's log, in order."""
    prefix = log_key(run, 0).rpartition("/")[0] + "/"
    for info in store.list(prefix):
        if found := re.fullmatch(r"([0-9]{8,})\.jsonl", info.key.removeprefix(prefix)):
            yield int(found.group(1)), info.size


def list_logs(store: Store, runs: str = "") -> dict[str, list[ObjectInfo]]:
    """The segments of each run that has logged anything and whose id begins with `runs`, by run."""
    found: dict[str, list[ObjectInfo]] = {}
    for info in store.list(f"runs/{runs}"):
        _, run, *below = info.key.split("/")
        if len(below) == 2 and below[0] == "log":
            found.setdefault(run, []).append(info)
    return found


def read_events(store: Store, run: str, *, before: int | None = None) -> list[Event]:
    """The run's log so far, or its segments with a number below `before`; empty if there is no such run.

    Raises IntegrityError if a segment is missing between two others, BadInput for a broken line.
    """
    events: list[Event] = []
    expected = 1
    for number, _ in segments(store, run):
        if before is not None and number >= before:
            break
        if number != expected:
            raise IntegrityError(
                "a segment of the run's log is missing", where=uri_of(store.uri, log_key(run, expected))
            )
        key = log_key(run, number)
        events += decode(store.read_bytes(key, limit=_SEGMENT_LIMIT), uri_of(store.uri, key))
        expected += 1
    return events


def read_record(store: Store, run: str) -> RunRecord | None:
    """The record of a completed run, or None where there is none. Raises IntegrityError if broken."""
    key = run_key(run)
    try:
        return RunRecord.model_validate_json(store.read_bytes(key, limit=_RECORD_LIMIT))
    except ObjectMissing:
        return None
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise IntegrityError(f"is no record of a run: {problem}", where=uri_of(store.uri, key)) from None
