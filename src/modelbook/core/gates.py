"""Whether a version may enter a stage. Default: deny. Every gate is judged; no verdict hides another."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from modelbook.core.evaluation import Evaluation
from modelbook.core.expressions import REPRODUCED, Expression, ExpressionError, evaluate, parse
from modelbook.core.policy import PlacedGate
from modelbook.core.reproduction import LEVELS, ReproductionVerdict

Verdict = Literal["passed", "failed", "first"]


@dataclass(frozen=True)
class Numbers:
    """The metrics of one version: `values` are finite numbers, `withheld` says why the others are none."""

    values: Mapping[str, float]
    withheld: Mapping[str, str]

    def why_not(self, name: str, whose: str) -> str | None:
        """Why the metric cannot be used, or None if it can."""
        if name not in self.values:
            return self.withheld.get(name) or f"no evaluation of {whose} measured {name!r}"
        problem = _not_a_number(self.values[name])
        return f"{name} is {problem}" if problem else None


@dataclass(frozen=True)
class Facts:
    """What gates may read of a version."""

    candidate: Numbers
    baseline: Numbers | None
    tags: Sequence[str] = ()
    params: Mapping[str, Any] | None = None
    reproduction: ReproductionVerdict | None = None


@dataclass(frozen=True)
class Measured:
    """One comparison of a gate with its numbers. `margin` is the distance to the limit: negative where it fails."""

    left: str
    operator: str
    right: str
    value: float
    limit: float
    margin: float


@dataclass(frozen=True)
class GateResult:
    """The verdict on one gate: `passed`, `failed`, or `first` (no baseline yet, and the policy accepts that)."""

    name: str
    require: str
    verdict: Verdict
    reason: str
    measured: tuple[Measured, ...]
    path: str
    line: int | None

    @property
    def passed(self) -> bool:
        """Whether this gate lets the version through."""
        return self.verdict != "failed"


def numbers_of(evaluations: Mapping[str, Evaluation]) -> Numbers:
    """The metrics of a version from its verified evaluations, by suite name.

    A metric without a finite value, or one that two suites measured, is withheld: it passes no gate.
    """
    values: dict[str, float] = {}
    withheld: dict[str, str] = {}
    measured_by: dict[str, str] = {}
    for suite in sorted(evaluations):
        for name, metric in evaluations[suite].metrics.items():
            if name in measured_by:
                withheld[name] = f"{name!r} is measured by two suites ({measured_by[name]}, {suite}): rename one"
                values.pop(name, None)
                continue
            measured_by[name] = suite
            problem = _not_a_number(metric.value)
            if problem:
                withheld[name] = f"{name} is {metric.problem or problem}"
            else:
                values[name] = float(metric.value or 0.0)
    return Numbers(values, withheld)


def _not_a_number(value: object) -> str | None:
    """Why `value` may not be compared, or None if it is a finite number. `True` is no number here."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "missing" if value is None else f"{value!r}, which is not a number"
    return None if math.isfinite(value) else f"{value}, which is not finite"


def judge(gates: Sequence[PlacedGate], facts: Facts, *, first: Literal["accept", "refuse"]) -> tuple[GateResult, ...]:
    """The verdict on every gate. An empty list of gates is an invalid policy, and raises ValueError."""
    if not gates:
        raise ValueError("a stage without gates would let everything through")
    return tuple(_judge(placed, facts, first) for placed in gates)


