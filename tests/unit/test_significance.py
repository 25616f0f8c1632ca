"""Claims beyond noise: as SciPy computes them, as often wrong as they may be, and never believed without numbers."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelbook.core.evaluation import Metric
from modelbook.core.judging.claims import Claim
from modelbook.core.judging.significance import Compared, Estimate, estimate_of, welch

GREATER, LESS = Claim("significantly_greater", "m", 0.95, 1), Claim("significantly_less", "m", 0.95, -1)


def estimate(**fields: Any) -> Estimate:
    found = estimate_of("m", Metric(**fields))
    assert isinstance(found, Estimate), found
    return found


def share(hits: int, n: int) -> Estimate:
    return estimate(value=hits / n, n=n)


def compared(claim: Claim, candidate: Estimate, baseline: Estimate) -> Compared:
    found = welch(claim, candidate, baseline)
    assert found
    return found


values = st.floats(-1e6, 1e6)
estimates = st.builds(
    lambda value, n, stderr: Estimate(value, n, stderr, value), values, st.integers(2, 10**6), st.floats(1e-6, 1e6)
)
claims = st.builds(
    lambda sign, confidence, margin: Claim("not_worse", "m", confidence, sign, margin),
    st.sampled_from([1, -1]),
    st.floats(0.5, 0.999),
    st.floats(0, 1e3),
)


@given(candidate=estimates, baseline=estimates, confidence=st.floats(0.55, 0.999))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_claim_holds_where_scipys_test_from_summary_statistics_rejects(
    candidate: Estimate, baseline: Estimate, confidence: float
) -> None:
    def spread(one: Estimate) -> float:
        return one.stderr * math.sqrt(one.n)

    for sign, alternative in ((1, "greater"), (-1, "less")):
        by_scipy = stats.ttest_ind_from_stats(
            candidate.value,
            spread(candidate),
            candidate.n,
            baseline.value,
            spread(baseline),
            baseline.n,
            equal_var=False,
            alternative=alternative,
        )
        if abs(by_scipy.pvalue - (1 - confidence)) > 1e-9:
            claim = Claim("x", "m", confidence, sign)
            assert compared(claim, candidate, baseline).holds == (by_scipy.pvalue < 1 - confidence)


def test_the_interval_is_that_of_scipys_test_on_the_very_values() -> None:
    draw = np.random.default_rng(1)
    a, b = draw.normal(1.0, 2.0, 40), draw.normal(0.2, 1.0, 25)
    one, two = (estimate(value=float(x.mean()), n=len(x), stderr=float(stats.sem(x))) for x in (a, b))
    found = compared(GREATER, one, two)
    by_scipy = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.90)  # 5 % at each end
    assert (found.low, found.high) == pytest.approx((by_scipy.low, by_scipy.high))
    assert found.difference == pytest.approx(a.mean() - b.mean())


@given(claim=claims, candidate=estimates, baseline=estimates)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_whoever_is_called_the_candidate_the_numbers_say_the_same(
    claim: Claim, candidate: Estimate, baseline: Estimate
) -> None:
    there = compared(claim, candidate, baseline)
    back = compared(Claim(claim.function, "m", claim.confidence, -claim.sign, claim.margin), baseline, candidate)
    assert (there.holds, there.difference) == (back.holds, -back.difference)
    assert (there.low, there.high) == (-back.high, -back.low)


@given(claim=claims, candidate=estimates, baseline=estimates, less=st.floats(0, 1))
@settings(max_examples=500, deadline=None, derandomize=True)
def test_what_holds_with_more_confidence_or_less_margin_holds_with_less_confidence_and_more_margin(
    claim: Claim, candidate: Estimate, baseline: Estimate, less: float
) -> None:
    if compared(claim, candidate, baseline).holds:
        lower = 0.5 + (claim.confidence - 0.5) * less
        easier = Claim(claim.function, "m", lower, claim.sign, claim.margin * (1 + less))
        assert compared(easier, candidate, baseline).holds


@given(estimates)
@settings(deadline=None, derandomize=True)
def test_identical_measurements_never_differ_significantly(one: Estimate) -> None:
    for claim in (GREATER, LESS):
        found = compared(claim, one, one)
        assert (found.holds, found.difference) == (False, 0.0)


def wrongly(confidence: float, trials: int) -> int:
    """How often a true null hypothesis may be rejected in so many trials: more has a chance of 1 in 10,000."""
    return int(stats.binom.ppf(0.9999, trials, 1 - confidence))


@pytest.mark.parametrize(("n", "m"), [(5, 5), (8, 40), (200, 200)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_noise_passes_no_more_often_than_the_confidence_allows(n: int, m: int, confidence: float) -> None:
    """Normal values of one mean, with the larger spread in the smaller sample: where a pooled test would err."""
    trials, draw = 2000, np.random.default_rng(20261125)
    claim = Claim("significantly_greater", "m", confidence, 1)
    a, b = draw.normal(0.0, 3.0, (trials, n)), draw.normal(0.0, 1.0, (trials, m))
    ones = zip(a.mean(1), stats.sem(a, axis=1), b.mean(1), stats.sem(b, axis=1), strict=True)
    passed = sum(
        compared(claim, Estimate(x, n, sx, x), Estimate(y, m, sy, y)).holds
        for x, sx, y, sy in (map(float, one) for one in ones)
    )
    assert passed <= wrongly(confidence, trials)


@pytest.mark.parametrize(("share_of", "n", "m"), [(0.5, 20, 20), (0.9, 50, 200), (0.97, 60, 60), (0.99, 400, 400)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_shares_that_are_the_same_pass_no_more_often_than_that(
    share_of: float, n: int, m: int, confidence: float
) -> None:
    trials, draw = 2000, np.random.default_rng(7)
    hits, others = draw.binomial(n, share_of, trials), draw.binomial(m, share_of, trials)
    for function, sign in (("significantly_greater", 1), ("significantly_less", -1)):
        claim = Claim(function, "m", confidence, sign)
        passed = sum(
            compared(claim, share(int(x), n), share(int(y), m)).holds for x, y in zip(hits, others, strict=True)
        )
        assert passed <= wrongly(confidence, trials)


def test_a_version_that_is_worse_by_the_whole_margin_is_let_through_no_more_often_than_that() -> None:
    trials, n, draw = 2000, 500, np.random.default_rng(3)
    claim = Claim("not_worse", "m", 0.95, 1, 0.03)
    worse, base = draw.binomial(n, 0.87, trials), draw.binomial(n, 0.90, trials)
    passed = sum(compared(claim, share(int(x), n), share(int(y), n)).holds for x, y in zip(worse, base, strict=True))
    assert passed <= wrongly(0.95, trials)


def test_what_is_better_is_seen_to_be_better() -> None:
    """Power: 0.93 against 0.90 of 2,000 examples each, which the normal approximation gives 0.96 at confidence 0.95."""
    trials, n, draw = 500, 2000, np.random.default_rng(11)
    better, base = draw.binomial(n, 0.93, trials), draw.binomial(n, 0.90, trials)
    pairs = [(share(int(x), n), share(int(y), n)) for x, y in zip(better, base, strict=True)]
    passed = sum(compared(GREATER, *pair).holds for pair in pairs)
    assert passed >= 0.9 * trials
    assert not any(compared(LESS, *pair).holds for pair in pairs)
    same = Claim("not_worse", "m", 0.95, 1, 0.01)
    assert sum(compared(same, *pair).holds for pair in pairs) >= passed


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"value": 0.9},
            'm says not of how many examples it is: let the suite write "n" beside its value, and "stderr"',
        ),
        ({"value": 0.9, "stderr": 0.1}, 'let the suite write "n" beside its value'),
        ({"value": 0.9, "n": 1, "stderr": 0.1}, "m is of 1 example"),
        ({"value": 1.0, "n": 1}, "m is of 1 example"),
        ({"value": 12.5, "n": 100}, '12.5 is no share of 100 examples: let the suite write "stderr"'),
        ({"value": -0.5, "n": 100}, "is no share of 100 examples"),
        ({"value": 0.4137, "n": 100}, "is no share of 100 examples"),  # milliseconds, say
        ({"value": 0.9, "n": 100, "stderr": 0.0}, "m has a standard error of 0"),
        ({"value": None, "n": 100, "problem": "NaN"}, "m has no value"),
    ],
)
def test_what_is_missing_is_named_and_said_how_to_record(fields: dict[str, Any], why: str) -> None:
    found = estimate_of("m", Metric(**fields))
    assert isinstance(found, str)
    assert why in found


@pytest.mark.parametrize(
    ("value", "n"), [(0.97, 360), (0.9722, 360), (350 / 360, 360), (0.9722222089767456, 360), (1.0, 3), (0.0, 3)]
)
def test_a_share_is_known_by_the_digits_that_it_was_written_with(value: float, n: int) -> None:
    assert estimate(value=value, n=n).stderr > 0


def test_all_right_is_no_certainty_whatever_standard_error_was_written() -> None:
    assert estimate(value=1.0, n=10) == estimate(value=1.0, n=10, stderr=0.0)
    assert not compared(GREATER, share(10, 10), share(9, 10)).holds
    assert compared(GREATER, share(1000, 1000), share(900, 1000)).holds


def test_a_test_that_pulls_shares_to_the_middle_never_turns_their_order_round() -> None:
    """3 of 3 counts as 4 of 5 in the test, which is less than 0.999; it is greater all the same."""
    loose = Claim("significantly_less", "m", 0.5, -1)
    assert not compared(loose, share(3, 3), share(99_900, 100_000)).holds


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Estimate(1.7e308, 9, 1.0, 1.7e308), Estimate(-1.7e308, 9, 1.0, -1.7e308)),
        (Estimate(0.0, 9, 1.7e308, 0.0), Estimate(0.0, 9, 1.7e308, 0.0)),
        (Estimate(1.0, 9, math.inf, 1.0), Estimate(0.0, 9, 1.0, 0.0)),
        (Estimate(math.nan, 9, 1.0, math.nan), Estimate(0.0, 9, 1.0, 0.0)),
    ],
)
def test_numbers_that_cannot_be_computed_with_are_not_tested(one: Estimate, two: Estimate) -> None:
    assert welch(GREATER, one, two) is None


anything = st.floats() | st.none()


@given(st.sampled_from([GREATER, LESS]), anything, anything, st.none() | st.integers(1, 2**53 - 1), st.floats(0))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_number_that_is_missing_or_not_finite_proves_nothing(
    claim: Claim, value: float | None, stderr: float | None, n: int | None, other: float
) -> None:
    """Invariant 2, even for records that no file can hold."""
    found = estimate_of("m", Metric.model_construct(value=value, n=n, stderr=stderr))
    baseline = Estimate(0.5, 100, other, 0.5)
    tested = welch(claim, found, baseline) if isinstance(found, Estimate) and other else None
    if tested and tested.holds:
        assert n is not None
        assert n >= 2
        assert all(math.isfinite(one) for one in (value or 0.0, stderr or 0.0, other, tested.low, tested.high))
