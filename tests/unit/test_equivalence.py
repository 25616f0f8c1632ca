"""Two one-sided tests: only enough values, close enough, prove that a recorded number was met."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelbook.core.judging.equivalence import equivalence

finite = st.floats(-1e6, 1e6)


@given(values=st.lists(finite, min_size=2, max_size=30), recorded=finite, margin=st.floats(1e-3, 1e6))
def test_p_is_that_of_the_worse_of_the_two_one_sided_tests(values: list[float], recorded: float, margin: float) -> None:
    found = equivalence(values, recorded, margin)
    spread = max(values) - min(values)
    if spread < 1e-6 * max(1.0, *map(abs, values)):
        return  # scipy warns of lost precision there; the next test looks at it
    above = stats.ttest_1samp(values, recorded - margin, alternative="greater").pvalue
    below = stats.ttest_1samp(values, recorded + margin, alternative="less").pvalue
    assert found.p == pytest.approx(max(above, below), abs=1e-6)


@pytest.mark.parametrize(
    ("values", "margin", "holds"),
    [
        ([0.95, 0.95], 0.01, True),  # no noise: the distance decides
        ([0.93, 0.93, 0.93], 0.01, False),
        ([0.94, 0.94], 0.01, False),  # exactly at the margin is not within it
        ([0.951, 0.949, 0.95, 0.9505, 0.9495], 0.01, True),
        ([0.951, 0.949], 0.01, True),
        ([0.99, 0.91], 0.01, False),  # the mean is right, and two values that far apart say little of it
        ([0.951, 0.949, 0.95, 0.9505, 0.9495], 0.0005, False),  # close, but not proven to be that close
    ],
)
def test_only_what_is_close_and_certain_is_equivalent(values: list[float], margin: float, holds: bool) -> None:
    assert equivalence(values, 0.95, margin).holds(0.95) is holds


def test_one_value_proves_nothing_even_if_it_is_the_same() -> None:
    found = equivalence([0.95], 0.95, 0.01)
    assert (found.p, found.n, found.mean, found.holds(0.5)) == (None, 1, 0.95, False)


@given(values=st.lists(finite, min_size=2, max_size=10), recorded=finite, margin=st.floats(1e-3, 1e3))
def test_a_wider_margin_is_never_harder_to_meet(values: list[float], recorded: float, margin: float) -> None:
    narrow, wide = equivalence(values, recorded, margin), equivalence(values, recorded, 2 * margin)
    assert narrow.p is not None
    assert wide.p is not None
    assert wide.p <= narrow.p + 1e-12


@pytest.mark.parametrize("values", [[1e308, -1e308], [1.7e308, -1.7e308], [1.7e308, 1.7e308], [5e-324, 0.0]])
def test_numbers_at_the_ends_of_what_a_float_holds_break_nothing(values: list[float]) -> None:
    found = equivalence(values, 0.0, 1e-9)
    assert found.p is not None
    assert 0 <= found.p <= 1
    assert not math.isnan(found.p)
