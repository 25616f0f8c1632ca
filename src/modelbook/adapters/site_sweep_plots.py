"""The plots of a sweep, drawn as the others of the site: history, parallel coordinates, importance, contour."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from modelbook.adapters.site_plots import LINE, TINT, drawn
from modelbook.core.runs.curves import thinned
from modelbook.core.site.site_sweeps import COLUMNS, DOTS, SweepPage
from modelbook.core.sweeps.search_space import Dimension
from modelbook.core.sweeps.standings import better, ranked
from modelbook.core.sweeps.sweep import Scalar
from modelbook.core.sweeps.sweep_charts import FEW, Drawn, axes
from modelbook.core.sweeps.sweep_charts import drawn as trials_drawn
from modelbook.core.sweeps.sweep_report import SweepReport

RANKS = 5  # colours of trials, from the best to the worst
LEVELS = 7  # colours of a contour
_MOST_LINES = 100  # of parallel coordinates: more are a cloud
_MOST_DOTS = 200
_GRID = 32  # points of a contour's grid to each side
_SMOOTH = 0.02
_TALL, _LOW = 300, 220  # pixels
_TICKS = 6
_LABEL = 18  # characters
_PLAIN = str.maketrans("<>\\", "()/")


def sweep_plots(page: SweepPage) -> dict[str, bytes]:
    """SVG by name: `history`, `parallel`, `importance`, `contour`. What so few trials say nothing of is left out."""
    report = page.report
    if report is None:
        return {}
    among, shown = axes(report), _spread(report)
    found: dict[str, Callable[[], bytes]] = {}
    if len(report.history) > 1:
        found["history"] = lambda: _history(page, report)
    if len(shown) >= FEW and len(among) > 1:
        found["parallel"] = lambda: _parallel(report.sweep.metric.name, trials_drawn(report, _MOST_LINES, RANKS), among)
    if report.importances:
        found["importance"] = lambda: _importance(report)
    if report.importances and len(shown) >= FEW and len(among) > 1:
        found["contour"] = lambda: _contour(report, shown, among[0], among[1])
    return {name: draw() for name, draw in found.items()}


def _spread(report: SweepReport) -> list[Drawn]:
    """The best trial, and of all others as many as have room on a contour: good and bad ones alike."""
    order = ranked(report.sweep, report.trials)
    few = [*order[:1], *order[1 :: math.ceil(len(order) / DOTS) or 1]]
    return trials_drawn(replace(report, trials=few), DOTS, RANKS)


def _history(page: SweepPage, report: SweepReport) -> bytes:
    from lets_plot import aes, geom_point, geom_step, ggplot, scale_x_continuous, scale_y_log10

    history = report.history
    numbered = list(enumerate(history, 1))
    dots = thinned([(at, value) for at, (value, _) in numbered], _MOST_DOTS)
    # Of the best so far only the steps are drawn: there are few, however many trials there are.
    steps = [(at, best) for at, (_, best) in numbered if at == 1 or best != history[at - 2][1]]
    steps.append((len(numbered), history[-1][1]))
    few = len(numbered) <= 60
    plot = ggplot() + geom_point(
        aes("x", "y"), data=_data(dots), color=TINT["line"], size=2.6 if few else 1.6, alpha=0.55 if few else 0.4
    )
    plot += geom_step(aes("x", "y"), data=_data(steps), color=TINT["rank0"], size=1.1)
    plot += scale_x_continuous(format="d")
    if page.logarithmic:
        plot += scale_y_log10()
    return drawn(plot, _LOW, width=LINE)


def _data(points: Sequence[tuple[float, float]]) -> dict[str, list[float]]:
    return {"x": [x for x, _ in points], "y": [y for _, y in points]}


def _importance(report: SweepReport) -> bytes:
    from lets_plot import aes, geom_bar, geom_text, ggplot, scale_x_continuous, scale_y_continuous

    shares = list(report.importances.items())[:COLUMNS][::-1]
    data = {"x": [share for _, share in shares], "y": list(range(len(shares)))}
    data["text"] = [f"{share:.0%}" for _, share in shares]
    plot = ggplot(data, aes("x", "y"))
    plot += geom_bar(stat="identity", orientation="y", fill=TINT["line"], width=0.62, size=0)
    plot += geom_text(aes(label="text"), hjust=0, nudge_x=0.012, color=TINT["label"], size=5.2)
    plot += scale_y_continuous(breaks=data["y"], labels=[_plain(name) for name, _ in shares])
    plot += scale_x_continuous(limits=[0, max(share for _, share in shares) * 1.16], breaks=[0])
    return drawn(plot, _TALL, y_grid=None)


def _parallel(metric: str, shown: Sequence[Drawn], among: Sequence[Dimension]) -> bytes:
    """Each trial a line over the parameters that all of them have and the metric, the best in front."""
    from lets_plot import aes, geom_path, geom_segment, geom_text, ggplot, scale_x_continuous, scale_y_continuous

    low, high = (pick(one.value for one in shown) for pick in (min, max))
    names = [_plain(name) for name in (*(axis.name for axis in among), metric)]
    ends = [*(axis.ends for axis in among), (low, high)]
    places = list(range(len(names)))
    plot = ggplot()
    whole = {"x": places, "low": [0.0] * len(places), "high": [1.0] * len(places)}
    plot += geom_segment(aes("x", "low", xend="x", yend="high"), data=whole, color=TINT["axis"], size=1)
    for rank in range(RANKS - 1, -1, -1):
        lines = [one for one in shown if one.rank == rank]
        if lines:
            heights = [
                [*(axis.place(one.point[axis.name]) for axis in among), (one.value - low) / ((high - low) or 1)]
                for one in lines
            ]
            data = {
                "x": places * len(lines),
                "y": [height for each in heights for height in each],
                "trial": [one.label for one in lines for _ in places],
            }
            size = 1.3 if rank == 0 else 0.8
            plot += geom_path(aes("x", "y", group="trial"), data=data, color=TINT[f"rank{rank}"], size=size)
    for side, above in ((0, -0.08), (1, 1.08)):
        words = {"x": places, "y": [above] * len(places), "text": [_tick(each[side]) for each in ends]}
        plot += geom_text(aes("x", "y", label="text"), data=words, color=TINT["ink"], size=5)
    plot += scale_x_continuous(breaks=places, labels=names, limits=[-0.4, len(places) - 0.6])
    plot += scale_y_continuous(breaks=[], limits=[-0.14, 1.14])
    return drawn(plot, _TALL, width=LINE, y_grid=None)


def _contour(report: SweepReport, shown: Sequence[Drawn], right: Dimension, up: Dimension) -> bytes:
    """The metric between the trials, by levels that as many trials lie in; the stronger the colour, the better."""
    from lets_plot import (
        aes,
        geom_contourf,
        geom_point,
        ggplot,
        scale_fill_gradientn,
        scale_x_continuous,
        scale_y_continuous,
    )

    at = [(right.place(one.point[right.name]), up.place(one.point[up.name])) for one in shown]
    plot = ggplot()
    surface = _surface(at, [better(report.sweep, one.value) for one in shown])
    if surface:
        plot += geom_contourf(aes("x", "y", z="z", fill="..level.."), data=surface, binwidth=1, size=0)
        plot += scale_fill_gradientn(colors=[TINT[f"level{each}"] for each in range(LEVELS)], limits=[0, LEVELS - 1])
    best, others = at[:1], at[1:]
    for points, tint, size in ((others, "label", 1.6), (best, "best", 4.2)):
        plot += geom_point(aes("x", "y"), data=_data(points), color=TINT[tint], size=size, alpha=0.8)
    for axis, scale in ((right, scale_x_continuous), (up, scale_y_continuous)):
        ticks = _ticks(axis)
        plot += scale(breaks=[place for place, _ in ticks], labels=[text for _, text in ticks], expand=[0.03, 0])
    return drawn(plot, _TALL, y_grid=None)


def _surface(at: Sequence[tuple[float, float]], values: Sequence[float]) -> dict[str, list[float]] | None:
    """The level of each point of a grid, smooth between the trials; None where all of them are the same."""
    import numpy as np
    from scipy.interpolate import RBFInterpolator

    thresholds = np.unique(np.quantile(values, np.linspace(0, 1, LEVELS)))
    if len(thresholds) < 2:
        return None
    levels = np.interp(values, thresholds, np.linspace(0, LEVELS - 1, len(thresholds)))
    x, y = (each.ravel() for each in np.meshgrid(*[np.linspace(0, 1, _GRID)] * 2))
    # Smoothed, since trials at one place need not agree: what else differs between them is not on the plot.
    between = RBFInterpolator(np.array(at), levels, kernel="linear", smoothing=_SMOOTH)
    z = np.clip(between(np.column_stack([x, y])), 0, LEVELS - 1)
    return {"x": x.tolist(), "y": y.tolist(), "z": z.tolist()}


def _ticks(axis: Dimension) -> list[tuple[float, str]]:
    """Where an axis has a number or a word, and which."""
    if axis.kind == "choice":
        values: Sequence[Scalar] = axis.choices if len(axis.choices) <= _TICKS else axis.ends
    elif axis.log:
        first, last = math.ceil(math.log10(axis.low)), math.floor(math.log10(axis.high))
        every = (last - first) // _TICKS + 1
        values = [10.0**power for power in range(first, last + 1, every)] if last > first else axis.ends
    else:
        values = [axis.low + (axis.high - axis.low) * part / 4 for part in range(5)]
    return [(axis.place(value), _tick(value)) for value in values]


def _tick(value: Scalar) -> str:
    return _plain(f"{value:.3g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value))


def _plain(text: str) -> str:
    r"""A label that is only text: what draws would read <a> as a link, and \( as a formula."""
    text = text.translate(_PLAIN)
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"
