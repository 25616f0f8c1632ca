"""Gates on slices, and claims beyond noise: what they read is known, and what is missing passes nothing."""

import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.documents import DocumentError, dump, load
from modelbook.core.evaluation import Evaluation, Metric
from modelbook.core.judging.gates import Facts, GateResult, judge
from modelbook.core.judging.numbers import Numbers, numbers_of
from modelbook.core.pages.markdown import markdown
from modelbook.core.pages.report import gate_values, promotion_report
from modelbook.core.policy import Gate, PlacedGate
from modelbook.core.stages.promotion import Decision, decide
from tests.made import POLICY, Made
from tests.made_fields import NOW


def numbers(**metrics: Any) -> Numbers:
    """Metrics by name, `__` for the dot; a number, or the fields of a metric."""
    made = Made().dataset().version(metrics={name.replace("__", "."): one for name, one in metrics.items()})
    return numbers_of({"default": made.registry.evaluation("models/digits/versions/1/evaluations/default.yaml")})


CANDIDATE = numbers(
    accuracy={"value": 0.95, "n": 2000},
    by_country__de__accuracy={"value": 0.96, "n": 1000},
    by_country__in__accuracy={"value": 0.80, "n": 10},
    by_language__zh_TW__accuracy=0.7,
    latency_ms={"value": 12.0, "n": 500, "stderr": 0.1},
    bare=0.9,
)
BASELINE = numbers(
    accuracy={"value": 0.92, "n": 2000},
    by_country__de__accuracy={"value": 0.93, "n": 1000},
    by_country__in__accuracy={"value": 0.70, "n": 10},
    latency_ms={"value": 12.5, "n": 500, "stderr": 0.1},
    bare=0.8,
)


def result(
    require: str, baseline: Numbers | None = BASELINE, *, first: Literal["accept", "refuse"] = "refuse"
) -> GateResult:
    gate = PlacedGate(Gate(name=require, require=require), "registry/policy.yaml", 7)
    (judged,) = judge([gate], Facts(CANDIDATE, baseline, ["cpu"]), first=first)
    return judged


@pytest.mark.parametrize(
    "require",
    [
        "metrics.by_country.de.accuracy > 0.95",
        'metrics.by_country["de"].accuracy > 0.95',
        'metrics["by_country"]["de"]["accuracy"] > 0.95',
        'metrics.by_country["in"].accuracy >= 0.8',
        "metrics.by_country.de.accuracy > baseline.metrics.by_country.de.accuracy",
        "has(metrics.by_country.de.accuracy)",
        'significantly_greater("accuracy", 0.99)',
        'significantly_greater("by_country.de.accuracy", 0.95)',
        "significantly_greater('accuracy', 0.95) && metrics.latency_ms < 50.0",
        'significantly_less("latency_ms", 0.95)',
        'not_worse("by_country.de.accuracy", 0.01, 0.95, "higher_is_better")',
        'not_worse("latency_ms", 0.5, 0.95, "lower_is_better")',
        '!significantly_less("accuracy", 0.95)',
    ],
)
def test_slices_and_claims_pass_when_they_are_so(require: str) -> None:
    assert result(require).verdict == "passed", result(require).reason


