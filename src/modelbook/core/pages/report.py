"""One report object, rendered as a terminal table, Markdown, workflow annotations and JSON: they all say the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from modelbook.core.findings import Finding, blocks
from modelbook.core.listed import listed
from modelbook.core.signing.approvals import AWAITED, Signing

if TYPE_CHECKING:  # every command prints a report, and most have no use for what judges changes and gates
    from modelbook.core.judging.gates import GateResult
    from modelbook.core.queries.drift import Drift
    from modelbook.core.reproduction import MetricVerdict, Reproduction, ReproductionVerdict
    from modelbook.core.stages.promotion import Decision
    from modelbook.core.verifying.changes import ChangeVerdict

_SHOWN = 5  # differences of an environment in one line
# What no gate judges: the verdict where it may be, and where it may not.
_KINDS = {
    "rollback": (
        "{0} held {1} before and may come back; promotions leave {1} alone until it is released",
        "{1} cannot go back to {0}: see the findings",
    ),
    "hold": ("{1} stays at {0} until it is released", "{1} cannot be held: see the findings"),
    "release": ("{1} may be promoted into again", "{1} cannot be released: see the findings"),
}


@dataclass(frozen=True)
class Report:
    """What was asked (`title`), the verdict, the facts it rests on, every gate, every finding, and what to do next."""

    title: str
    passed: bool
    verdict: str
    facts: Mapping[str, str]
    gates: "tuple[GateResult, ...]" = ()
    findings: tuple[Finding, ...] = ()
    next_steps: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON object; non-finite numbers never stand in it."""
        return {
            "title": self.title,
            "passed": self.passed,
            "verdict": self.verdict,
            "facts": dict(self.facts),
            "gates": [asdict(gate) for gate in self.gates],
            "findings": [finding.as_json() for finding in self.findings],
            "next_steps": list(self.next_steps),
        }


def findings_report(title: str, facts: Mapping[str, str], findings: Iterable[Finding]) -> Report:
    """The report of a check that has findings and no gates."""
    found = tuple(findings)
    errors = sum(finding.level == "error" for finding in found)
    verdict = "everything verifies" if not errors else f"{errors} problem{'s' if errors > 1 else ''} found"
    return Report(title, not blocks(found), verdict, facts, findings=found)


def promotion_report(decision: "Decision", *, next_steps: Sequence[str] = ()) -> Report:
    """The report of a promotion: what a team reads to decide."""
    name = decision.reference
    facts = {"candidate": name, "stage": decision.stage, **_stands(decision), **decision.facts}
    facts |= decision.timing.facts
    facts |= {"may enter from": decision.opens} if decision.opens else {}
    if decision.pointer:
        facts["card"] = decision.pointer.card
        facts["policy"] = decision.pointer.policy
    facts |= _reason(decision)
    failed = [gate for gate in decision.gates if not gate.passed]
    if decision.kind:
        verdict = _KINDS[decision.kind][0 if decision.passed else 1].format(name, decision.stage)
    elif decision.passed:
        verdict = f"{_all_let(len(decision.gates))} {name} into {decision.stage}"
    elif failed:
        verdict = f"{len(failed)} of {len(decision.gates)} gates refuse {name}"
    elif decision.opens:
        verdict = f"{name} may enter {decision.stage} from {decision.opens} on"
    else:
        verdict = f"{name} cannot enter {decision.stage}: see the findings"
    return Report(
        decision.title,
        decision.passed,
        verdict,
        facts,
        decision.gates,
        decision.findings,
        tuple(next_steps),
    )


def _all_let(gates: int) -> str:
    return "the one gate lets" if gates == 1 else f"all {gates} gates let"


def _stands(decision: "Decision") -> dict[str, str]:
    """What the stage holds now, as a promotion is compared with it and a rollback leaves it."""
    if decision.kind in {"hold", "release"}:
        return {}
    name = "away from" if decision.kind else "baseline"
    return {name: f"{decision.model}@{decision.baseline.version}" if decision.baseline else "none: the stage is empty"}


def _reason(decision: "Decision") -> dict[str, str]:
    """Why, where somebody has to say so for want of gates."""
    reason = decision.pointer.reason if decision.pointer and decision.kind else None
    return {"reason": reason} if reason else {}


def approval_report(decision: "Decision", findings: Sequence[Finding], standing: Signing) -> Report:
    """The report of a promotion to whoever is asked to sign it; that it waits for signatures is no fault of it."""
    own = tuple(one for one in decision.findings if one.code not in AWAITED)
    report = promotion_report(replace(decision, findings=own))
    faults = tuple(one for one in findings if one.code not in AWAITED)
    passed = report.passed and not blocks(faults)
    verdict = report.verdict if passed == report.passed else "it cannot be signed as it is: see the findings"
    facts = {**report.facts, "signatures": standing.words}
    return replace(report, passed=passed, verdict=verdict, facts=facts, findings=faults)


