"""One report object: what it says, and that terminal, Markdown, annotations and JSON can all say it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from modelbook.core.findings import Finding
from modelbook.core.judging.gates import GateResult, Measured
from modelbook.core.pages.report import (
    Report,
    change_report,
    findings_report,
    gate_values,
    promotion_report,
    reproduction_report,
)
from modelbook.core.queries.drift import Drift
from modelbook.core.reproduction import judge_reproduction
from modelbook.core.stages.promotion import Decision, decide
from modelbook.core.verifying.changes import ChangeVerdict, check_change
from modelbook.core.verifying.verification import verify_version
from tests.made import POLICY, Made
from tests.made_fields import NOW

BETTER = {"accuracy": 0.97, "latency_ms": 10.0}


def serving() -> Made:
    made = (
        Made()
        .dataset()
        .version()
        .version("digits", 2, BETTER)
        .version("digits", 3, {"accuracy": 0.91, "latency_ms": 90.0})
    )
    return made.pointer("digits", "staging", 1).pointer("digits", "production", 1)


def promotion(version: int, stage: str = "production") -> Report:
    made = serving().pointer("digits", "staging", version)
    return promotion_report(decide(made.registry, "digits", version, stage, by="bob", now=NOW), next_steps=["merge it"])


def change(make: Callable[[Made], Made]) -> Report:
    base = serving().pointer("digits", "staging", 2)
    return change_report(check_change(base.registry, make(base.copy()).registry, now=NOW), base="b" * 40, head="h" * 40)


def test_a_promotion_that_passes_says_so() -> None:
    report = promotion(2)
    assert (report.title, report.passed) == ("Promote digits@2 to production", True)
    assert report.verdict == "all 2 gates let digits@2 into production"
    assert {"candidate": "digits@2", "stage": "production", "baseline": "digits@1"}.items() <= report.facts.items()
    assert {"card", "policy"} <= report.facts.keys()
    assert report.next_steps == ("merge it",)


def test_a_promotion_that_a_gate_refuses_says_by_how_much() -> None:
    report = promotion(3)
    assert (report.passed, report.verdict) == (False, "2 of 2 gates refuse digits@3")
    reasons = [gate.reason for gate in report.gates]
    assert reasons == [
        "metrics.accuracy is 0.91, short of 0.95 by 0.04",
        "metrics.latency_ms is 90, short of 50 by 40",
    ]
    assert [gate_values(gate) for gate in report.gates] == [("0.91", "> 0.95", "-0.04"), ("90", "< 50", "-40")]


def test_a_promotion_that_a_finding_blocks_points_to_the_findings() -> None:
    made = serving()
    decision = decide(made.registry, "digits", 2, "production", by="bob", now=NOW)
    report = promotion_report(decision)
    assert (report.passed, report.verdict) == (False, "digits@2 cannot enter production: see the findings")
    assert "skips-a-stage" in {finding.code for finding in report.findings}


def test_an_empty_stage_has_no_baseline_and_the_report_says_it() -> None:
    made = Made().dataset().version()
    report = promotion_report(decide(made.registry, "digits", 1, "staging", by="bob", now=NOW))
    assert report.facts["baseline"] == "none: the stage is empty"


def test_values_of_a_gate_have_one_line_for_each_comparison() -> None:
    measured = (Measured("a", ">", "1", 2.0, 1.0, 1.0), Measured("b", "<", "1", 1234567.0, 1.0, -1234566.0))
    gate = GateResult("x", "x", "failed", "", measured, "p", None)
    assert gate_values(gate) == ("2\n1.23457e+06", "> 1\n< 1", "+1\n-1.23457e+06")
    assert gate_values(GateResult("x", "x", "failed", "", (), "p", None)) == ("-", "-", "-")


@pytest.mark.parametrize(
    ("make", "passed", "verdict"),
    [
        (lambda head: head, True, "everything verifies"),
        (lambda head: head.dataset("more"), True, "everything verifies"),
        (
            lambda head: head.pointer("digits", "production", 2),
            True,
            "everything verifies, and all 2 gates let it through",
        ),
        (
            lambda head: head.pointer("digits", "staging", 3),
            True,
            "everything verifies, and the one gate lets it through",
        ),
        (lambda head: head.pointer("digits", "production", 3), False, "2 of 2 gates refuse it"),
        (lambda head: head.put("junk", "x"), False, "1 problem found"),
        (lambda head: head.put("junk", "x").put("junk2", "x"), False, "2 problems found"),
    ],
)
def test_a_change_passes_only_without_a_problem_and_with_every_gate(
    make: Callable[[Made], Made], passed: bool, verdict: str
) -> None:
    """Invariant 3."""
    report = change(make)
    assert (report.passed, report.verdict) == (passed, verdict)


def test_a_change_says_what_it_does_and_what_it_is_judged_against() -> None:
    report = change(lambda head: head.pointer("digits", "production", 2))
    assert report.title == "Modelbook: moves production of digits"
    assert report.facts["baseline in production"] == "digits@1"
    assert (report.facts["from"], report.facts["to"]) == ("b" * 40, "h" * 40)
    assert change(lambda head: head).facts["change"] == "nothing in the registry"


def test_what_was_found_outside_the_change_counts_too() -> None:
    """Invariant 3: a symbolic link that git shows is a finding like any other."""
    registry = serving().registry
    link = Finding("registry/x", None, "not-a-file", "a symbolic link is not allowed in the registry")
    report = change_report(check_change(registry, registry, now=NOW), base="b", head="h", also=[link])
    assert (report.passed, report.findings) == (False, (link,))


def test_a_decision_without_gates_makes_no_change_pass() -> None:
    """Invariant 2."""
    empty = Decision("digits", 1, "staging", None, (), (), None)
    report = change_report(ChangeVerdict((), (empty,), ()), base="b", head="h")
    assert not report.passed
    assert not promotion_report(empty).passed


def test_warnings_do_not_block_and_errors_do() -> None:
    warning = Finding("x", None, "code", "look", level="warning")
    error = Finding("x", 3, "code", "wrong", "repair it")
    assert findings_report("Verify", {}, [warning]).passed
    assert findings_report("Verify", {}, [warning]).verdict == "everything verifies"
    assert findings_report("Verify", {}, [warning, error]).verdict == "1 problem found"
    assert not findings_report("Verify", {}, [warning, error]).passed
    assert str(error) == "x:3: wrong\n  repair it"


def test_a_report_is_json_that_any_reader_takes() -> None:
    """No NaN, and every gate and finding with its place."""
    report = promotion(3)
    again = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert again["passed"] is False
    assert again["gates"][0]["measured"][0]["margin"] == pytest.approx(-0.04)
    assert (again["gates"][0]["path"], again["gates"][0]["line"]) == ("registry/policy.yaml", 11)
    blocked = json.loads(json.dumps(change(lambda head: head.put("junk", "x")).as_json(), allow_nan=False))
    assert blocked["findings"][0]["code"] == "unknown-file"
    assert "line" not in blocked["findings"][0]


def reproduced(rule: str, repetitions: list[dict[str, Any]] | None, drifts: tuple[Drift, ...] = ()) -> Report:
    made = Made(policy=POLICY + rule).dataset().version().reproduction(repetitions=repetitions)
    registry = made.registry
    reproduction = registry.reproduction("models/digits/versions/1/reproductions/again.yaml")
    evaluations = verify_version(registry, "digits", 1).evaluations
    verdict = judge_reproduction(registry.card("digits", 1), evaluations, reproduction, registry.policy.reproduce)
    return reproduction_report(reproduction, verdict, drifts)


def test_the_report_of_a_reproduction_names_what_agrees_and_what_may_be_the_reason_where_it_does_not() -> None:
    drifts = (Drift("python", "3.11.7", "3.12.1"), Drift("package numpy", None, "2.1"))
    same = reproduced("", None, drifts)
    assert (same.passed, same.findings, same.facts["weights"]) == (True, (), "the same bits")
    assert same.facts["environment"] == "other than recorded: python, package numpy"
    other = {"files": {}, "suites": {"default": {"accuracy": {"value": 0.95}}}}
    told = reproduced("reproduce: {margins: {accuracy: 0.01}}\n", [other, other], drifts)
    assert told.passed
    assert told.facts["accuracy"] == "recorded 0.95, mean of 2 0.95, margin 0.01, p 0"
    suspects = [finding.message for finding in told.findings]
    assert suspects == ["python is 3.12.1, was 3.11.7", "package numpy is 2.1, was absent"]
    assert {finding.level for finding in told.findings} == {"warning"}
    failed = reproduced("", [{"error": "out of memory"}])
    assert (failed.passed, failed.facts["weights"]) == (False, "none")
    assert failed.verdict == "digits@1 is not reproduced: a training anew left no model: out of memory"