@pytest.mark.parametrize(
    ("require", "reason"),
    [
        ("metrics.by_country.fr.accuracy > 0.1", "no evaluation of the candidate measured 'by_country.fr.accuracy'"),
        ("has(metrics.by_country.fr.accuracy)", "no evaluation of the candidate measured 'by_country.fr.accuracy'"),
        ("metrics.by_country.all(c, true)", "no evaluation of the candidate measured 'by_country'"),
        ("metrics.by_country == metrics.by_country", "no evaluation of the candidate measured 'by_country'"),
        ("metrics.accuracy.de > 0.1", "no evaluation of the candidate measured 'accuracy.de'"),
        (
            "metrics.accuracy > baseline.metrics.by_language.zh_TW.accuracy",
            "baseline: no evaluation of the baseline measured 'by_language.zh_TW.accuracy'",
        ),
        ("metrics.by_country[tags[0]].accuracy > 0.1", "the gate is invalid: `metrics` is read by name"),
        ("metrics.by_country.?de.accuracy.orValue(1.0) > 0.1", "the gate is invalid: `metrics` is read by name"),
        ("metrics.by_country[?'de'].accuracy.orValue(1.0) > 0.1", "the gate is invalid: `metrics` is read by name"),
        ('metrics["by_country.de.accuracy"] > 0.1', "is several names: write `metrics.by_country.de.accuracy`"),
        ("metrics.by_country.in.accuracy > 0.1", 'write ["in"] for a part of that name'),
        # noise
        ('significantly_greater("by_country.in.accuracy", 0.95)', "noise is not excluded: no difference lies within"),
        ('not_worse("by_country.in.accuracy", 0.05, 0.95, "higher_is_better")', "a difference of -0.05 lies within"),
        ('significantly_greater("latency_ms", 0.95)', "latency_ms is 12, the baseline's 12.5"),
        # not recorded, or not measured: whatever else is true, and whatever is made of the answer
        ('significantly_greater("bare", 0.95)', 'let the suite write "n" beside its value'),
        ('!significantly_greater("bare", 0.95)', 'let the suite write "n" beside its value'),
        ('significantly_greater("bare", 0.95) || metrics.accuracy > 0.1', 'let the suite write "n"'),
        ('!significantly_greater("missing", 0.95)', "no evaluation of the candidate measured 'missing'"),
        ('true || significantly_less("by_country.fr.accuracy", 0.95)', "measured 'by_country.fr.accuracy'"),
        # written so that nobody could know what is asked
        ("significantly_greater(tags[0], 0.95)", 'write significantly_greater("accuracy", 0.95)'),
        ('significantly_greater("accuracy")', 'write significantly_greater("accuracy", 0.95)'),
        ('significantly_greater("accuracy", 0.95, 0.95)', 'write significantly_greater("accuracy", 0.95)'),
        ('significantly_greater("accuracy", 1.0 - 0.05)', 'write significantly_greater("accuracy", 0.95)'),
        ('significantly_greater("acc" + "uracy", 0.95)', 'write significantly_greater("accuracy", 0.95)'),
        ('[0.95].all(c, significantly_greater("accuracy", c))', 'write significantly_greater("accuracy", 0.95)'),
        ('tags.significantly_greater("accuracy", 0.95)', 'write significantly_greater("accuracy", 0.95)'),
        ("significantly_greater == significantly_greater", 'write significantly_greater("accuracy", 0.95)'),
        ('significantly_greater("accuracy", 95)', "the confidence is above 0.5 and below 1, as in 0.95 (it is 95)"),
        ('significantly_greater("accuracy", 1.0)', "the confidence is above 0.5 and below 1"),
        ('significantly_greater("accuracy", 0.05)', "the confidence is above 0.5 and below 1"),
        ('significantly_greater("accuracy", 0x1)', "write the number with a point"),
        ('not_worse("accuracy", 0.01, 0.95)', 'or "higher_is_better"'),
        ('not_worse("accuracy", 0.01, 0.95, "better")', 'or "higher_is_better"'),
        ('not_worse("accuracy", 0.0, 0.95, "higher_is_better")', "the margin is greater than 0"),
        ('not_worse("accuracy", -0.1, 0.95, "higher_is_better")', "write not_worse("),
        ('significant_greater("accuracy", 0.95)', "did you mean significantly_greater?"),
    ],
)
def test_everything_else_is_refused_and_says_why(require: str, reason: str) -> None:
    """Invariant 2."""
    judged = result(require)
    assert judged.verdict == "failed"
    assert reason in judged.reason


@pytest.mark.parametrize(
    "text", [r'significantly_greater("accur\u0061cy", 0.95)', r'!not_worse("\141", 0.1, 0.9, "x")']
)
def test_a_name_cannot_be_written_so_that_cel_reads_another(text: str) -> None:
    assert not result(text).passed


def test_while_the_stage_is_empty_a_claim_is_as_any_gate_that_names_the_baseline() -> None:
    better = 'significantly_greater("accuracy", 0.95)'
    assert result(better, None, first="accept").verdict == "first"
    assert "no baseline to compare with" in result(better, None, first="refuse").reason
    # what the next one will be compared with has to be there from the first
    assert 'let the suite write "n"' in result('significantly_greater("bare", 0.95)', None, first="accept").reason
    assert not result(f"{better} && metrics.latency_ms < 1.0", None, first="accept").passed


def test_a_slice_that_is_also_a_metric_is_refused_in_a_file_and_withheld_between_two() -> None:
    plain, sliced = (
        load(Evaluation, dump(Made().dataset().version(metrics=metrics).registry.evaluation(PATH)), "x")
        for metrics in ({"a": 0.5, "b": 1.0}, {"a.de": 0.6})
    )
    found = numbers_of({"one": plain, "two": sliced})
    assert dict(found.values) == {"b": 1.0}
    assert found.withheld["a"] == found.withheld["a.de"] == "'a' is a metric, and holds 'a.de' as well: rename one"
    with pytest.raises(DocumentError, match=r"'a' cannot be a metric and hold 'a\.de' as well"):
        load(Evaluation, dump(plain).replace(b"  b:", b"  a.de:"), "default.yaml")


