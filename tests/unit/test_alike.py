"""What depends on the machine passes a gate against the baseline only where both were measured on the same hardware."""

from collections.abc import Mapping
from typing import Any

import pytest

from modelbook.core.digests import digest_of
from modelbook.core.measuring.hardware import hardware_class
from modelbook.core.queries.differences import MetricPair, metric_pairs
from modelbook.core.run_record import Environment
from modelbook.core.stages.planning import plan
from modelbook.core.stages.promotion import Decision, decide
from modelbook.core.verifying.verification import verify_version
from tests.made import POLICY, Made
from tests.made_fields import NOW, TRAINING_JOB, digest

XEON: dict[str, Any] = {"python": "3.11.7", "platform": "Linux", "cpu": "Xeon", "cores": 8, "gpus": ["H100", "H100"]}
FASTER = POLICY.replace("metrics.accuracy > baseline.metrics.accuracy", "metrics.p99 <= baseline.metrics.p99")
SUITE = "evaluations/default.yaml"


def p99(value: float | None, **fields: Any) -> dict[str, Any]:
    return {"value": value, "n": 4, "stderr": 0.1, "hardware": True, **fields}


def numbers(value: float | None, **fields: Any) -> dict[str, Any]:
    return {"accuracy": 0.95, "latency_ms": 12.0, "p99": p99(value, **fields)}


def base(policy: str = FASTER, baseline: Mapping[str, Any] | None = None, **fields: Any) -> Made:
    """Version 1 in production, p99 10 on XEON unless said otherwise."""
    made = Made(policy=policy).dataset().version(metrics=None)
    made.evaluation(metrics=baseline or numbers(10.0), **{"environment": XEON, **fields})
    return made.pointer("digits", "staging", 1).pointer("digits", "production", 1)


def beside(made: Made, value: float | None = 10.0, **fields: Any) -> dict[str, Any]:
    card = digest_of(made.files["models/digits/versions/1/card.yaml"])
    usual = {"version": 1, "card": card, "suite": "default", "rounds": 4, "metrics": {"p99": p99(value)}}
    return usual | fields


def candidate(made: Made, value: float | None, **fields: Any) -> Made:
    made.version("digits", 2, None).evaluation("digits", 2, numbers(value), **{"environment": XEON, **fields})
    return made.pointer("digits", "staging", 2)


def judged(made: Made) -> Decision:
    return decide(made.registry, "digits", 2, "production", by="bob", now=NOW)


def test_on_the_same_hardware_numbers_are_compared_as_they_are() -> None:
    assert judged(candidate(base(), 9.0)).passed
    assert not judged(candidate(base(), 11.0)).passed


@pytest.mark.parametrize(
    "other", [{"cpu": "EPYC"}, {"cores": 16}, {"gpus": ["H100"]}, {"gpus": ["H200", "H200"]}, {"cores": None}]
)
def test_on_other_hardware_they_are_not_and_the_gate_says_how_to_mend_it(other: dict[str, Any]) -> None:
    decision = judged(candidate(base(environment=XEON | other), 9.0))
    (gate, *_) = decision.gates
    assert not decision.passed
    assert "p99 is not comparable: it was measured on" in gate.reason
    assert "the candidate's on Xeon, 8 cores, 2 x H100" in gate.reason
    assert "`modelbook evaluate digits@2 --suite default --beside production`" in gate.reason


def test_a_machine_that_is_not_on_record_is_like_no_other() -> None:
    bare = {"python": "3.11.7", "platform": "Linux"}
    decision = judged(candidate(base(environment=bare), 9.0, environment=bare))
    assert not decision.passed
    assert "measured on hardware that is not on record, the candidate's on hardware" in decision.gates[0].reason


@pytest.mark.parametrize("marked", ["candidate", "baseline"])
def test_one_mark_of_the_two_is_enough(marked: str) -> None:
    other = XEON | {"cores": 2}
    old = {"accuracy": 0.95, "latency_ms": 12.0, "p99": p99(10.0, hardware=marked == "baseline")}
    made = base(baseline=old, environment=other).version("digits", 2, None)
    new = old | {"p99": p99(9.0, hardware=marked == "candidate")}
    made.evaluation("digits", 2, new, environment=XEON).pointer("digits", "staging", 2)
    assert not judged(made).passed


