"""Sweeps as they lie in a store: the file that each began with, and the runs that are its trials."""

from collections.abc import Iterable
from functools import partial

from modelbook.adapters.parallel import move_all
from modelbook.adapters.store import Progress, Store
from modelbook.core.digests import digest_of
from modelbook.core.names import check_name
from modelbook.core.runs.run_log import RunStarted
from modelbook.core.storage import sweep_key, uri_of
from modelbook.core.strict_yaml import MAX_BYTES
from modelbook.core.sweeps.sweep import Sweep
from modelbook.core.sweeps.sweep_checks import load_sweep
from modelbook.core.sweeps.trials import Leg, TrialResult, check_owner, result_of, runs_of, unreadable
from modelbook.errors import BadInput, IntegrityError, ObjectExists, ObjectMissing
from modelbook.training.run_reader import list_logs, read_events

_READERS = 8  # logs that are read at once


def claim(store: Store, sweep: Sweep, data: bytes) -> None:
    """Put the sweep's file into the store, where the first one of a name stays.

    Raises BadInput where another file has that name: a sweep that is changed while it runs is another sweep.
    """
    try:
        store.put_bytes(sweep_key(sweep.name), data)
    except ObjectExists:
        raise _changed(store, sweep) from None


def check_unchanged(store: Store, sweep: Sweep, data: bytes) -> None:
    """As `claim`, without beginning a sweep that has not begun."""
    try:
        began = store.read_bytes(sweep_key(sweep.name), limit=MAX_BYTES)
    except ObjectMissing:
        return
    if began != data:
        raise _changed(store, sweep)


def _changed(store: Store, sweep: Sweep) -> BadInput:
    return BadInput(
        f"the sweep {sweep.name!r} began with another file than this one",
        where=uri_of(store.uri, sweep_key(sweep.name)),
        remedy=f"Put the file back as it was, or give it another name and `inherit: [{sweep.name}]`.",
    )


def read_file(store: Store, name: str) -> bytes:
    """The file that a sweep began with. Raises BadInput where there is no such sweep."""
    try:
        return store.read_bytes(sweep_key(check_name(name, "sweep")), limit=MAX_BYTES)
    except ObjectMissing:
        known = ", ".join(list_sweeps(store)) or "none"
        raise BadInput(f"there is no sweep {name!r} in {store.uri}", remedy=f"There are: {known}.") from None


def list_sweeps(store: Store) -> list[str]:
    """The names of all sweeps that began. Whoever may write to the store may have put others there."""
    parts = (info.key.split("/") for info in store.list("sweeps/"))
    return sorted(part[1] for part in parts if len(part) == 3 and part[2] == "sweep.yaml")


def read_trials(store: Store, sweep: Sweep, digest: str, *, known: Iterable[TrialResult] = ()) -> list[TrialResult]:
    """The trials of a sweep whose file has this digest, in the order of their numbers.

    Of those among `known` that have ended nothing is read again: nothing changes them. One whose log is broken has
    failed, and the others count. Raises BadInput where a run that is named as a trial is none of this file's.
    """
    settled = {one.leg: one for one in known if one.ended}
    runs = runs_of(sweep.name, list_logs(store, f"{sweep.name}-"))

    def read(leg: Leg, run: str, _report: Progress) -> TrialResult:
        try:
            events = read_events(store, run)
        except (BadInput, IntegrityError) as error:
            return unreadable(leg, run, f"its log cannot be read: {error.message}")
        start = events[0] if events and isinstance(events[0], RunStarted) else None
        check_owner(start.trial if start else None, sweep.name, digest, leg)
        return result_of(sweep, leg, events)

    tasks = [partial(read, leg, run) for leg, run in runs.items() if leg not in settled]
    fresh = {one.leg: one for one in move_all(tasks, workers=_READERS)}
    return [fresh.get(leg) or settled[leg] for leg in runs]


def read_inherited(store: Store, sweep: Sweep) -> list[TrialResult]:
    """The trials that ended of the sweeps that this one inherits from, judged by this one's metric."""
    found = []
    for name in sweep.inherit:
        data = read_file(store, name)
        load_sweep(data, uri_of(store.uri, sweep_key(name)))
        asked = sweep.model_copy(update={"name": name})
        found += [one for one in read_trials(store, asked, digest_of(data)) if one.ended and not one.leg.repeat]
    return found