PATH = "models/digits/versions/1/evaluations/default.yaml"
SIGNIFICANT = POLICY.replace(
    "metrics.accuracy > baseline.metrics.accuracy", "'significantly_greater(\"accuracy\", 0.95)'"
)


def promoted(better: Mapping[str, Any], base: Mapping[str, Any], policy: str = SIGNIFICANT) -> Decision:
    """Version 2 with these metrics, judged for production against version 1 with those."""
    made = Made(policy=policy).dataset().version(metrics={"latency_ms": 1.0, **base})
    made.pointer("digits", "staging", 1).pointer("digits", "production", 1)
    made.version("digits", 2, {"latency_ms": 1.0, **better}).pointer("digits", "staging", 2)
    return decide(made.registry, "digits", 2, "production", by="bob", now=NOW)


def test_a_lucky_test_set_is_not_promoted_and_a_better_model_is() -> None:
    small = promoted({"accuracy": {"value": 0.95, "n": 100}}, {"accuracy": {"value": 0.93, "n": 100}})
    large = promoted({"accuracy": {"value": 0.95, "n": 10_000}}, {"accuracy": {"value": 0.93, "n": 10_000}})
    assert (small.passed, large.passed) == (False, True)


def test_the_report_shows_values_difference_interval_confidence_method_and_sizes() -> None:
    decision = promoted({"accuracy": {"value": 0.95, "n": 2000}}, {"accuracy": {"value": 0.93, "n": 1000}})
    report = promotion_report(decision)
    gate = report.gates[0]
    assert gate_values(gate) == ("0.95", "> 0.93", "+0.02 [+0.004828, +0.03599]")
    assert gate.reason == "accuracy: Welch's t-test, n 2000 and 1000, confidence 0.95"
    text = markdown(report)
    for part in ("+0.02", "+0.004828", "n 2000 and 1000", "confidence 0.95"):
        assert part in text
    (compared,) = json.loads(json.dumps(report.as_json()))["gates"][0]["compared"]
    assert (compared["candidate"]["n"], compared["baseline"]["n"], compared["claim"]["confidence"]) == (
        2000,
        1000,
        0.95,
    )


def test_a_margin_stands_in_the_limit_of_the_report() -> None:
    better, lower = '"higher_is_better")', '"lower_is_better")'
    assert gate_values(result(f'not_worse("accuracy", 0.01, 0.95, {better}'))[:2] == ("0.95", "> 0.92 - 0.01")
    assert gate_values(result(f'not_worse("latency_ms", 0.5, 0.95, {lower}'))[:2] == ("12", "< 12.5 + 0.5")


FIELDS = st.fixed_dictionaries(
    {"value": st.floats() | st.none(), "n": st.integers(1, 5000) | st.none(), "stderr": st.floats() | st.none()}
)
ASKED = st.sampled_from(
    [
        *('significantly_greater("a", 0.55)', '!significantly_greater("a", 0.95)', 'significantly_less("a", 0.55)'),
        *('not_worse("a", 1000.0, 0.55, "higher_is_better")', 'true || not_worse("a", 0.1, 0.9, "lower_is_better")'),
    ]
)


@given(ASKED, FIELDS, FIELDS | st.none(), st.sampled_from(["accept", "refuse"]))
@settings(max_examples=400, derandomize=True, deadline=None)
def test_no_claim_passes_on_a_number_that_is_missing_or_not_finite(
    require: str, candidate: dict[str, Any], baseline: dict[str, Any] | None, first: Any
) -> None:
    """Invariant 2, whatever reached the gates."""

    def known(fields: dict[str, Any]) -> Numbers:
        values = {} if fields["value"] is None else {"a": fields["value"]}
        return Numbers(values, {}, {"a": Metric.model_construct(**fields)})

    gate = PlacedGate(Gate(name="x", require=require), "policy.yaml", 1)
    facts = Facts(known(candidate), known(baseline) if baseline else None)
    (judged,) = judge([gate], facts, first=first)
    for fields in (candidate, *([baseline] if baseline else [])):
        unknown = fields["n"] is None or fields["n"] < 2
        if unknown or any(one is not None and not math.isfinite(one) for one in (fields["value"], fields["stderr"])):
            assert judged.verdict == "failed"
        if fields["value"] is None or (fields["stderr"] is not None and fields["stderr"] < 0):
            assert judged.verdict == "failed"
    if baseline is None:
        assert judged.verdict != "passed"