def test_what_does_not_depend_on_the_machine_is_compared_on_any() -> None:
    policy = FASTER.replace("metrics.p99 <= baseline.metrics.p99", "metrics.accuracy >= baseline.metrics.accuracy")
    assert judged(candidate(base(policy, environment=XEON | {"cores": 2}), 9.0)).passed


@pytest.mark.parametrize(("again", "passes"), [(9.5, True), (8.5, False)])
def test_the_baseline_measured_again_beside_it_is_what_counts(again: float, passes: bool) -> None:
    made = base(environment=XEON | {"cores": 2})
    assert judged(candidate(made, 9.0, beside=beside(made, again))).passed is passes


def test_it_counts_before_numbers_from_the_same_hardware_too() -> None:
    made = base()
    assert not judged(candidate(made, 9.0, beside=beside(made, 8.5))).passed


def test_a_claim_beyond_noise_reads_it_as_well() -> None:
    policy = FASTER.replace("metrics.p99 <= baseline.metrics.p99", "'significantly_less(\"p99\", 0.95)'")
    made = base(policy, environment=XEON | {"cores": 2})
    decision = judged(candidate(made, 9.0, beside=beside(made, 10.0)))
    assert decision.passed
    assert decision.gates[0].compared[0].baseline.value == 10.0


def test_a_baseline_that_never_had_the_suite_is_compared_by_what_was_measured_beside() -> None:
    made = base(baseline={"accuracy": 0.9, "latency_ms": 12.0})
    assert judged(candidate(made, 9.0, beside=beside(made, 9.5))).passed


def test_a_metric_of_the_baseline_that_cannot_stand_beside_a_new_slice_gives_way() -> None:
    """The suite had `latency_ms`, and now has `latency_ms.p99`."""
    policy = POLICY.replace("metrics.accuracy > baseline.metrics.accuracy", "metrics.latency_ms.p99 < 50.0")
    policy = policy.replace("metrics.latency_ms < 50.0", "metrics.latency_ms.p99 <= baseline.metrics.latency_ms.p99")
    made = base(policy, baseline={"accuracy": 0.95, "latency_ms": 12.0}).version("digits", 2, None)
    other = beside(made, metrics={"latency_ms.p99": p99(10.0)})
    made.evaluation("digits", 2, {"accuracy": 0.95, "latency_ms.p99": p99(9.0)}, environment=XEON, beside=other)
    assert judged(made.pointer("digits", "staging", 2)).passed


def test_a_number_that_measuring_again_did_not_give_passes_nothing() -> None:
    """Invariant 2."""
    made = base()
    missing = beside(made, metrics={"p99": {"problem": "missing in round 2 of 4", "hardware": True}})
    decision = judged(candidate(made, 9.0, beside=missing))
    assert decision.gates[0].reason == "baseline: p99 is missing in round 2 of 4"


def test_what_was_measured_beside_another_baseline_counts_for_nothing() -> None:
    made = base(environment=XEON | {"cores": 2}).version("digits", 3, numbers(10.0))
    card = digest_of(made.files["models/digits/versions/3/card.yaml"])
    decision = judged(candidate(made, 9.0, beside=beside(made, 99.0, version=3, card=card)))
    assert not decision.passed
    assert "not comparable" in decision.gates[0].reason


def test_a_number_of_the_baseline_alone_is_compared_with_no_other_of_the_candidate() -> None:
    policy = FASTER.replace("baseline.metrics.p99", "baseline.metrics.p95")
    decision = judged(candidate(base(policy, numbers(10.0) | {"p95": p99(99.0)}), 9.0))
    assert "p95 is not comparable: it depends on the machine, and nobody measured it" in decision.gates[0].reason


def once_more(made: Made, value: float, again: float, **fields: Any) -> Made:
    """Version 2 measured once more, beside version 1."""
    other = beside(made, again)
    metrics = {"p99": p99(value), "accuracy": 0.1}
    return made.evaluation(
        "digits", 2, metrics, **{"suite": "default-beside-1", "environment": XEON, "beside": other, **fields}
    ).pointer("digits", "staging", 2)


