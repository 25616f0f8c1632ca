"""Which way a metric is better: as model.yaml says, or as the gates that hold it to something take it to be."""

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from modelbook.core.judging.expressions import parsed
from modelbook.core.policy import PlacedGate

Direction = Literal[1, -1]
BETTER: Mapping[str, Direction] = {"higher_is_better": 1, "lower_is_better": -1}
_METRIC = re.compile(r"metrics((?:\.[A-Za-z_][A-Za-z0-9_]*)+)")


def better_of(said: Mapping[str, str], gates: Iterable[PlacedGate]) -> dict[str, Direction]:
    """1 or -1 by metric, as far as it is known. What two gates say differently, neither says."""
    told: dict[str, set[Direction]] = {}
    for placed in gates:
        for metric, direction in asked_by(placed):
            told.setdefault(metric, set()).add(direction)
    found = {metric: direction for metric, ways in told.items() if len(ways) == 1 for direction in ways}
    return found | {metric: BETTER[way] for metric, way in said.items()}


def asked_by(placed: PlacedGate) -> list[tuple[str, Direction]]:
    """The metrics that a gate holds to something, and which way it takes for better."""
    if not (expression := parsed(placed.gate.require)):
        return []
    found: list[tuple[str, Direction]] = [(claim.metric, 1 if claim.sign > 0 else -1) for claim in expression.claims]
    for one in expression.comparisons:
        side = _METRIC.fullmatch(one.left)
        if side and one.operator in {">", ">=", "<", "<="}:
            found.append((side[1][1:], 1 if one.operator[0] == ">" else -1))
    return found
