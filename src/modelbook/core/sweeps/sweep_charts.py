"""Charts of a sweep that GitHub draws from text: its history, and what of the parameters made trials good."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelbook.core.pages.mermaid import across, bars, lines, plane
from modelbook.core.sweeps.search_space import Dimension, fits
from modelbook.core.sweeps.standings import ranked
from modelbook.core.sweeps.sweep import Scalar
from modelbook.core.sweeps.sweep_report import SweepReport

_POINTS = 200  # of the history, the last ones
_BARS = 12
_TRIALS = 40  # of a chart that shows each, the best ones
_AXES = 8
_WIDE = 110  # letters below a chart
FEW = 3  # trials of which such a chart says nothing yet
# From the best trial to the worst: seen on white and on black.
_COLOURS = ("#cf222e", "#e16f24", "#d4a72c", "#54aeff", "#8c959f")


def charts(report: SweepReport) -> Iterator[str]:
    """Lines of Markdown: as many charts as there are trials for."""
    metric, history = report.sweep.metric.name, report.history[-_POINTS:]
    if len(history) > 1:
        series = [[value for value, _ in history], [best for _, best in history]]
        yield from (*lines(f"Red is the best so far - {metric}", "trials that have a value", series), "")
    if shares := [(name, 100 * share) for name, share in report.importances.items()]:
        yield from (*bars("Importance in per cent - fANOVA", shares[:_BARS]), "")
    shown, among = drawn(report, _TRIALS, len(_COLOURS)), axes(report)
    if len(shown) >= FEW and among:
        yield from (*_parallel(metric, shown, among), "")
    if len(shown) >= FEW and len(among) > 1:
        yield from (*_plane(shown, *among[:2]), "")


def axes(report: SweepReport) -> list[Dimension]:
    """The parameters that every trial has and that differ, those that matter most first."""
    everywhere = [one for one in report.varied if not one.when]
    return sorted(everywhere, key=lambda one: -report.importances.get(one.name, 0))[:_AXES]


@dataclass(frozen=True)
class Drawn:
    """A trial on a chart: where its parameters lie, its value, and its `rank` among those shown, 0 for the best."""

    label: str
    point: dict[str, Scalar]
    value: float
    rank: int


def drawn(report: SweepReport, most: int, ranks: int) -> list[Drawn]:
    """The best `most` trials, the best one first, in `ranks` groups of the same size."""
    order = ranked(report.sweep, report.trials)[:most]
    return [
        Drawn(str(one.leg), point, one.value, place * ranks // len(order))
        for place, one in enumerate(order)
        if one.value is not None and (point := fits(report.sweep, one.params)) is not None
    ]


def _parallel(metric: str, shown: Sequence[Drawn], among: Sequence[Dimension]) -> list[str]:
    """Each trial a line over the parameters that all of them have, the best in front."""
    low, high = (pick(one.value for one in shown) for pick in (min, max))
    found = [
        (
            [*(axis.place(one.point[axis.name]) for axis in among), (one.value - low) / ((high - low) or 1)],
            _COLOURS[one.rank],
        )
        for one in reversed(shown)
    ]
    room = _WIDE // (len(among) + 1)
    whole = [(axis.name, f"{axis.name} {_short(axis.ends[0])} to {_short(axis.ends[1])}") for axis in among]
    names = [label if len(label) <= room else name[:room] for name, label in whole]
    return across(f"Red is the best - {metric}", [*names, f"{low:.3g} to {high:.3g}"], found)


def _plane(shown: Sequence[Drawn], right: Dimension, up: Dimension) -> list[str]:
    """Where the trials lie in the two parameters that matter most."""
    found = [
        (one.label, right.place(one.point[right.name]), up.place(one.point[up.name]), _COLOURS[one.rank])
        for one in shown
    ]
    x, y = ((f"{axis.name} {_short(axis.ends[0])}", _short(axis.ends[1])) for axis in (right, up))
    return plane(f"Red is the best - {right.name}, {up.name}", x, y, found)


def _short(value: Scalar) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
