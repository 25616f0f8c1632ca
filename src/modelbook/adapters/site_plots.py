"""The plots of the site, drawn by lets-plot as SVG files that follow the reader's light or dark."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from modelbook.core.moments import moment
from modelbook.core.runs.curves import Curve, thinned
from modelbook.core.site.site_pages import ModelPage, Series
from modelbook.core.site.site_version import Stay
from modelbook.errors import BadInput

WIDTH, HEIGHT = 480, 190  # pixels at which text has its natural size
LINE = 1000  # width of the time line
_ROW = 44  # height of a stage on the time line
# lets-plot is given these, and each becomes a colour of light and one of dark.
_COLOURS = {
    "ink": ("#010203", "#57606a", "#9aa4b2"),
    "grid": ("#010204", "#e6e9ee", "#2a3038"),
    "line": ("#010205", "#2f6feb", "#6ea8fe"),
    "band": ("#010206", "#2f6feb", "#6ea8fe"),
    "bar": ("#010207", "#bcd3fb", "#274574"),
    "past": ("#010208", "#dfe4ea", "#39414c"),
    "label": ("#010209", "#1f2328", "#e6edf3"),
    "axis": ("#01020a", "#aeb6c0", "#4a5460"),
    # Of trials, from the best to the worst.
    "rank0": ("#010301", "#c2410c", "#fb923c"),
    "rank1": ("#010302", "#2f6feb", "#6ea8fe"),
    "rank2": ("#010303", "#7ea6ee", "#4870b0"),
    "rank3": ("#010304", "#b3c3dc", "#384b68"),
    "rank4": ("#010305", "#d9dee5", "#2c333c"),
    # Of a contour, from the worst to the best.
    "level0": ("#010401", "#f4f7fd", "#141922"),
    "level1": ("#010402", "#e0eafc", "#182436"),
    "level2": ("#010403", "#c6d9fa", "#1c304d"),
    "level3": ("#010404", "#a5c3f6", "#223f68"),
    "level4": ("#010405", "#7ea8f1", "#2a5188"),
    "level5": ("#010406", "#548aec", "#3566ad"),
    "level6": ("#010407", "#2f6feb", "#4580d6"),
    "best": ("#010408", "#f97316", "#fdba74"),
}
TINT = {name: given for name, (given, _, _) in _COLOURS.items()}
_NUMBER = re.compile(r"\d+\.\d+")
# What lets-plot writes and nobody sees: lines of no width, and hints for other programs.
_UNSEEN = [
    re.compile(r'<path [^>]*fill="none" stroke-width="0"[^>]*></path>'),
    re.compile(r' stroke="#000000" stroke-opacity="0" stroke-width="0"'),
    re.compile(r' (?:fill|stroke)-opacity="1"| clip-bounds-jfx="[^"]*"| buffered-rendering="[^"]*"'),
]
_VALUE = re.compile(r'="[^"]*"')
_PLACES = 50  # on the time line: a shorter bar has no room for its number
_POINTS = 60  # of a metric: every version, or what a reader could tell apart
_MANY = 60  # versions, from which on they are a line without dots
_WIDE = timedelta(hours=1)


def require_plots() -> None:
    """Raise BadInput where what draws and what writes pages is not installed."""
    from importlib.util import find_spec

    if missing := [name for name in ("jinja2", "lets_plot") if find_spec(name) is None]:
        raise BadInput(
            f"the site needs {' and '.join(missing)}, which is not installed",
            remedy="pip install 'modelbook[site]'",
        )


def series_plot(series: Series) -> bytes:
    """A metric over the versions, with the interval of each where it is known."""
    from lets_plot import aes, geom_line, geom_linerange, geom_point, geom_ribbon, ggplot

    many = len(series.versions) > _MANY
    values = dict(zip(series.versions, series.values, strict=True))
    shown = [at for at, _ in thinned([(at, one.value) for at, one in values.items()], _POINTS)]
    known = [(at, values[at]) for at in shown if values[at].low is not None]
    band = {"x": [at for at, _ in known], "low": [o.low for _, o in known], "high": [o.high for _, o in known]}
    data = {"x": shown, "y": [values[at].value for at in shown]}
    plot = ggplot(data, aes("x", "y"))
    if known:
        ends = aes("x", ymin="low", ymax="high")
        plot += (
            geom_ribbon(ends, data=band, fill=TINT["band"], alpha=0.16, size=0, inherit_aes=False)
            if many
            else geom_linerange(ends, data=band, color=TINT["band"], alpha=0.4, size=2.2, inherit_aes=False)
        )
    plot += geom_line(color=TINT["line"], size=0.9)
    if not many:
        plot += geom_point(color=TINT["line"], size=2.6 if len(series.versions) <= 30 else 1.8)
    return drawn(plot + _whole_steps(series.versions), HEIGHT)


def curve_plot(curve: Curve) -> bytes:
    """A metric over the steps of a run."""
    from lets_plot import aes, geom_line, ggplot

    data = {"x": list(curve.steps), "y": list(curve.values)}
    return drawn(ggplot(data, aes("x", "y")) + geom_line(color=TINT["line"], size=0.9), HEIGHT)


def timeline_plot(page: ModelPage) -> bytes | None:
    """What was in which stage when, above the day that each version was registered; None where nothing is known.

    It ends a little after the last thing that happened: what goes on reaches the end.
    """
    from lets_plot import aes, geom_point, geom_segment, geom_text, ggplot, scale_x_datetime, scale_y_continuous

    rows = [row for row in page.rows if row.created]
    if not rows:
        return None
    times = [row.created for row in rows] + [at for stay in page.stays for at in (stay.since, stay.until) if at]
    first, last = moment(min(times, key=moment)), moment(max(times, key=moment))
    end = last + max((last - first) / 12, _WIDE)
    lanes = [stage for stage in page.stages if any(stay.stage == stage for stay in page.stays)]
    height = {stage: at + 1 for at, stage in enumerate(lanes)}
    days = _apart([moment(row.created) for row in rows], end - first)
    made = {"x": days, "y": [0.0] * len(days)}
    plot = ggplot() + geom_point(
        aes("x", "y"), data=made, color=TINT["line"], size=2.4, alpha=0.75 if len(rows) <= _MANY else 0.3
    )
    for going, tint in ((False, "past"), (True, "bar")):
        stays = [stay for stay in page.stays if stay.stage in height and (stay.until is None) == going]
        stays = _joined(stays, end - first)
        if stays:
            bars = _bars(stays, height, first, end)
            plot += geom_segment(
                aes("x", "y", xend="end", yend="y"), data=bars, color=TINT[tint], size=15, lineend="butt"
            )
            labels = _labels(bars, end - first)
            plot += geom_text(aes("x", "y", label="text"), data=labels, color=TINT["label"], size=5.2)
    plot += scale_x_datetime(expand=[0.02, 0])
    plot += scale_y_continuous(
        breaks=[0, *height.values()], labels=["registered", *height], limits=[-0.6, len(lanes) + 0.6]
    )
    return drawn(plot, 52 + _ROW * (len(lanes) + 1), width=LINE, y_grid=False)


def _bars(stays: Sequence[Stay], height: Mapping[str, int], first: datetime, end: datetime) -> dict[str, list[Any]]:
    begins = [moment(stay.since) if stay.since else first for stay in stays]
    ends = [moment(stay.until) if stay.until else end for stay in stays]
    return {
        "x": begins,
        # One that lasted no time is seen all the same; a gap of a hair tells two of them apart.
        "end": [max(stop, start + (end - first) / 250) for start, stop in zip(begins, ends, strict=True)],
        "y": [height[stay.stage] for stay in stays],
        "text": [str(stay.version or "") for stay in stays],
    }


def _apart(times: Sequence[datetime], whole: timedelta) -> list[datetime]:
    """Those of the times that have a place of their own on the line: nobody sees two dots that lie on one another."""
    kept: list[datetime] = []
    for time in sorted(times):
        if not kept or time - kept[-1] >= whole / _PLACES:
            kept.append(time)
    return kept


def _joined(stays: Sequence[Stay], whole: timedelta) -> list[Stay]:
    """The same, with those that are too short to be told apart and follow one another in a stage as one, unnamed."""
    found: list[Stay] = []
    for stay in stays:
        last = found[-1] if found else None
        short = last and last.until and last.since and stay.until and last.stage == stay.stage
        if last and short and moment(stay.until or "") - moment(last.since or "") < whole / _PLACES:
            found[-1] = replace(last, version=0, until=stay.until)
        else:
            found.append(stay)
    return found


def _labels(bars: Mapping[str, list[Any]], whole: timedelta) -> dict[str, list[Any]]:
    """The version's number in the middle of each bar that has room for it."""
    found: dict[str, list[Any]] = {"x": [], "y": [], "text": []}
    for start, stop, y, text in zip(bars["x"], bars["end"], bars["y"], bars["text"], strict=True):
        if text and (stop - start) >= max(whole, _WIDE) * (0.012 + 0.010 * len(text)):
            found["x"].append(start + (stop - start) / 2)
            found["y"].append(y)
            found["text"].append(text)
    return found


