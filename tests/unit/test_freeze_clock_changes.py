"""Windows in the nights in which a clock is put forward or back, held against a look at that clock minute by minute."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from modelbook.core.freeze import Freeze
from modelbook.core.moments import written

MINUTE = timedelta(minutes=1)
# Put forward and back: by an hour at two, by half an hour, at midnight; and never.
NIGHTS = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("America/Havana", "2026-03-08"),
    ("America/Havana", "2026-11-01"),
    ("Asia/Kolkata", "2026-03-29"),
]
WINDOWS = ["01:30 02:30", "02:00 03:00", "02:30 03:30", "00:30 01:30", "22:00 02:15", "00:00 01:00", "02:15 02:45"]
Times = dict[time, list[datetime]]


def minutes(begin: datetime, days: int) -> Iterator[datetime]:
    return (begin + number * MINUTE for number in range(days * 24 * 60))


@cache
def table(zone: str, begin: datetime) -> Times:
    """When (UTC) a clock shows each minute of the day first, in seven days; one that it skips counts as it jumps on."""
    found: Times = defaultdict(list)
    seen: set[datetime] = set()
    before: datetime | None = None
    for at in minutes(begin, 7):
        shown = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        passed = shown - MINUTE if before is None else min(before, shown - MINUTE)
        while passed < shown:
            passed += MINUTE
            if passed not in seen and (before is None or shown > before):
                found[passed.time()].append(at)
            seen.add(passed)
        before = shown
    return found


def expected(times: Times, begins: time, ends: time, now: datetime) -> str | None:
    """When the window that `now` lies in ends: the last that began has not ended yet."""
    begun = max((one for one in times[begins] if one <= now), default=None)
    ended = max((one for one in times[ends] if one <= now), default=None)
    if begun is None or (ended is not None and ended >= begun):
        return None
    return written(min(one for one in times[ends] if one > now))


def disagreements(zone: str, night: str, hours: str, every: int) -> list[tuple[str, str | None, str | None]]:
    """(now, what is said, what the clock says) in the night and the days around it, looked at every so many minutes.

    Around each beginning and end, and each hour, it is looked at anyhow.
    """
    begin = datetime.fromisoformat(night).replace(tzinfo=UTC) - timedelta(days=3)
    times = table(zone, begin)
    begins, ends = (time.fromisoformat(each) for each in hours.split())
    fields = {name: f"{at.minute} {at.hour} * * *" for name, at in (("begins", begins), ("ends", ends))}
    window = Freeze.model_validate_json(json.dumps({"name": "night", "zone": zone} | fields))
    edges = {at + step * MINUTE for each in (begins, ends) for at in times[each] for step in (-1, 0, 1)}
    found = []
    for number, now in enumerate(minutes(begin + timedelta(days=2), 2)):
        if number % every == 0 or now.minute in {0, 59} or now in edges:
            said, wanted = window.until(written(now)), expected(times, begins, ends, now)
            found += [(written(now), said, wanted)] if said != wanted else []
    return found


@pytest.mark.parametrize(("zone", "night"), NIGHTS)
def test_a_window_is_shut_as_the_clock_on_the_wall_says(zone: str, night: str) -> None:
    """An hour that comes twice begins or ends nothing twice, and one that never comes does so as the clock jumps on."""
    assert [one for hours in WINDOWS for one in disagreements(zone, night, hours, every=24 * 60)] == []


@pytest.mark.campaign
@pytest.mark.parametrize("hours", WINDOWS)
@pytest.mark.parametrize(("zone", "night"), NIGHTS)
def test_it_is_at_every_single_minute(zone: str, night: str, hours: str) -> None:
    assert disagreements(zone, night, hours, every=1) == []


def test_the_night_that_was_mistaken() -> None:
    """What began at half past two, before the clock went back to two, is not open from then on until half past two."""
    window = Freeze(name="night", begins="30 2 * * *", ends="30 3 * * *", zone="Europe/Berlin")
    for now in ("2026-10-25T00:30:00Z", "2026-10-25T00:59:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:29:00Z"):
        assert window.until(now) == "2026-10-25T02:30:00Z"
