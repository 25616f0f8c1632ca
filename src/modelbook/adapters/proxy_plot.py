"""A picture for each offline metric: where each version lies beside an online metric. Drawn by matplotlib."""

from pathlib import Path
from typing import TYPE_CHECKING

from modelbook.adapters.extras import extra
from modelbook.adapters.file_errors import explained
from modelbook.core.experiments.online_history import Effects, History
from modelbook.core.experiments.proxies import ProxyVerdict
from modelbook.core.experiments.proxy_details import Details
from modelbook.core.judging.better import Direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

SEGMENTS = 6  # that a picture can show

_COLOURS = {"proxy": "#1a7f37", "reversed": "#cf222e", "paradox": "#9a6700", "none": "#57606a"}
_WORDS = {"proxy": "a proxy", "reversed": "reversed", "paradox": "Simpson's paradox", "none": "no proxy"}


def draw_proxy(
    target: Path, verdict: ProxyVerdict, details: Details, history: History, signs: tuple[Direction, Direction]
) -> None:
    """Write the picture as PNG to `target`. `signs` are which way the offline and the online metric are better.

    Raises BadInput where matplotlib is not installed.
    """
    # Without pyplot, so that no window system is asked for.
    Figure = extra("matplotlib.figure", "matplotlib", "a picture").Figure
    pair, colour = verdict.pair, _COLOURS[verdict.verdict]
    figure = Figure(figsize=(7.2, 5.2), dpi=150, layout="constrained")
    axes: Axes = figure.subplots()
    effects = history.online[pair.online]
    x, y = pair.x * signs[0], pair.y * signs[1]
    noise = [1.96 * effects.stderr(version) for version in pair.versions]
    axes.plot(x, y, color="#d0d7de", linewidth=0.7, zorder=1, label="in the order of versions")
    axes.errorbar(x, y, yerr=noise, fmt="o", color=colour, capsize=2, markersize=5, zorder=3, label="version, ± 95 %")
    _line(axes, x, y, colour)
    for hue, (name, inside) in enumerate(_segments(history, pair.online)):
        those = [version for version in pair.versions if version in inside.versions]
        left = [x[pair.versions.index(version)] for version in those]
        top = [float(inside.values[inside.versions.index(version)]) for version in those]
        axes.plot(left, top, "x", color=f"C{hue}", markersize=4, alpha=0.7, zorder=2, label=name)
        _line(axes, left, top, f"C{hue}")
    for version, left, top in zip(pair.versions, x, y, strict=True):
        aside = (5, 5) if version % 2 else (-5, -11)
        side = "left" if version % 2 else "right"
        axes.annotate(str(version), (left, top), xytext=aside, textcoords="offset points", fontsize=8, ha=side)
    # Better is to the right, and up.
    if signs[0] < 0:
        axes.invert_xaxis()
    if signs[1] < 0:
        axes.invert_yaxis()
    axes.set_xlabel(f"{pair.offline} ({_way(signs[0])})")
    axes.set_ylabel(f"{pair.online} ({_way(signs[1])})")
    tau, share = details.kendall, verdict.agreement
    axes.set_title(
        f"{pair.offline} for {pair.online}: {_WORDS[verdict.verdict]}\n"
        f"changes alike {share.alike} of {share.changes} [{share.interval.low:.2f}, {share.interval.high:.2f}], "
        f"tau {verdict.kendall:+.2f} [{tau.low:+.2f}, {tau.high:+.2f}]",
        fontsize=10,
    )
    axes.grid(visible=True, color="#eaeef2", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    with explained(target, "write"):
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, metadata={"Software": "Modelbook"})


def _line(axes: "Axes", x: "ArrayLike", y: "ArrayLike", colour: str) -> None:
    """A straight line through the points, where there is one."""
    import numpy as np
    from scipy import stats

    if np.size(x) > 1 and np.ptp(x):
        line = stats.linregress(x, y)
        ends = np.array([np.min(x), np.max(x)])
        axes.plot(ends, line.intercept + line.slope * ends, color=colour, linewidth=1, linestyle="--", alpha=0.6)


def _segments(history: History, online: str) -> list[tuple[str, Effects]]:
    """The metric of each segment by name, of as many as a picture can show."""
    found = [
        (f"{dimension}.{segment}", effects)
        for (dimension, whole), segments in history.inside.items()
        if whole == online
        for segment, effects in segments.items()
    ]
    return found[:SEGMENTS]


def _way(sign: Direction) -> str:
    return "higher is better" if sign > 0 else "lower is better"
