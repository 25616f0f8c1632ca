"""Training curves: a run's metrics over its steps, thinned to what a plot can show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from modelbook.core.runs.run_log import Event
from modelbook.core.runs.run_state import measured

POINTS = 300  # of one curve: more than a plot on a screen has columns for


@dataclass(frozen=True)
class Curve:
    """A metric over the steps, both of one length; `whole` is how many finite points were logged."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]
    whole: int


def curves_of(events: Sequence[Event]) -> tuple[Curve, ...]:
    """The curve of each metric that was logged at two steps or more, by name.

    What a later attempt did anew counts once, and of one step the last value. NaN and infinity have no place on a
    plot. Raises BadInput for what is no run's log.
    """
    found: dict[str, dict[int, float]] = {}
    for event in measured(events):
        if event.step is None:
            continue
        for name, value in event.values.items():
            if math.isfinite(value):
                found.setdefault(name, {})[event.step] = value
    return tuple(_curve(name, points) for name, points in sorted(found.items()) if len(points) > 1)


def _curve(name: str, points: dict[int, float]) -> Curve:
    kept = thinned(sorted(points.items()), POINTS)
    return Curve(name, tuple(step for step, _ in kept), tuple(value for _, value in kept), len(points))


def thinned(points: Sequence[tuple[int, float]], most: int) -> list[tuple[int, float]]:
    """At most `most` (4 or more) of the points, in order: the ends, and of each stretch between the highest and lowest.

    So no spike is lost, which an average or every n-th point would hide.
    """
    if len(points) <= most:
        return list(points)
    inner = points[1:-1]
    stretches = (most - 2) // 2
    kept = [points[0]]
    for at in range(stretches):
        stretch = inner[at * len(inner) // stretches : (at + 1) * len(inner) // stretches]
        ends = {min(stretch, key=lambda one: one[1]), max(stretch, key=lambda one: one[1])}
        kept += sorted(ends)
    return [*kept, points[-1]]
