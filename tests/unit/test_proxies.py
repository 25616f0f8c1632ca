"""Verdicts on proxies: right at a stated rate over histories whose truth is known, exact where there is no chance."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelbook.core.experiments.online_history import Effects, History, Measurement, fit, history_of
from modelbook.core.experiments.proxies import FEWEST, Pair, ProxyVerdict, associate, holm, judge, pair_of
from modelbook.core.experiments.proxy_details import details, kendall, spearman
from tests.unit.histories import by_version, climbing, good, of_no_use, paradox, reversed_proxy

SEEDS = 200


def verdicts(history: History) -> dict[str, ProxyVerdict]:
    pairs = [pair_of(history, name, "satisfaction", {}) for name in history.offline]
    return {one.pair.offline: one for one in judge([pair for pair in pairs if isinstance(pair, Pair)])}


@cache
def simulated(make: Callable[[int], History]) -> list[dict[str, ProxyVerdict]]:
    """The verdicts on each metric of SEEDS histories."""
    return [verdicts(make(seed)) for seed in range(SEEDS)]


def rates(make: Callable[[int], History]) -> Counter[str]:
    """How often each verdict on the metric `asked` is reached."""
    return Counter(found["asked"].verdict for found in simulated(make))


@pytest.mark.parametrize(
    ("make", "truth", "rate"),
    [
        (good, "proxy", 0.95),
        (reversed_proxy, "reversed", 0.93),
        (of_no_use, "none", 0.95),
        (climbing, "none", 0.93),
        (paradox, "paradox", 0.95),
    ],
)
def test_the_verdict_is_the_truth_at_the_stated_rate(make: Callable[[int], History], truth: str, rate: float) -> None:
    found = rates(make)
    assert found[truth] >= rate * SEEDS, found
    assert found.total() == SEEDS


def test_a_good_proxy_is_never_called_reversed_nor_a_reversed_one_a_proxy() -> None:
    assert rates(good)["reversed"] == 0
    assert rates(reversed_proxy)["proxy"] == 0


def test_without_segments_nobody_could_see_the_paradox() -> None:
    """What the segments are for: the same users, counted together, recommend what harms each of them."""
    assert Counter(verdicts(paradox(seed, segments=False))["asked"].verdict for seed in range(20))["proxy"] >= 18


def test_looking_at_many_metrics_does_not_find_one_by_chance() -> None:
    """Of all that are of no use, at most one history in twenty has one that is called anything."""
    named = sum(any(one.verdict != "none" for one in found.values()) for found in simulated(of_no_use))
    assert named <= 0.05 * SEEDS


def test_of_four_versions_nothing_is_said() -> None:
    for seed in range(SEEDS):
        assert pair_of(good(seed, versions=4), "asked", "satisfaction", {}) == (
            f"not enough versions: 4 have both asked and satisfaction, and it takes {FEWEST}"
        )


def test_a_version_without_segments_hides_no_paradox() -> None:
    whole = paradox(1)
    hidden = [one for one in whole.standardised["by_country", "satisfaction"].versions if one != 16]
    some = {key: without(effects, hidden) for key, effects in whole.standardised.items()}
    assert verdicts(replace(whole, standardised=some))["asked"].verdict == "paradox"


def without(effects: Effects, versions: list[int]) -> Effects:
    """The effects of these versions alone."""
    at = [effects.versions.index(version) for version in versions]
    return replace(effects, versions=tuple(versions), values=effects.values[at], noise=effects.noise[at])


def test_which_way_is_better_turns_the_verdict() -> None:
    history = reversed_proxy(1)
    pair = pair_of(history, "asked", "satisfaction", {"asked": -1})
    assert isinstance(pair, Pair)
    assert [one.verdict for one in judge([pair])] == ["proxy"]


def test_what_there_is_nothing_to_say_of() -> None:
    history = good(1)
    assert pair_of(history, "bleu", "satisfaction", {}) == "no evaluation measured 'bleu'"
    assert pair_of(history, "asked", "clicks", {}) == "no experiment measured 'clicks' of two versions"
    flat = history_of([], {})
    assert flat.online == {}
    same = History({"asked": by_version(np.ones(16))}, history.online)
    assert pair_of(same, "asked", "satisfaction", {}) == "asked is the same in all 16 versions"


def test_a_perfect_proxy_agrees_in_every_change() -> None:
    values = [1.0, 3.0, 2.0, 5.0, 4.0, 7.0, 6.0, 8.0]
    found = associate(Pair("a", "b", tuple(range(1, 9)), np.array(values), np.array(values) * 0.1, {}))
    assert (found.agreement.alike, found.agreement.changes) == (7, 7)
    assert (found.kendall, found.spearman) == pytest.approx((1.0, 1.0))
    assert found.agreement.interval.low == pytest.approx(stats.binomtest(7, 7).proportion_ci(0.95, "wilson").low)
    assert found.p == pytest.approx(2 / 2**7)  # of all ways in which seven changes can point


def test_a_metric_that_did_not_move_says_nothing_of_that_change() -> None:
    x = np.array([1.0, 1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 6.0])
    found = associate(Pair("a", "b", tuple(range(1, 9)), x, np.arange(8.0), {}))
    assert (found.agreement.alike, found.agreement.changes) == (5, 5)


# The parts


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_between_the_plain_value_and_bonferronis_and_keeps_their_order(values: list[float]) -> None:
    adjusted = holm(values)
    for plain, found in zip(values, adjusted, strict=True):
        assert plain <= found <= min(1.0, plain * len(values)) or found == max(adjusted)
    ranked = sorted(zip(values, adjusted, strict=True))
    assert [found for _, found in ranked] == sorted(adjusted)


def test_holm_by_its_own_example() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize("seed", range(5))
def test_the_correlations_of_the_bootstrap_are_scipys(seed: int) -> None:
    random = np.random.default_rng(seed)
    x, y = random.integers(0, 6, 12).astype(float), random.normal(size=12)  # with ties
    assert kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    both = kendall(np.stack([x, y]), np.stack([y, x]))
    assert both.shape == (2,)


def test_intervals_hold_the_value_and_a_line_predicts_better_than_the_mean_only_where_there_is_one() -> None:
    for history, least, most in ((good(3), 0.1, 0.5), (of_no_use(3), 0.9, 1.2)):
        pair = pair_of(history, "asked", "satisfaction", {})
        assert isinstance(pair, Pair)
        told, found = details(pair), associate(pair)
        assert told.spearman.low <= found.spearman <= told.spearman.high
        assert told.kendall.low <= found.kendall <= told.kendall.high
        assert least < told.prediction.error / told.prediction.error_of_mean < most
        assert details(pair).kendall == told.kendall  # the same files, the same numbers


def test_left_one_out_is_what_scipy_says_of_the_others() -> None:
    pair = pair_of(good(3), "asked", "satisfaction", {})
    assert isinstance(pair, Pair)
    line = stats.linregress(pair.x[1:], pair.y[1:])
    assert details(pair).prediction.predicted[0] == pytest.approx(line.intercept + line.slope * pair.x[0])


def cell(
    experiment: int, version: int, value: float, stderr: float = 0.01, name: str = "rate", n: int = 100
) -> Measurement:
    return Measurement(experiment, version, name, value, stderr, n)


def test_the_level_of_an_experiment_is_no_merit_of_its_versions() -> None:
    """In winter all rates are higher by 0.5: version 3 beats 2 by 0.1, which beats 1 by 0.1."""
    effects = fit([cell(0, 1, 0.1), cell(0, 2, 0.2), cell(1, 2, 0.7), cell(1, 3, 0.8)])
    assert isinstance(effects, Effects)
    assert np.diff(effects.values) == pytest.approx([0.1, 0.1])
    assert effects.change(1, 3) == pytest.approx((0.2, 0.02))  # four standard errors of 0.01
    assert effects.change(1, 2) == pytest.approx((0.1, 0.01 * 2**0.5))


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4), st.floats(-10, 10))
def test_what_an_experiment_is_shifted_by_changes_no_difference(values: list[float], shift: float) -> None:
    chain = [cell(at, at + step, values[at + step - 1], 0.01 * (at + 1)) for at in (1, 2, 3) for step in (0, 1)]
    moved = [one._replace(value=one.value + shift) if one.experiment == 2 else one for one in chain]
    before, after = fit(chain), fit(moved)
    assert before
    assert after
    assert np.diff(after.values) == pytest.approx(np.diff(before.values), abs=1e-6)


def test_experiments_weigh_by_their_noise_and_one_version_alone_says_nothing() -> None:
    effects = fit([cell(0, 1, 0.0), cell(0, 2, 0.1), cell(1, 1, 0.0, 1e3), cell(1, 2, 9.0, 1e3), cell(2, 3, 5.0)])
    assert isinstance(effects, Effects)
    assert effects.versions == (1, 2)
    assert effects.values[1] - effects.values[0] == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize("absurd", [1e-100, 1e-9, 1e9, 1e100])
def test_a_noise_that_cannot_be_makes_nothing_certain_and_hides_nothing(absurd: float) -> None:
    cells = [cell(at, at + step, 0.1 * (at + step)) for at in range(1, 6) for step in (0, 1)]
    effects = fit([*cells, cell(9, 1, 0.9, absurd), cell(9, 2, 0.3, 1e6 * absurd)])
    assert isinstance(effects, Effects)
    found = effects.change(3, 6)
    assert found == pytest.approx((0.3, 0.01 * 6**0.5), rel=1e-3)


def test_what_is_the_same_to_the_last_bits_did_not_move() -> None:
    effects = fit([cell(at, at + step, 0.7 + 0.1 * at) for at in range(9) for step in (0, 1)])
    assert isinstance(effects, Effects)
    assert len(set(effects.values.tolist())) == 1


def test_versions_that_nothing_ties_together_are_not_compared() -> None:
    effects = fit([cell(0, 1, 0.1), cell(0, 2, 0.2), cell(1, 3, 0.7), cell(1, 4, 0.8)])
    assert isinstance(effects, Effects)
    assert effects.change(1, 3) is None
    assert effects.change(3, 4) == pytest.approx((0.1, 0.01 * 2**0.5))
    assert effects.values == pytest.approx([0.1, 0.2, 0.7, 0.8])


def test_the_same_mix_of_users_for_every_version() -> None:
    """Each version is as good in both countries; version 2 only had more users where all are happier."""
    history = history_of(
        [
            *(cell(0, version, 0.9, name="by_country.de.rate", n=n) for version, n in ((1, 100), (2, 900))),
            *(cell(0, version, 0.1, name="by_country.fr.rate", n=n) for version, n in ((1, 900), (2, 100))),
            *(cell(0, 1, 0.18), cell(0, 2, 0.82)),
        ],
        {},
    )
    assert list(history.online) == ["rate"]
    assert history.standardised["by_country", "rate"].values == pytest.approx([0.5, 0.5])
    assert set(history.inside["by_country", "rate"]) == {"de", "fr"}


def test_a_segment_that_a_version_did_not_have_keeps_it_from_being_compared_so() -> None:
    found = [cell(0, 1, 0.9, name="by_country.de.rate"), cell(0, 2, 0.9, name="by_country.de.rate")]
    found += [cell(0, 1, 0.9, name="by_country.fr.rate"), cell(0, 1, 0.5), cell(0, 2, 0.6)]
    assert history_of(found, {}).standardised == {}
