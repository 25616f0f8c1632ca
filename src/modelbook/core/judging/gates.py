"""Whether a version may enter a stage. Default: deny. Every gate is judged; no verdict hides another."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from modelbook.core.judging.cel import PROXY, REPRODUCED, ExpressionError, evaluate, infinite_in, nested
from modelbook.core.judging.claims import FORMS, Claim, claim_of
from modelbook.core.judging.expressions import Expression, parse
from modelbook.core.judging.numbers import Numbers, not_a_number
from modelbook.core.judging.pairing import tested
from modelbook.core.judging.significance import Compared
from modelbook.core.policy import PlacedGate
from modelbook.core.reproduction import LEVELS, ReproductionVerdict

Verdict = Literal["passed", "failed", "first"]


@dataclass(frozen=True)
class Facts:
    """What gates may read of a version. `proxies` are those of its model, by offline and online metric: numbers, or why
    there are none.
    """

    candidate: Numbers
    baseline: Numbers | None
    tags: Sequence[str] = ()
    params: Mapping[str, Any] | None = None
    reproduction: ReproductionVerdict | None = None
    proxies: Mapping[tuple[str, str], Mapping[str, float] | str] = field(default_factory=dict)


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
    """The verdict on one gate: `passed`, `failed`, or `first` (no baseline yet, and the policy accepts that).

    `compared` are the tests of its claims; `reason` says how those that passed were tested, and why a gate failed.
    """

    name: str
    require: str
    verdict: Verdict
    reason: str
    measured: tuple[Measured, ...]
    path: str
    line: int | None
    compared: tuple[Compared, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether this gate lets the version through."""
        return self.verdict != "failed"


def judge(gates: Sequence[PlacedGate], facts: Facts, *, first: Literal["accept", "refuse"]) -> tuple[GateResult, ...]:
    """The verdict on every gate. An empty list of gates is an invalid policy, and raises ValueError."""
    if not gates:
        raise ValueError("a stage without gates would let everything through")
    return tuple(_judge(placed, facts, first) for placed in gates)


def _judge(placed: PlacedGate, facts: Facts, first: str) -> GateResult:
    compared: tuple[Compared, ...] = ()

    def result(verdict: Verdict, reason: str, measured: tuple[Measured, ...] = ()) -> GateResult:
        gate = placed.gate
        return GateResult(gate.name, gate.require, verdict, reason, measured, placed.path, placed.line, compared)

    try:
        expression = parse(placed.gate.require)
    except ExpressionError as error:
        return result("failed", f"the gate is invalid: {error}")
    if missing := _missing(expression, facts):
        return result("failed", missing)
    tests = [_test(claim, facts) for claim in expression.claims]
    if untold := "; ".join(dict.fromkeys(one for one in tests if isinstance(one, str))):
        return result("failed", untold)
    compared = tuple(one for one in tests if isinstance(one, Compared))
    variables, functions = _variables(facts), _functions(facts, compared)
    if infinite := infinite_in(expression.operands, variables, functions):
        return result("failed", f"`{infinite}` is not a finite number")
    measured = _measure(expression, variables, functions)
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
        value = evaluate(expression.text, variables, functions)
    except ExpressionError as error:
        return result("failed", f"it cannot be judged: {error}")
    if value is True:
        return result("passed", "; ".join(one.words for one in compared), measured)
    if value is not False:
        return result("failed", f"it gives {value!r}, not true or false", measured)
    return result("failed", _why_not(facts, expression, measured, compared), measured)


def _why_not(
    facts: Facts, expression: Expression, measured: Sequence[Measured], compared: Sequence[Compared] = ()
) -> str:
    if facts.reproduction and expression.levels - _reached(facts):
        return facts.reproduction.why
    return _shortfall(measured, compared)


def _test(claim: Claim, facts: Facts) -> Compared | str | None:
    """The test of a claim, or why there can be none; None while there is no baseline and nothing else is missing."""
    candidate = facts.candidate.estimate(claim.metric)
    baseline = facts.baseline.estimate(claim.metric) if facts.baseline else None
    if isinstance(candidate, str):
        return candidate
    if isinstance(baseline, str):
        return f"baseline: {baseline}"
    if baseline is None or facts.baseline is None:
        return None
    name, ours, theirs = claim.metric, facts.candidate, facts.baseline
    # Which test is made follows from what was signed, never from what could be read just now.
    columns = None
    if all(name in one.examples or name in one.unread for one in (ours, theirs)):
        if why := ours.unread.get(name) or theirs.unread.get(name):
            return f"{name}: {why}"
        columns = ours.examples[name], theirs.examples[name]
    found = tested(claim, (candidate, baseline), columns)
    return f"{claim.metric} is too large, or too small, to be tested" if found is None else found


def _functions(facts: Facts, compared: Sequence[Compared]) -> dict[str, Callable[..., Any]]:
    """What CEL calls. Whatever it hands in was read before the condition ran, or there is no answer to it."""
    held = {one.claim: one.holds for one in compared}

    def asks(function: str) -> Callable[..., bool]:
        return lambda *arguments: held[claim_of(function, arguments)]

    read: dict[str, Callable[..., Any]] = {REPRODUCED: lambda level: level in _reached(facts)}
    known = {pair: dict(numbers) for pair, numbers in facts.proxies.items() if not isinstance(numbers, str)}
    read[PROXY] = lambda offline, online: known[offline, online]
    return read | {function: asks(function) for function in FORMS}


def _reached(facts: Facts) -> frozenset[str]:
    """The levels of reproduction that the candidate has: what is identical is equivalent as well."""
    level = facts.reproduction.level if facts.reproduction else None
    return frozenset(LEVELS[LEVELS.index(level) :]) if level else frozenset()


def _missing(expression: Expression, facts: Facts) -> str | None:
    candidate, baseline = facts.candidate, facts.baseline
    if expression.levels and not facts.reproduction:
        return "nobody has trained the candidate again: `modelbook reproduce`"
    for offline, online in sorted(expression.proxies):
        known = facts.proxies.get((offline, online), "no experiment is on record")
        if isinstance(known, str):
            return f"{offline} is no proxy for {online}: {known}"
    for name in sorted(expression.metrics):
        if why := candidate.why_not(name, "the candidate"):
            return why
    for name in sorted(expression.baseline_metrics) if baseline else ():
        if baseline and (why := baseline.why_not(name, "the baseline")):
            return f"baseline: {why}"
    return None


def _variables(facts: Facts) -> dict[str, Any]:
    variables: dict[str, Any] = {"metrics": nested(facts.candidate.values), "tags": list(facts.tags)}
    variables["params"] = dict(facts.params or {})
    if facts.baseline is not None:
        variables["baseline"] = {"metrics": nested(facts.baseline.values)}
    return variables


def _measure(
    expression: Expression, variables: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]
) -> tuple[Measured, ...]:
    found = []
    for comparison in expression.comparisons:
        try:
            value = evaluate(comparison.left, variables, functions)
            limit = evaluate(comparison.right, variables, functions)
        except ExpressionError:
            continue
        if not_a_number(value) or not_a_number(limit):
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


def _shortfall(measured: Sequence[Measured], compared: Sequence[Compared]) -> str:
    short = [one for one in measured if not holds(one)]
    texts = [
        f"{one.left} is {one.value:.6g}, short of {one.limit:.6g} by {abs(one.margin):.6g}"
        if one.margin
        else f"{one.left} is {one.value:.6g}, and has to be {one.operator} {one.limit:.6g}"
        for one in short
    ]
    texts += [f"{one.why_not} ({one.words})" for one in compared if not one.holds]
    return "; ".join(texts) or "it is false"
