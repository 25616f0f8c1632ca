"""Gates: a version passes on finite, present numbers of signed evaluations, and on nothing else."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.documents import DocumentError, dump, load
from modelbook.core.evaluation import Evaluation
from modelbook.core.judging.gates import Facts, GateResult, Measured, holds, judge
from modelbook.core.judging.numbers import Numbers, numbers_of
from modelbook.core.policy import Gate, PlacedGate
from modelbook.core.reproduction import ReproductionVerdict
from tests.made import Made

CANDIDATE = Numbers({"accuracy": 0.95, "latency": 12.0, "zero": 0.0}, {"broken": "broken is NaN, which is not finite"})
BASELINE = Numbers({"accuracy": 0.9, "latency": 20.0}, {})


def result(
    require: str,
    candidate: Numbers = CANDIDATE,
    baseline: Numbers | None = BASELINE,
    *,
    first: Literal["accept", "refuse"] = "refuse",
) -> GateResult:
    gate = PlacedGate(Gate(name=require, require=require), "registry/policy.yaml", 7)
    (judged,) = judge([gate], Facts(candidate, baseline, ["cpu"], {"lr": 0.1, "zero": 0.0}), first=first)
    return judged


def evaluation(**metrics: Any) -> Evaluation:
    made = Made().dataset().version(metrics=metrics)
    return made.registry.evaluation("models/digits/versions/1/evaluations/default.yaml")


@pytest.mark.parametrize(
    "require",
    [
        "metrics.accuracy >= 0.95",
        "metrics.accuracy > baseline.metrics.accuracy",
        "metrics.accuracy > baseline.metrics.accuracy + 0.01 && metrics.latency <= baseline.metrics.latency",
        "metrics.latency < 10.0 || metrics.accuracy > 0.9",
        "!(metrics.accuracy < 0.9)",
        "has(metrics.accuracy)",
        "tags.exists(tag, tag == 'cpu')",
        "metrics.accuracy > 0.9 ? metrics.latency < 50.0 : false",
        "metrics.zero == 0.0 && metrics.accuracy != 0.0",
    ],
)
def test_a_gate_passes_when_its_condition_is_true(require: str) -> None:
    assert (result(require).verdict, result(require).reason, result(require).passed) == ("passed", "", True)


@pytest.mark.parametrize(
    ("require", "reason"),
    [
        ("metrics.accuracy > 0.95", "metrics.accuracy is 0.95, and has to be > 0.95"),
        ("metrics.accuracy >= 0.97", "metrics.accuracy is 0.95, short of 0.97 by 0.02"),
        ("metrics.latency < 50.0 && metrics.latency < 10.0", "metrics.latency is 12, short of 10 by 2"),
        ("metrics.latency < 1.0 || metrics.accuracy > 1.0", "it is false"),
        ("metrics.missing > 0.1", "no evaluation of the candidate measured 'missing'"),
        ("metrics.broken > 0.1", "broken is NaN, which is not finite"),
        ("metrics.accuracy > baseline.metrics.missing", "baseline: no evaluation of the baseline measured 'missing'"),
        # known to be false or true without the missing number; it counts all the same
        ("metrics.accuracy > 0.9 || metrics.missing > 0.1", "no evaluation of the candidate measured 'missing'"),
        ("true || metrics.missing > 0.1", "no evaluation of the candidate measured 'missing'"),
        ("has(metrics.missing)", "no evaluation of the candidate measured 'missing'"),
        ("!has(metrics.missing)", "no evaluation of the candidate measured 'missing'"),
        ("has(metrics.missing) ? metrics.missing > 0.5 : true", "measured 'missing'"),
        ("metrics.accuracy > 0.9 || has(baseline.metrics.missing)", "measured 'missing'"),
        # not a comparison of finite numbers
        ("1.0 / metrics.zero > 5.0", "`1.0 / metrics.zero` is not a finite number"),
        ("metrics.zero / metrics.zero != 1.0", "`metrics.zero / metrics.zero` is not a finite number"),
        ("!(metrics.zero / metrics.zero < 1.0)", "is not a finite number"),
        ("metrics.accuracy > 1.0 / (1.0 / metrics.zero)", "`1.0 / metrics.zero` is not a finite number"),
        ("metrics.accuracy < 1.0 || 1.0 / metrics.zero > 0.0", "is not a finite number"),
        ("metrics.accuracy * 1e308 * 1e308 > 0.5", "is not a finite number"),
        ("metrics.accuracy > 0.9 && 1.0 / params.zero > 5.0", "`1.0 / params.zero` is not a finite number"),
        ("metrics.accuracy < 1.0 / 0.0", "`1.0 / 0.0` is not a finite number"),
        # no answer
        ("metrics.accuracy", "it gives 0.95, not true or false"),
        ("metrics.accuracy > '0.9'", "it cannot be judged: No such overload"),
        ("metrics.accuracy > params.missing", "it cannot be judged: there is no 'missing'"),
        ("params", "it gives"),
        # no condition
        ("metrics.accuracy >", "the gate is invalid: not CEL"),
        ("metrics[tags[0]] > 0.5", "the gate is invalid: `metrics` is read by name"),
        ("true", "the gate is invalid: it reads nothing of the model"),
        (".metrics.missing > 0.0 || metrics.accuracy > 0.9", "the gate is invalid: at character 1"),
    ],
)
def test_everything_else_is_refused_and_says_why(require: str, reason: str) -> None:
    """Invariant 2."""
    judged = result(require)
    assert (judged.verdict, judged.passed) == ("failed", False)
    assert reason in judged.reason
    assert (judged.path, judged.line, judged.name, judged.require) == ("registry/policy.yaml", 7, require, require)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "missing"),
        ({"problem": "NaN, which is not finite"}, "NaN, which is not finite"),
        ({"problem": "true, which is not a number"}, "true, which is not a number"),
        ({"problem": '"0.9", which is not a number'}, '"0.9", which is not a number'),
    ],
)
def test_a_metric_without_a_value_passes_no_gate_and_says_what_it_was(value: Any, why: str) -> None:
    """Invariant 2: what a suite measured that is no number reaches the report, and no gate."""
    numbers = numbers_of({"default": evaluation(accuracy=value, latency=1.0)})
    assert dict(numbers.values) == {"latency": 1.0}
    for require in (
        "metrics.accuracy > 0.0",
        "metrics.accuracy <= 0.0",
        "metrics.latency > 0.0 || metrics.accuracy > 0.0",
    ):
        assert result(require, numbers).reason == f"accuracy is {why}"


@pytest.mark.parametrize("text", [".nan", "NaN", ".inf", "-.inf", "true", "'0.9'", "1e999", "[0.9]", "{value: 0.9}"])
def test_an_evaluation_file_cannot_hold_a_value_that_is_no_finite_number(text: str) -> None:
    """Invariant 2, at the file: such an evaluation is not read at all."""
    written = dump(evaluation(accuracy=0.9)).replace(b"value: 0.9", f"value: {text}".encode())
    with pytest.raises(DocumentError) as caught:
        load(Evaluation, written, "default.yaml")
    assert caught.value.line == written.decode().splitlines().index(f"    value: {text}") + 1


def test_zero_is_a_number() -> None:
    assert dict(numbers_of({"default": evaluation(errors=0)}).values) == {"errors": 0.0}
    assert result("metrics.errors <= 0.0", numbers_of({"default": evaluation(errors=0)})).passed


def test_a_metric_that_two_suites_measured_is_withheld_whatever_they_found() -> None:
    """Invariant 2: nobody can add a second suite that measures a metric better."""
    suites = {"a": evaluation(accuracy=0.8, latency=1.0), "b": evaluation(accuracy=0.99), "c": evaluation(accuracy=0.8)}
    numbers = numbers_of(suites)
    assert dict(numbers.values) == {"latency": 1.0}
    assert "'accuracy' is measured by two suites (a, " in result("metrics.accuracy > 0.7", numbers).reason


def test_an_empty_list_of_gates_is_invalid_and_not_a_pass() -> None:
    """Invariant 2."""
    for first in ("accept", "refuse"):
        with pytest.raises(ValueError, match="would let everything through"):
            judge([], Facts(CANDIDATE, None), first=first)


def test_while_the_stage_is_empty_the_policy_decides_about_gates_that_name_the_baseline() -> None:
    better = "metrics.accuracy > baseline.metrics.accuracy"
    accepted, refused = result(better, baseline=None, first="accept"), result(better, baseline=None, first="refuse")
    assert (accepted.verdict, accepted.passed, accepted.measured) == ("first", True, ())
    assert (refused.verdict, "no baseline to compare with" in refused.reason) == ("failed", True)
    for first in ("accept", "refuse"):
        assert not result("metrics.latency < 10.0", baseline=None, first=first).passed
        assert not result("metrics.missing > baseline.metrics.missing", baseline=None, first=first).passed


def test_what_does_not_name_the_baseline_counts_while_the_stage_is_empty_too() -> None:
    """Invariant 2: `first: accept` is about the comparison with a baseline, not about the rest of the condition."""
    better = "metrics.accuracy > baseline.metrics.accuracy"
    slow = result(f"{better} && metrics.latency < 10.0", baseline=None, first="accept")
    assert (slow.verdict, slow.reason) == ("failed", "metrics.latency is 12, short of 10 by 2")
    fast = result(f"{better} && metrics.latency < 50.0", baseline=None, first="accept")
    assert (fast.verdict, [one.left for one in fast.measured]) == ("first", ["metrics.latency"])
    divided = result("1.0 / metrics.zero > baseline.metrics.accuracy", baseline=None, first="accept")
    assert "is not a finite number" in divided.reason


def test_an_empty_baseline_is_not_the_same_as_none() -> None:
    """A baseline whose evaluations do not verify has no numbers; that is not an empty stage."""
    judged = result("metrics.accuracy > baseline.metrics.accuracy", baseline=Numbers({}, {}), first="accept")
    assert judged.verdict == "failed"


def test_every_gate_is_judged_and_no_verdict_hides_another() -> None:
    gates = ["metrics.missing > 1.0", "metrics.accuracy > 0.9", "not CEL", "metrics.accuracy > 0.99"]
    placed = [PlacedGate(Gate(name=one, require=one), "policy.yaml", line) for line, one in enumerate(gates)]
    judged = judge(placed, Facts(CANDIDATE, None), first="refuse")
    assert [one.verdict for one in judged] == ["failed", "passed", "failed", "failed"]
    assert [one.line for one in judged] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("comparison", "margin"),
    [
        ("metrics.accuracy >= 0.9", 0.05),
        ("metrics.accuracy > 0.99", -0.04),
        ("metrics.latency < 50.0", 38.0),
        ("metrics.latency <= 10.0", -2.0),
        ("metrics.accuracy == 0.95", 0.0),
        ("metrics.accuracy == 0.9", -0.05),
        ("metrics.accuracy == 1.0", -0.05),
        ("metrics.accuracy != 0.9", 0.05),
        ("metrics.accuracy != 1.0", 0.05),
        ("metrics.accuracy != 0.95", 0.0),
    ],
)
def test_the_margin_is_the_distance_to_the_limit_and_negative_only_where_it_fails(
    comparison: str, margin: float
) -> None:
    judged = result(comparison)
    (measured,) = judged.measured
    assert measured.margin == pytest.approx(margin, abs=1e-12)
    assert math.copysign(1, measured.margin) == (1 if margin >= 0 else -1)
    assert holds(measured) == judged.passed


def test_a_report_never_holds_a_number_that_is_not_finite() -> None:
    huge = Numbers({"a": 1.7e308, "b": -1.7e308}, {})
    judged = result("metrics.a > metrics.b", huge)
    assert judged.passed
    assert all(math.isfinite(one.margin) for one in judged.measured)


NUMBERS = st.floats() | st.sampled_from([0.0, -0.0, 0.5, 1.0, math.nan, math.inf, -math.inf, 5e-324])
TEMPLATES = st.sampled_from(
    [
        *("metrics.a > 0.5", "metrics.a < 0.5", "metrics.a != 0.5", "metrics.a == metrics.a", "!(metrics.a > 0.5)"),
        *("metrics.a > 0.5 || metrics.b > 0.5", "metrics.a > 0.5 && metrics.b < 0.5", "true || metrics.a < metrics.b"),
        *("metrics.a > baseline.metrics.a", "metrics.a <= baseline.metrics.a + 0.1 || metrics.b > 0.0"),
        *("1.0 / metrics.a < 5.0", "metrics.a / metrics.b != 1.0", "metrics.a - metrics.b <= 0.0", "has(metrics.a)"),
        *("has(metrics.a) || has(metrics.b)", "metrics.a > 0.0 ? metrics.b > 0.0 : baseline.metrics.a > 0.0"),
        *('metrics["a"] >= metrics["b"]', "!(metrics.a / metrics.b < 1.0)", "[metrics.a].exists(x, x < 0.5)"),
        *("metrics.b > 1.0 / (1.0 / metrics.a)", "metrics.a in [metrics.b, baseline.metrics.a]", "-metrics.a < 1.0"),
    ]
)


def given_numbers(drawn: Mapping[str, float | None]) -> Numbers:
    values = {name: value for name, value in drawn.items() if value is not None}
    return Numbers(values, {})


SOME = st.fixed_dictionaries({"a": NUMBERS | st.none(), "b": NUMBERS | st.none()})


@given(TEMPLATES, SOME, SOME | st.none(), st.sampled_from(["accept", "refuse"]))
@settings(max_examples=500, derandomize=True, deadline=None)
def test_a_gate_never_passes_if_a_number_that_it_names_is_missing_or_not_finite(
    require: str, candidate: dict[str, float | None], baseline: dict[str, float | None] | None, first: Any
) -> None:
    """Invariant 2, whatever the condition is and whatever reached the gates."""
    judged = result(
        require, given_numbers(candidate), None if baseline is None else given_numbers(baseline), first=first
    )
    of_baseline = "baseline.metrics.a" in require
    plain = require.replace("baseline.metrics.", "")
    named = [candidate[name] for name in ("a", "b") if f"metrics.{name}" in plain or f'metrics["{name}"]' in plain]
    if of_baseline and baseline is not None:
        named.append(baseline["a"])
    if any(value is None or not math.isfinite(value) for value in named):
        assert judged.verdict == "failed", judged
    if of_baseline and baseline is None:
        assert judged.verdict == ("failed" if first == "refuse" else judged.verdict)
        assert judged.verdict != "passed"


@given(NUMBERS, NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_a_comparison_of_finite_numbers_is_what_python_says_it_is(value: float, limit: float, operator: str) -> None:
    numbers = Numbers({"a": value, "b": limit}, {})
    judged = result(f"metrics.a {operator} metrics.b", numbers)
    if math.isfinite(value) and math.isfinite(limit):
        assert judged.passed == holds(Measured("", operator, "", value, limit, 0.0))
    else:
        assert not judged.passed


@pytest.mark.parametrize(
    ("level", "require", "passed"),
    [
        ("identical", 'reproduced("identical")', True),
        ("identical", 'reproduced("statistical")', True),
        ("statistical", "reproduced('statistical') && metrics.accuracy > 0.9", True),
        ("statistical", 'reproduced("identical")', False),
        ("statistical", 'reproduced("identical") && metrics.accuracy > baseline.metrics.accuracy', False),
        (None, 'reproduced("statistical")', False),
        (None, 'metrics.accuracy > 0.9 && reproduced("statistical")', False),
        ("absent", 'reproduced("statistical")', False),
        ("absent", 'reproduced("statistical") || metrics.accuracy > 0.9', False),
        ("absent", '!reproduced("statistical")', False),
    ],
)
def test_a_gate_may_ask_how_well_the_version_was_trained_again(level: Any, require: str, passed: bool) -> None:
    met = None if level == "absent" else ReproductionVerdict(level, "the weights are others")
    gate = PlacedGate(Gate(name=require, require=require), "registry/policy.yaml", 7)
    for baseline in (BASELINE, None):  # an empty stage accepts what it cannot compare, and nothing else
        (judged,) = judge([gate], Facts(CANDIDATE, baseline, reproduction=met), first="accept")
        assert judged.passed is passed
        if not passed:
            nobody = "nobody has trained the candidate again: `modelbook reproduce`"
            assert judged.reason == (nobody if met is None else "the weights are others")