def reproduction_report(
    reproduction: "Reproduction",
    verdict: "ReproductionVerdict",
    drifts: "Sequence[Drift]",
    *,
    next_steps: Sequence[str] = (),
) -> Report:
    """The report of a version that was trained again; `drifts` are how the environment differs from the recorded one.

    Where the weights are not the same, each of them is a suspect.
    """
    name = f"{reproduction.model}@{reproduction.version}"
    source = {"lock": "those of the recorded lock file", "machine": "those of this machine"}[reproduction.installed]
    facts = {
        "candidate": name,
        "trained again": f"{len(reproduction.repetitions)} times" if len(reproduction.repetitions) > 1 else "once",
        "packages": source,
        "environment": f"other than recorded: {listed([one.part for one in drifts], _SHOWN)}"
        if drifts
        else "as recorded",
    }
    identical = verdict.level == "identical"
    others = f"other: {', '.join(verdict.other_weights)}" if verdict.other_weights else "none"
    facts["weights"] = "the same bits" if identical else others
    for metric in verdict.metrics:
        facts[metric.name] = _equivalence_words(metric)
    suspects = tuple(
        Finding(
            "", None, "suspect", f"{one.part} is {one.right or 'absent'}, was {one.left or 'absent'}", level="warning"
        )
        for one in (() if identical else drifts)
    )
    how = {"identical": "is reproduced", "statistical": "is statistically reproduced", None: "is not reproduced"}
    text = f"{name} {how[verdict.level]}: {verdict.why}"
    passed = verdict.level is not None
    return Report(f"Reproduce {name}", passed, text, facts, findings=suspects, next_steps=tuple(next_steps))


def _equivalence_words(metric: "MetricVerdict") -> str:
    one = metric.measured
    if one is None:
        return metric.problem or ""
    text = f"recorded {one.recorded:.6g}, mean of {one.n} {one.mean:.6g}, margin {one.margin:.6g}"
    return text + (f", p {one.p:.2g}" if one.p is not None else f": {metric.problem}")


def gate_values(gate: "GateResult") -> tuple[str, str, str]:
    """Value, limit and margin of a gate, as text: one line for each comparison in it; a dash where there is none.

    Of a claim beyond noise: the value, the baseline's, and the difference with the interval that it lies in.
    """
    rows = [(f"{one.value:.6g}", f"{one.operator} {one.limit:.6g}", f"{one.margin:+.6g}") for one in gate.measured]
    rows += [
        (
            f"{one.candidate.value:.6g}",
            one.claim.limit(one.baseline.value),
            f"{one.difference:+.4g} [{one.low:+.4g}, {one.high:+.4g}]",
        )
        for one in gate.compared
    ]
    value, limit, margin = ("\n".join(column) for column in zip(*rows, strict=True)) if rows else ("-", "-", "-")
    return value, limit, margin


def change_report(verdict: "ChangeVerdict", *, base: str, head: str, also: Sequence[Finding] = ()) -> Report:
    """The report of a change: what a pull request shows its team."""
    findings = (*also, *verdict.findings)
    gates = tuple(gate for decision in verdict.promotions for gate in decision.gates)
    failed = [gate for gate in gates if not gate.passed]
    errors = sum(finding.level == "error" for finding in findings)
    if failed:
        text = f"{len(failed)} of {len(gates)} gates refuse it"
    elif errors and all(one.code in AWAITED for one in findings if one.level == "error"):
        text = f"{_all_let(len(gates))} it through, and it waits for signatures"
    elif errors:
        text = f"{errors} problem{'s' if errors > 1 else ''} found"
    else:
        text = "everything verifies" + (f", and {_all_let(len(gates))} it through" if gates else "")
    facts = {"change": "; ".join(verdict.does) or "nothing in the registry", "from": base, "to": head}
    for one in verdict.promotions:
        if one.kind is None:
            facts |= {f"{what} in {one.stage}": text for what, text in _stands(one).items()}
            told = one.timing.facts
        else:
            told = {**_stands(one), **one.facts, **_reason(one)}
        facts |= {f"{one.stage}: {what}": text for what, text in told.items()}
    passed = verdict.passed and not blocks(also)
    return Report("Modelbook: " + (facts["change"]), passed, text, facts, gates, findings)
