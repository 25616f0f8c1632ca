"""Rounds: whose turn it is, and what they say together."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.evaluation import Metric
from modelbook.core.measuring.rounds import combined, turns


def slow(value: float | None, problem: str | None = None) -> dict[str, Metric]:
    return {"latency_ms": Metric(value=value, problem=problem, hardware=True), "accuracy": Metric(value=0.9, n=100)}


def test_neither_is_always_first() -> None:
    letters = "".join(side[0] for side in turns(4))
    assert letters == "cbbccbbc"


@given(st.integers(1, 50))
@settings(max_examples=20, derandomize=True, deadline=None)
def test_each_gets_its_rounds_and_an_even_drift_harms_both_alike(half: int) -> None:
    order = turns(2 * half)
    places = {side: [at for at, one in enumerate(order) if one == side] for side in ("candidate", "baseline")}
    assert [len(one) for one in places.values()] == [2 * half, 2 * half]
    assert sum(places["candidate"]) == sum(places["baseline"])


def test_of_what_depends_on_the_machine_a_round_is_one_of_the_sample() -> None:
    found = combined([slow(1.0), slow(2.0), slow(4.0), slow(3.0)])
    latency = found["latency_ms"]
    assert latency.interval is not None
    assert (latency.value, latency.n, latency.hardware) == (2.5, 4, True)
    assert latency.stderr == pytest.approx(math.sqrt(5 / 3) / 2)
    assert latency.interval.high == pytest.approx(2.5 + 3.1824463 * math.sqrt(5 / 3) / 2)
    assert found["accuracy"] == Metric(value=0.9, n=100)


def test_one_round_says_what_the_suite_said() -> None:
    assert combined([slow(1.0)]) == slow(1.0)


@pytest.mark.parametrize(
    ("rounds", "why"),
    [
        ([slow(1.0), slow(None, "nan, which is not finite")], "nan, which is not finite in round 2 of 2"),
        ([slow(1.0), {}], "missing in round 2 of 2"),
        ([{}, slow(1.0)], "missing in round 1 of 2"),
        ([slow(1e308), slow(-1e308)], "of rounds that differ by more than a float can hold"),
    ],
)
def test_a_number_that_one_round_does_not_have_is_none(rounds: list[dict[str, Metric]], why: str) -> None:
    assert combined(rounds)["latency_ms"] == Metric(problem=why, hardware=True)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=9))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_whatever_the_rounds_gave_it_can_be_written(values: list[float]) -> None:
    found = combined([slow(value) for value in values])["latency_ms"]
    assert (found.value is None) == (found.problem is not None)
    assert found.value is None or min(values) <= found.value <= max(values)