def test_measured_once_more_both_numbers_are_of_that_time_and_no_other_is() -> None:
    made = candidate(base(environment=XEON | {"cores": 2}), 20.0)
    assert not judged(made).passed
    decision = judged(once_more(made, 9.0, 9.5))
    assert decision.passed
    assert decision.gates[0].measured[0].value == 9.0
    assert not judged(once_more(candidate(base(), 9.0), 9.0, 8.0)).passed


def test_measured_once_more_only_what_depends_on_the_machine_is_replaced() -> None:
    policy = FASTER.replace("metrics.p99 <= baseline.metrics.p99", "metrics.accuracy >= 0.95")
    assert judged(once_more(candidate(base(policy), 9.0), 9.0, 9.5)).passed


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"card": digest("another")}, "digits@1 in the registry is not the one that was measured beside it"),
        ({"version": 9}, "digits@9, measured beside it, is not in the registry"),
        ({"version": 2}, "digits@2 was measured beside itself"),
    ],
)
def test_what_was_measured_beside_it_is_known(fields: dict[str, Any], message: str) -> None:
    made = base()
    candidate(made, 9.0, beside=beside(made, **fields))
    verdict = verify_version(made.registry, "digits", 2)
    assert [finding.message for finding in verdict.findings if message in finding.message]
    assert not verdict.evaluations


def test_the_job_that_trained_the_baseline_does_not_measure_it_beside_another() -> None:
    made = base().version("digits", 2, None, run=_other_run())
    made.evaluation("digits", 2, numbers(9.0), environment=XEON, job=TRAINING_JOB, beside=beside(made))
    verdict = verify_version(made.registry, "digits", 2)
    assert [one.code for one in verdict.findings] == ["graded-by-trainer"]


def _other_run() -> dict[str, Any]:
    from tests.made_fields import card_fields

    run: dict[str, Any] = card_fields("digits", 2)["run"]
    return run | {"job": "github:acme/models:7:train"}


def test_what_people_are_shown_is_what_gates_compare() -> None:
    def pairs(made: Made) -> dict[str, MetricPair]:
        one, other = (verify_version(made.registry, "digits", version).evaluations for version in (1, 2))
        return {f"{pair.suite} {pair.name}": pair for pair in metric_pairs(one, other)}

    other = base(environment=XEON | {"cores": 2})
    apart = pairs(candidate(other.copy(), 9.0))
    assert apart["default p99"].elsewhere == "Xeon, 2 cores, 2 x H100"
    assert (apart["default p99"].left, apart["default accuracy"].difference) == (None, 0.0)
    assert pairs(candidate(other.copy(), 9.0, beside=beside(other, 9.5)))["default p99"].difference == -0.5
    again = pairs(once_more(candidate(other.copy(), 20.0), 9.0, 9.5))
    assert set(again) == {"default accuracy", "default latency_ms", "default p99"}
    assert (again["default p99"].difference, again["default accuracy"].difference) == (-0.5, 0.0)


MODEL = """\
model: digits
suites:
  default: {entry_point: evaluate.py, dataset: digits@1, compare: production}
"""


def test_a_suite_that_compares_waits_until_it_has_measured_beside_what_serves_now() -> None:
    made = base().put("models/digits/model.yaml", MODEL)
    assert not plan(made.registry, now=NOW).evaluations  # the latest is what serves

    def waiting(made: Made) -> list[tuple[int, str]]:
        return [(one.version, f"{one.name}, {one.evaluation}") for one in plan(made.registry, now=NOW).evaluations]

    assert waiting(made.copy().version("digits", 2, None)) == [(2, "default, None")]
    assert waiting(candidate(made.copy(), 9.0)) == [(2, "default, default-beside-1")]
    assert waiting(candidate(made.copy(), 9.0, beside=beside(made))) == []
    assert waiting(once_more(candidate(made.copy(), 9.0), 9.0, 9.5)) == []


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"cpu": "EPYC", "cores": 1}, "EPYC, 1 core, no GPU"),
        ({"cpu": "EPYC", "cores": 4, "gpus": ("A", "B", "A")}, "EPYC, 4 cores, 2 x A, 1 x B"),
        ({"cpu": "EPYC"}, None),
        ({"cores": 4, "gpus": ("A",)}, None),
    ],
)
def test_the_class_of_a_machine(environment: dict[str, Any], words: str | None) -> None:
    assert hardware_class(Environment(python="3", platform="p", **environment)) == words
