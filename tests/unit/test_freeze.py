"""Windows without promotions: shut from the moment they begin to the moment they end, on the clock of their zone."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from modelbook.core.documents import DocumentError, load
from modelbook.core.freeze import Freeze, frozen, thaws
from modelbook.core.moments import moment, span, spoken, written
from modelbook.core.policy import Policy
from tests.made import POLICY

DECEMBER = {"begins": "2026-12-20T00:00", "ends": "2027-01-07T00:00"}
WEEKEND = {"begins": "0 18 * * FRI", "ends": "0 8 * * MON", "zone": "Europe/Berlin"}


def freeze(**fields: Any) -> Freeze:
    return Freeze.model_validate_json(json.dumps({"name": "window"} | fields))


@pytest.mark.parametrize(
    ("fields", "now", "until"),
    [
        (DECEMBER, "2026-12-19T23:59:59Z", None),
        (DECEMBER, "2026-12-20T00:00:00Z", "2027-01-07T00:00:00Z"),
        (DECEMBER, "2027-01-06T23:59:59Z", "2027-01-07T00:00:00Z"),
        (DECEMBER, "2027-01-07T00:00:00Z", None),
        (DECEMBER | {"zone": "Asia/Tokyo"}, "2026-12-19T15:00:00Z", "2027-01-06T15:00:00Z"),
        # winter time in Berlin is UTC+1, summer time UTC+2
        (WEEKEND, "2026-11-27T16:59:59Z", None),
        (WEEKEND, "2026-11-27T17:00:00Z", "2026-11-30T07:00:00Z"),
        (WEEKEND, "2026-11-29T12:00:00Z", "2026-11-30T07:00:00Z"),
        (WEEKEND, "2026-11-30T06:59:59Z", "2026-11-30T07:00:00Z"),
        (WEEKEND, "2026-11-30T07:00:00Z", None),
        (WEEKEND, "2026-07-03T16:00:00Z", "2026-07-06T06:00:00Z"),
        # the clock is put forward, or back, while it is shut
        (WEEKEND, "2026-03-27T17:00:00Z", "2026-03-30T06:00:00Z"),
        (WEEKEND, "2026-10-23T16:00:00Z", "2026-10-26T07:00:00Z"),
        ({"begins": "0 0 20 12 *", "ends": "0 0 7 1 *"}, "2030-01-01T00:00:00Z", "2030-01-07T00:00:00Z"),
        ({"begins": "0 0 29 2 *", "ends": "0 0 1 3 *"}, "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"),
        ({"begins": "0 0 29 2 *", "ends": "0 0 1 3 *"}, "2027-02-28T12:00:00Z", None),
    ],
)
def test_it_is_shut_from_its_beginning_to_its_end(fields: dict[str, Any], now: str, until: str | None) -> None:
    assert freeze(**fields).until(now) == until


@given(at=st.integers(0, 366 * 24 * 60), weeks=st.sampled_from(["UTC", "Asia/Tokyo", "America/Phoenix"]))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_a_week_is_shut_as_its_hours_say_where_no_clock_is_ever_put_forward(at: int, weeks: str) -> None:
    hours = {"UTC": 0, "Asia/Tokyo": 9, "America/Phoenix": -7}[weeks]
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=at)
    local = now + timedelta(hours=hours)
    since_friday = (local - (local - timedelta(days=(local.weekday() - 4) % 7)).replace(hour=18, minute=0)) % timedelta(
        days=7
    )
    shut = since_friday < timedelta(days=2, hours=14)
    until = freeze(**WEEKEND | {"zone": weeks}).until(written(now))
    assert (until is not None) == shut
    if until:
        assert moment(until) == now - since_friday + timedelta(days=2, hours=14)
        assert freeze(**WEEKEND | {"zone": weeks}).until(until) is None


@given(at=st.integers(0, 400 * 24 * 3600), zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_an_end_lies_ahead_and_is_reached(at: int, zone: str) -> None:
    """In every zone, around every change of its clock: windows of the night in which clocks change."""
    now = written(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=at))
    window = freeze(begins="30 1 * * *", ends="30 2 * * *", zone=zone)
    if until := window.until(now):
        assert now < until
        assert moment(until) - moment(now) <= timedelta(hours=3)
        assert window.until(until) is None


def test_a_window_may_be_of_some_stages_and_several_follow_each_other() -> None:
    windows = (freeze(**WEEKEND), freeze(begins="2026-11-30T00:00", ends="2026-12-02T00:00", stages=["production"]))
    friday = "2026-11-27T20:00:00Z"
    assert list(frozen(windows, "staging", friday).values()) == ["2026-11-30T07:00:00Z"]
    assert thaws(windows, "staging", friday) == "2026-11-30T07:00:00Z"
    assert thaws(windows, "production", friday) == "2026-12-02T00:00:00Z"
    assert thaws((), "production", friday) == friday


def test_nobody_waits_for_what_never_opens() -> None:
    always = (freeze(begins="0 0 * * *", ends="0 12 * * *"), freeze(begins="0 12 * * *", ends="0 0 * * *"))
    assert thaws(always, "production", "2026-11-27T20:00:00Z") is None


NEVER = r"there is no such time"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("soak: -1h", 'stages.1.soak: a length of time is a whole number with m, h or d, as in 24h (it is "-1h")', 9),
        ("soak: 24", "stages.1.soak: ", 9),
        ("soak: 0h", "a length of time is", 9),
        ("zone: Europe/Atlantis", "freeze.0.zone: no time zone has this name", 16),
        ("zone: Europe", "no time zone has this name", 16),
        ("zone: ../../etc/passwd", "a time zone is named as in Europe/Berlin", 16),
        ("begins: 2026-12-20", "a time is five cron fields", 16),
        ("begins: 0 18 * *", "a time is five cron fields", 16),
        ("begins: '* * * * * *'", "a time is five cron fields", 16),
        ("begins: 61 18 * * FRI", "freeze.0.begins: there is no such time: bad minute", 16),
        ("ends: 0 0 30 2 *", "freeze.0.ends: there is no such time: bad day-of-month", 16),
        ("ends: 2026-02-30T00:00", "freeze.0.ends: there is no such time", 16),
        ("ends: 0 18 * * FRI", "freeze.0: it ends whenever it begins", 15),
        ("ends: 2027-01-07T00:00", "freeze.0: `begins` and `ends` are of one kind", 15),
        ("override: []", "freeze.0.override: ", 16),
        ("stages: []", "freeze.0.stages: ", 16),
    ],
)
def test_nonsense_is_refused_with_its_line(text: str, message: str, line: int) -> None:
    key = text.partition(":")[0]
    policy = POLICY
    if key == "soak":
        policy = policy.replace("- name: production\n", f"- name: production\n  {text}\n")
    else:
        fields = {"begins": "0 18 * * FRI", "ends": "0 8 * * MON"} | {key: text.partition(": ")[2]}
        first = [text] + [f"{name}: {value}" for name, value in fields.items() if name != key]
        policy += "freeze:\n- name: weekend\n" + "".join(f"  {one}\n" for one in first)
    with pytest.raises(DocumentError) as caught:
        load(Policy, policy.encode(), "policy.yaml")
    (finding,) = caught.value.findings
    assert message in finding.message
    assert finding.line == line


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "- name: staging\n",
            "- name: staging\n  soak: 1h\n",
            "'staging' is the first stage, so there is none before it",
        ),
        ("", "freeze: [{name: a, begins: 0 0 * * *, ends: 1 0 * * *, stages: [prod]}]\n", "no stage is named so"),
        ("", "freeze: [" + "{name: a, begins: 0 0 * * *, ends: 1 0 * * *}," * 2 + "]\n", "are named 'a'"),
    ],
)
def test_what_could_never_have_an_effect_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        load(Policy, (POLICY.replace(old, new, 1) if old else POLICY + new).encode(), "policy.yaml")


def test_a_window_at_the_very_end_of_the_calendar_is_refused_where_utc_has_no_such_time() -> None:
    assert freeze(begins="2026-01-01T00:00", ends="9999-12-31T23:59").until("2026-06-01T00:00:00Z")
    with pytest.raises(ValidationError, match="outside of what a calendar holds"):
        freeze(begins="2026-01-01T00:00", ends="9999-12-31T23:59", zone="America/New_York")


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    for ends in ("2026-12-19T00:00", "2026-12-20T00:00"):
        with pytest.raises(ValidationError, match="it ends before it begins"):
            freeze(begins="2026-12-20T00:00", ends=ends)


@pytest.mark.parametrize(("text", "length"), [("90m", "1h 30m"), ("24h", "1d"), ("7d", "7d"), ("1500m", "1d 1h")])
def test_a_length_of_time_is_read_and_spoken(text: str, length: str) -> None:
    assert spoken(span(text)) == length