def _judge(placed: PlacedGate, facts: Facts, first: str) -> GateResult:
    def result(verdict: Verdict, reason: str, measured: tuple[Measured, ...] = ()) -> GateResult:
        gate = placed.gate
        return GateResult(gate.name, gate.require, verdict, reason, measured, placed.path, placed.line)

    try:
        expression = parse(placed.gate.require)
    except ExpressionError as error:
        return result("failed", f"the gate is invalid: {error}")
    if missing := _missing(expression, facts):
        return result("failed", missing)
    variables = _variables(facts)
    if infinite := _infinite(expression, variables):
        return result("failed", f"`{infinite}` is not a finite number")
    measured = _measure(expression, variables)
    if expression.reads_baseline and facts.baseline is None:
        # What does not name the baseline can be judged already.
        if not all(holds(one) for one in measured) or expression.levels - _reached(facts):
            return result("failed", _why_not(facts, expression, measured), measured)
        if first == "accept":
            return result("first", "the stage is empty, and the policy says `first: accept`", measured)
        return result(
            "failed", "the stage is empty, so there is no baseline to compare with (`first: refuse`)", measured
        )
    try:
        value = evaluate(expression.text, variables, {REPRODUCED: lambda level: level in _reached(facts)})
    except ExpressionError as error:
        return result("failed", f"it cannot be judged: {error}")
    if value is True:
        return result("passed", "", measured)
    if value is not False:
        return result("failed", f"it gives {value!r}, not true or false", measured)
    return result("failed", _why_not(facts, expression, measured), measured)


def _why_not(facts: Facts, expression: Expression, measured: Sequence[Measured]) -> str:
    if facts.reproduction and expression.levels - _reached(facts):
        return facts.reproduction.why
    return _shortfall(measured)


def _reached(facts: Facts) -> frozenset[str]:
    """The levels of reproduction that the candidate has: what is identical is equivalent as well."""
    level = facts.reproduction.level if facts.reproduction else None
    return frozenset(LEVELS[LEVELS.index(level) :]) if level else frozenset()


def _missing(expression: Expression, facts: Facts) -> str | None:
    candidate, baseline = facts.candidate, facts.baseline
    if expression.levels and not facts.reproduction:
        return "nobody has trained the candidate again: `modelbook reproduce`"
    for name in sorted(expression.metrics):
        if why := candidate.why_not(name, "the candidate"):
            return why
    for name in sorted(expression.baseline_metrics) if baseline else ():
        if baseline and (why := baseline.why_not(name, "the baseline")):
            return f"baseline: {why}"
    return None


def _variables(facts: Facts) -> dict[str, Any]:
    variables: dict[str, Any] = {"metrics": dict(facts.candidate.values), "tags": list(facts.tags)}
    variables["params"] = dict(facts.params or {})
    if facts.baseline is not None:
        variables["baseline"] = {"metrics": dict(facts.baseline.values)}
    return variables


def _infinite(expression: Expression, variables: Mapping[str, Any]) -> str | None:
    """The first part of the expression that comes out as infinity or NaN, by a division by zero, say."""
    for operand in expression.operands:
        try:
            value = evaluate(operand, variables)
        except ExpressionError:
            continue  # no expression by itself, or not one that CEL can answer: the whole decides
        if isinstance(value, float) and not math.isfinite(value):
            return operand
    return None


def _measure(expression: Expression, variables: Mapping[str, Any]) -> tuple[Measured, ...]:
    found = []
    for comparison in expression.comparisons:
        try:
            value = evaluate(comparison.left, variables)
            limit = evaluate(comparison.right, variables)
        except ExpressionError:
            continue
        if _not_a_number(value) or _not_a_number(limit):
            continue
        margin = value - limit if comparison.operator in {">", ">="} else limit - value
        if comparison.operator in {"==", "!="}:
            margin = abs(margin) if comparison.operator == "!=" else 0.0 - abs(margin)
        if not math.isfinite(margin):
            continue
        found.append(
            Measured(
                comparison.left,
                comparison.operator,
                comparison.right,
                float(value),
                float(limit),
                float(margin),
            )
        )
    return tuple(found)


def holds(measured: Measured) -> bool:
    """Whether the comparison is true."""
    value, limit = measured.value, measured.limit
    return {
        "<": value < limit,
        "<=": value <= limit,
        ">": value > limit,
        ">=": value >= limit,
        "==": value == limit,
        "!=": value != limit,
    }[measured.operator]


def _shortfall(measured: Sequence[Measured]) -> str:
    short = [one for one in measured if not holds(one)]
    return "; ".join(
        f"{one.left} is {one.value:.6g}, short of {one.limit:.6g} by {abs(one.margin):.6g}"
        if one.margin
        else f"{one.left} is {one.value:.6g}, and has to be {one.operator} {one.limit:.6g}"
        for one in short
    ) or ("it is false")
