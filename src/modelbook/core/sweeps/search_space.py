"""The space that a sweep searches: its dimensions in an order in which conditions can be asked, and a grid's points."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from modelbook.core.sweeps.sweep import Number, Parameter, Scalar, Sweep

_CLOSE = 1e-8  # of a step: floats add up to 0.30000000000000004

Point = dict[str, Scalar]
"""The parameters of one trial: those of which every condition holds."""


@dataclass(frozen=True)
class Dimension:
    """One parameter: one of `choices`, or a number from `low` to `high`, in steps of `step` where it is set.

    `when` names the values of other parameters under which it is there at all.
    """

    name: str
    kind: Literal["choice", "int", "float"]
    choices: tuple[Scalar, ...] = ()
    low: Number = 0
    high: Number = 0
    step: Number | None = None
    log: bool = False
    when: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)

    def holds(self, point: Mapping[str, Scalar]) -> bool:
        """Whether its conditions are met by what is chosen so far."""
        return all(name in point and is_one_of(point[name], allowed) for name, allowed in self.when.items())

    def contains(self, value: object) -> bool:
        """Whether it could have this value."""
        if self.kind == "choice":
            return is_one_of(value, self.choices)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.kind == "int" and not isinstance(value, int):
            return False
        return self.low <= value <= self.high and self._is_a_step(value)

    def _is_a_step(self, value: Number) -> bool:
        if self.step is None or self.log:
            return True
        steps = (value - self.low) / self.step
        return abs(steps - round(steps)) < _CLOSE

    def place(self, value: Scalar) -> float:
        """Where a value that it can have lies between its ends, from 0 to 1."""
        if self.kind == "choice":
            return self.choices.index(value) / max(1, len(self.choices) - 1)
        low, high, at = (math.log(one) if self.log else one for one in (self.low, self.high, float(value)))
        return min(1.0, max(0.0, (at - low) / (high - low)))

    @property
    def ends(self) -> tuple[Scalar, Scalar]:
        """Its first and its last value."""
        return (self.choices[0], self.choices[-1]) if self.kind == "choice" else (self.low, self.high)

    def steps(self) -> tuple[Scalar, ...] | None:
        """All values that it can have, in order; None where it is continuous."""
        if self.kind == "choice":
            return self.choices
        if self.step is None or self.log:
            return tuple(range(int(self.low), int(self.high) + 1)) if self.kind == "int" else None
        low, step = Decimal(repr(self.low)), Decimal(repr(self.step))
        exact = (low + number * step for number in range(self.size() or 0))
        return tuple(int(one) if self.kind == "int" else float(one) for one in exact)

    def size(self) -> int | None:
        """How many values it can have, without making them; None where it is continuous."""
        if self.kind == "choice":
            return len(self.choices)
        if self.step is None or self.log:
            return int(self.high) - int(self.low) + 1 if self.kind == "int" else None
        return _whole_steps(self.low, self.high, self.step) + 1


def _whole_steps(low: Number, high: Number, step: Number) -> int:
    return int((Decimal(repr(high)) - Decimal(repr(low))) / Decimal(repr(step)))


def is_one_of(value: object, allowed: tuple[Scalar, ...]) -> bool:
    """Whether a value is one of these. Python calls 1, 1.0 and True equal; a training script does not."""
    return any(type(value) is type(one) and value == one for one in allowed)


def dimension(name: str, parameter: Parameter) -> Dimension:
    """The dimension that a checked parameter is."""
    when = {other: asked if isinstance(asked, tuple) else (asked,) for other, asked in parameter.when.items()}
    if parameter.value is not None:
        return Dimension(name, "choice", (parameter.value,), when=when)
    if parameter.values is not None:
        return Dimension(name, "choice", parameter.values, when=when)
    low, high, kind = parameter.min, parameter.max, distribution_of(parameter)
    assert low is not None  # noqa: S101 - as checked
    assert high is not None  # noqa: S101
    if kind == "q_log_uniform_values":
        return Dimension(name, "int", (), low, high, None, log=True, when=when)
    step = parameter.q or 1 if kind == "int_uniform" else parameter.q
    if step is not None:  # the last step may lie below `max`
        high = float(Decimal(repr(low)) + _whole_steps(low, high, step) * Decimal(repr(step)))
    if kind == "int_uniform":
        return Dimension(name, "int", (), int(low), int(high), step, when=when)
    return Dimension(name, "float", (), float(low), float(high), step, kind == "log_uniform_values", when)


def distribution_of(parameter: Parameter) -> str:
    """The distribution: the one that is named, else what follows from the values, as at W&B."""
    if parameter.distribution:
        return parameter.distribution
    if parameter.value is not None:
        return "constant"
    if parameter.values is not None:
        return "categorical"
    whole = all(isinstance(each, int) for each in (parameter.min, parameter.max))
    return ("int_uniform" if whole else "uniform") if parameter.q is None or whole else "q_uniform"


def dimensions(sweep: Sweep) -> list[Dimension]:
    """All dimensions, each after those that its conditions name. In a circle of conditions nobody comes first."""
    waiting = {name: dimension(name, parameter) for name, parameter in sweep.parameters.items()}
    placed: dict[str, Dimension] = {}
    while ready := [one for one in waiting.values() if all(name in placed for name in one.when)]:
        placed |= {one.name: one for one in ready}
        waiting = {name: one for name, one in waiting.items() if name not in placed}
    return list(placed.values())


def varied(sweep: Sweep) -> list[Dimension]:
    """The parameters that are not the same in every trial."""
    return [one for one in dimensions(sweep) if len(one.choices) != 1]


def grid(sweep: Sweep) -> list[Point]:
    """Every point of a grid in a fixed order, so that trial n is the n-th: legs that start at once never meet."""
    return list(_points(dimensions(sweep), {}))


def _points(left: list[Dimension], point: Point) -> Iterator[Point]:
    if not left:
        yield dict(point)
        return
    first, *rest = left
    if not first.holds(point):
        yield from _points(rest, point)
        return
    for value in first.steps() or ():
        yield from _points(rest, point | {first.name: value})


def most_points(sweep: Sweep) -> int:
    """How many points a grid has at most: conditions can only make them fewer."""
    count = 1
    for one in dimensions(sweep):
        count *= one.size() or 1
    return count


def fits(sweep: Sweep, params: Mapping[str, object]) -> Point | None:
    """The point that `params` are in the space of `sweep`; None where they are none of it."""
    point: Point = {}
    for one in dimensions(sweep):
        if not one.holds(point):
            continue
        value = params.get(one.name)
        if not one.contains(value):
            return None
        point[one.name] = float(value) if one.kind == "float" else value  # type: ignore[arg-type,assignment]  # by now
    return point