def _whole_steps(versions: Sequence[int]) -> Any:
    """Ticks at whole versions only."""
    from lets_plot import scale_x_continuous

    low, high = versions[0], versions[-1]
    step = next(one for one in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if (high - low) / one <= 8)
    breaks = [at for at in range(low, high + 1) if at % step == 0] or [low]
    return scale_x_continuous(breaks=breaks, format="d")


def drawn(plot: Any, height: int, *, width: int = WIDTH, y_grid: bool | None = True) -> bytes:
    """The plot as SVG in the colours of the site; lines go across (`y_grid`), upwards (False) or not at all (None)."""
    from lets_plot import element_blank, element_line, element_text, ggsize, theme, theme_minimal

    text = element_text(color=TINT["ink"], size=12)
    grid = element_line(color=TINT["grid"], size=1)
    plot += theme_minimal() + theme(
        text=text,
        axis_text=text,
        axis_title=element_blank(),
        panel_grid_major_y=grid if y_grid else element_blank(),
        panel_grid_major_x=grid if y_grid is False else element_blank(),
        axis_line_x=grid,
        axis_ticks=element_blank(),
        plot_background=element_blank(),
        panel_background=element_blank(),
        legend_position="none",
        plot_margin=[6, 10, 4, 4],
        panel_grid_minor=element_blank(),
    )
    file = BytesIO()
    (plot + ggsize(width, height)).to_svg(file)
    return _tidied(file.getvalue().decode())


