"""What a suite writes of a sample: the library's statistics, and nothing where there is nothing to say."""

import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelbook.core.evaluation import Metric
from modelbook.core.judging.significance import estimate_of
from modelbook.core.measuring.estimates import fewest, mean, percentile, proportion
from modelbook.errors import BadInput


@pytest.mark.parametrize(("percent", "n"), [(50, 6), (95, 72), (99, 368), (1, 368), (99.9, 3688)])
def test_a_percentile_takes_so_many_samples_that_scipy_finds_both_ends(percent: float, n: int) -> None:
    assert fewest(percent) == n
    ends = [
        tuple(stats.quantile_test(np.arange(size), q=0, p=percent / 100).confidence_interval(0.95))
        for size in (n - 1, n)
    ]
    assert [any(map(math.isnan, one)) for one in ends] == [True, False]


@given(st.lists(st.floats(0.01, 1e6), min_size=80, max_size=120), st.sampled_from([50, 90, 95]))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_a_percentile_lies_in_its_interval_and_its_interval_among_the_samples(sample: list[float], at: float) -> None:
    found = Metric.model_validate(percentile(sample, at))
    assert found.value is not None
    assert found.interval is not None
    assert found.stderr is not None
    assert min(sample) <= found.interval.low <= found.value <= found.interval.high <= max(sample)
    assert found.n == len(sample)
    assert math.isfinite(found.stderr)


def test_the_noise_of_a_percentile_is_what_repetition_shows() -> None:
    draw = np.random.default_rng(5)
    of = [percentile(draw.lognormal(size=1000).tolist(), 95) for _ in range(60)]
    true = math.exp(1.6448536269514722)
    held = sum(one["interval"]["low"] <= true <= one["interval"]["high"] for one in of)
    assert 51 <= held <= 60  # 57 on average
    spread = statistics.stdev(one["value"] for one in of)
    assert statistics.mean(one["stderr"] for one in of) == pytest.approx(spread, rel=0.3)


def test_equal_samples_have_no_noise_at_all() -> None:
    found = percentile([0.1] * 400, 99)
    assert (found["stderr"], found["interval"]["low"], found["interval"]["high"]) == (0.0, 0.1, 0.1)


def test_the_noise_of_alike_calls_is_not_lost_beside_one_that_took_long() -> None:
    """As measured once: thousands of calls within one tick of the clock, and one that the machine interrupted."""
    found = percentile([0.001001] * 16_000 + [0.001002 + 1e-6 * late for late in range(800)] + [1.258538], 50)
    assert found["stderr"] == 0
    near = percentile([1e6 + call / 1000 for call in range(1000)], 50)
    alike = percentile([call / 1000 for call in range(1000)], 50)
    assert near["stderr"] == pytest.approx(alike["stderr"], rel=1e-6)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_a_proportion_is_a_share_that_gates_can_test(counts: tuple[int, int]) -> None:
    found = Metric.model_validate(proportion(*counts))
    assert found.value == counts[0] / counts[1]
    assert found.interval is not None
    assert 0 <= found.interval.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.interval.high <= 1
    assert counts[1] < 2 or not isinstance(estimate_of("accuracy", found), str)


@pytest.mark.parametrize(("hits", "n"), [(5, 4), (-1, 4), (0.5, 4), (1, 0), (math.nan, 4), (1, math.inf)])
def test_what_is_no_share_is_refused(hits: Any, n: Any) -> None:
    with pytest.raises(BadInput, match="is no share"):
        proportion(hits, n)


def test_a_mean_says_what_its_noise_is_where_there_is_any_to_see() -> None:
    found = mean([1.0, 2.0, 3.0, 4.0])
    assert (found["value"], found["n"]) == (2.5, 4)
    assert found["stderr"] == pytest.approx(statistics.stdev([1, 2, 3, 4]) / 2)
    assert found["interval"]["low"] == pytest.approx(2.5 - 3.1824463 * found["stderr"])
    assert mean([7]) == {"value": 7.0, "n": 1}
    assert mean([1.0, math.inf]) == {"value": math.inf, "n": 2}
    with pytest.raises(BadInput, match="mean of nothing"):
        mean([])
