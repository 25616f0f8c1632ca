"""Results of each example: read strictly, held to the signed means, and compared pair by pair."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelbook.core.digests import digest_of
from modelbook.core.evaluation import Metric
from modelbook.core.judging.claims import Claim
from modelbook.core.judging.examples import Column, ExamplesError, Results, columns
from modelbook.core.judging.pairing import FEW, MANY, paired
from modelbook.core.judging.significance import Compared, Estimate
from modelbook.core.stages.promotion import Decision, decide, results_needed
from tests.made import POLICY, Made
from tests.made_fields import NOW

GREATER, LESS = Claim("significantly_greater", "m", 0.95, 1), Claim("significantly_less", "m", 0.95, -1)
SIGNIFICANT = POLICY.replace(
    "metrics.accuracy > baseline.metrics.accuracy", "'significantly_greater(\"accuracy\", 0.95)'"
)


def lines(rows: Mapping[str, Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps({"id": name} | dict(row)) + "\n" for name, row in rows.items()).encode()


def test_the_metrics_of_each_example_are_read_and_a_slice_has_fewer() -> None:
    data = lines({"a": {"m": 1, "by.de.m": 1}, "b": {"m": 0.5}, "c": {"m": 0, "by.de.m": 0}})
    found = columns(data, {"m": Metric(value=0.5, n=3), "by.de.m": Metric(value=0.5, n=2)})
    assert found == {"m": {"a": 1.0, "b": 0.5, "c": 0.0}, "by.de.m": {"a": 1.0, "c": 0.0}}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", "line 1 is no JSON"),
        (b"\xff", "line 1 is no JSON"),
        (b'{"id": "a", "m": 1}\n[1]', "line 2 is no object"),
        (b'{"m": 1}', 'line 1: "id" is a text'),
        (b'{"id": 7, "m": 1}', 'line 1: "id" is a text'),
        (b'{"id": "a", "m": 1}\n{"id": "a", "m": 1}', "line 2: the example 'a' stands twice"),
        (b'{"id": "a", "m": NaN}', "line 1: m is NaN, which is no finite number"),
        (b'{"id": "a", "m": 1e999}', "line 1: m is Infinity, which is no finite number"),
        (b'{"id": "a", "m": 1' + b"0" * 400 + b"}", "0, which is no finite number"),
        (b'{"id": "a", "m": 1.7e308}\n{"id": "b", "m": 1.7e308}', "the mean of m is inf, and the suite says 1"),
        (b'{"id": "a", "m": true}', "line 1: m is true, which is no finite number"),
        (b'{"id": "a", "m": "1"}', 'line 1: m is "1", which is no finite number'),
        (b'{"id": "a", "m": null}', "line 1: m is null, which is no finite number"),
        (b'{"id": "a", "m": 0.5}', "the mean of m is 0.5, and the suite says 1"),
        (b'{"id": "a", "m": 1}\n{"id": "b", "m": 1}', "it has m of 2 examples, and the suite says of 1"),
        (b'{"id": "a", "other": 1}', "the suite measured no other"),
    ],
)
def test_anything_else_is_refused_and_says_where(data: bytes, why: str) -> None:
    with pytest.raises(ExamplesError) as caught:
        columns(data, {"m": Metric(value=1.0, n=1)})
    assert why in str(caught.value)


def column(values: Any) -> Column:
    return {f"{number:06}": float(value) for number, value in enumerate(values)}


def compare(claim: Claim, candidate: Any, baseline: Any) -> Compared | None:
    means = [float(np.mean(one)) for one in (candidate, baseline)]
    estimates = tuple(Estimate(mean, len(candidate), 0.1, mean) for mean in means)
    found = paired(claim, column(candidate), column(baseline), (estimates[0], estimates[1]))
    assert not isinstance(found, str), found
    return found


@pytest.mark.parametrize("n", [200, MANY + 1])
def test_the_interval_is_that_of_scipy_and_the_same_each_time(n: int) -> None:
    draw = np.random.default_rng(5)
    base = draw.normal(0.0, 1.0, n)
    better = base + draw.normal(0.1, 0.5, n)
    found, again = compare(GREATER, better, base), compare(GREATER, better, base)
    assert found
    assert found == again
    assert found.method == ("paired bootstrap" if n <= MANY else "paired t-test")
    by_t = stats.ttest_rel(better, base).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((by_t.low, by_t.high), abs=0.01)


def test_noise_that_both_share_does_not_hide_a_difference() -> None:
    """Examples differ much, the two models little: unpaired, nothing could be told."""
    draw = np.random.default_rng(9)
    hard = draw.normal(0.0, 10.0, 300)
    found = compare(LESS, hard - 0.2 + draw.normal(0.0, 0.5, 300), hard)
    assert found
    assert found.holds
    assert not stats.ttest_ind(hard - 0.2, hard, alternative="less").pvalue < 0.05


def test_models_that_are_no_different_pass_no_more_often_than_the_confidence_allows() -> None:
    """Right or wrong on each of 60 examples; on 6 of 10 the two disagree, by a coin."""
    trials, n, share, draw = 120, 60, 0.6, np.random.default_rng(13)
    passed = 0
    for _ in range(trials):
        differences = np.where(draw.random(n) < share, draw.choice([-1.0, 1.0], n), 0.0)
        found = compare(GREATER, (1 + differences) / 2, np.full(n, 0.5))
        passed += bool(found and found.holds)
    assert passed <= stats.binom.ppf(0.9999, trials, 0.05)


def test_a_difference_on_too_few_examples_is_left_to_the_unpaired_test() -> None:
    base = np.zeros(1000)
    few, enough = base.copy(), base.copy()
    few[: FEW - 1], enough[:FEW] = 1.0, 1.0
    assert compare(GREATER, few, base) is None
    assert compare(GREATER, base, base) is None
    assert compare(GREATER, base + 0.5, base) is None  # the same difference everywhere: nothing to resample
    found = compare(GREATER, enough, base)
    assert found
    assert found.holds


@given(st.lists(st.integers(-3, 3), min_size=30, max_size=60), st.floats(0.55, 0.99))
@settings(max_examples=15, derandomize=True, deadline=None)
def test_whoever_is_called_the_candidate_the_pairs_say_the_same(values: list[int], confidence: float) -> None:
    there = compare(Claim("significantly_greater", "m", confidence, 1), values, [0.0] * len(values))
    back = compare(Claim("significantly_less", "m", confidence, -1), [-one for one in values], [0.0] * len(values))
    assert (there is None) == (back is None)
    if there and back:
        assert there.holds == back.holds
        assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def serving(candidate: bytes | None, baseline: bytes | None, right: int = 150) -> tuple[Made, dict[str, bytes | str]]:
    """digits@1 serves with 140 of 200 right, digits@2 waits in staging with `right`; each with these files, or none."""
    made, store = Made(policy=SIGNIFICANT).dataset(), dict[str, bytes | str]()
    for version, hits, data in ((1, 140, baseline), (2, right, candidate)):
        metrics = {"accuracy": {"value": hits / 200, "n": 200}, "latency_ms": 1.0}
        more: dict[str, Any] = {} if data is None else {"examples": {"size": len(data), "digest": digest_of(data)}}
        made.version("digits", version, metrics=None).evaluation("digits", version, metrics, **more)
        store |= {} if data is None else {digest_of(data): data}
        made.pointer("digits", "staging", version)
        if version == 1:
            made.pointer("digits", "production", 1)
    return made, store


def answers(hits: int, start: str = "") -> bytes:
    return lines({f"{start}{number}": {"accuracy": int(number < hits)} for number in range(200)})


def judged(made: Made, results: Results) -> Decision:
    return decide(made.registry, "digits", 2, "production", by="bob", now=NOW, results=results)


def test_what_both_stored_of_each_example_decides_and_the_report_says_so() -> None:
    """170 against 140 of 200, all of these right too: certain in pairs. 150 against 140: too few of them differ."""
    made, store = serving(answers(170), answers(140), right=170)
    decision = judged(made, store)
    assert decision.passed
    assert decision.gates[0].reason == "accuracy: paired bootstrap, n 200 and 200, confidence 0.95"
    made, store = serving(answers(150), answers(140))
    assert "Welch's t-test" in judged(made, store).gates[0].reason


@pytest.mark.parametrize("given", [(answers(170), None), (None, answers(140))])
def test_where_only_one_has_them_the_unpaired_test_decides(given: tuple[bytes | None, bytes | None]) -> None:
    made, store = serving(*given, right=170)
    for results in (store, {}):  # and nobody has to read the store
        assert "Welch's t-test" in judged(made, results).gates[0].reason


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda digest: {}, "cannot be had: nobody read the store"),
        (lambda digest: {digest: "s3://bucket/x: no such object"}, "cannot be had: s3://bucket/x: no such object"),
        (lambda digest: {digest: answers(171)}, "cannot be had: the bytes in the store are not those that were signed"),
    ],
)
def test_what_was_promised_of_each_example_and_cannot_be_had_passes_nothing(change: Any, why: str) -> None:
    """Which test is made follows from what was signed: a store that is down makes no other one of it."""
    made, store = serving(answers(170), answers(140), right=170)
    digest = digest_of(answers(170))
    rest = {name: data for name, data in store.items() if name != digest}
    decision = judged(made, rest | change(digest))
    assert not decision.passed
    assert why in decision.gates[0].reason


def test_results_that_do_not_fit_the_signed_numbers_or_each_other_pass_nothing() -> None:
    made, store = serving(answers(170), answers(140), right=180)
    assert "the mean of accuracy is 0.85, and the suite says 0.9" in judged(made, store).gates[0].reason
    made, store = serving(answers(170, "x"), answers(140), right=170)
    assert "200 are the candidate's alone and 200 the baseline's" in judged(made, store).gates[0].reason


def test_only_gates_that_claim_something_ask_for_them() -> None:
    made, store = serving(answers(170), answers(140), right=170)
    registry = made.registry
    assert {one.digest for one in results_needed(registry, registry, "digits", [1, 2])} == store.keys()
    plain = Made(policy=POLICY).registry
    assert results_needed(plain, registry, "digits", [1, 2]) == ()