def _tidied(svg: str) -> bytes:
    """The drawing with colours for light and dark, the same bytes each time, and nothing that no page needs."""
    body = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    for at, name in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', body))):  # it draws them at random
        body = body.replace(f'"{name}"', f'"n{at}"').replace(f"#{name})", f"#n{at})")
    for name, (given, _, _) in _COLOURS.items():
        red, green, blue = (int(given[at : at + 2], 16) for at in (1, 3, 5))
        body = body.replace(f"rgb({red},{green},{blue})", f"var(--{name})").replace(given, f"var(--{name})")
    body = _VALUE.sub(lambda found: _NUMBER.sub(lambda one: f"{float(one[0]):.1f}".removesuffix(".0"), found[0]), body)
    body = re.sub(r">\s+<", "><", body)
    for unseen in _UNSEEN:
        body = unseen.sub("", body)
    body = re.sub(r'(<line [^>]*) fill="none"', r"\1", body)
    body = re.sub(r"></(?:line|path|rect|circle)>", "/>", body)
    body = re.sub(r'(<svg[^>]*?) width="([\d.]+)" height="([\d.]+)"', r'\1 viewBox="0 0 \2 \3"', body, count=1)
    start = body.index(">", body.index("<svg")) + 1
    return (body[:start] + _style(body) + body[start:] + "\n").encode()


def _style(body: str) -> str:
    """The colours that the drawing has, and that of its text."""
    used = {name: pair for name, (_, *pair) in _COLOURS.items() if name == "ink" or f"var(--{name})" in body}
    light, dark = (";".join(f"--{name}:{pair[at]}" for name, pair in used.items()) for at in (0, 1))
    text = "text{font:12px system-ui,sans-serif;fill:var(--ink)}"
    return f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}{text}</style>"
