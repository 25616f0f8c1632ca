"""Charts and graphs that GitHub draws from text: https://mermaid.js.org/syntax/xyChart.html, flowchart.html."""

import math
import re
from collections.abc import Sequence

_PLAIN = re.compile(r"[^A-Za-z0-9_.+% -]")
_LONGEST = 40  # characters of a label
_STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


def relative_bars(title: str, bars: Sequence[tuple[str, float]]) -> list[str]:
    """Lines of a chart of `bars` (a label and a finite number >= 0), with a line at 100; it begins at 0.

    Labels and title are cut down to letters, digits and a few signs: Mermaid has a language of its own.
    """
    top = _round_up(max([100.0, *(value for _, value in bars)]) * 1.02)
    return [
        "```mermaid",
        # Colours that are seen on white and on black; so high that no bar is a thread.
        "%%{init: {'xyChart': {'width': 780, 'height': "
        f"{90 + 34 * len(bars)}"
        "}, 'themeVariables': {'xyChart': {'plotColorPalette': '#54aeff, #cf222e'}}}}%%",
        "xychart-beta horizontal",
        f'    title "{_label(title)}"',
        f"    x-axis [{', '.join(_quoted(label) for label, _ in bars)}]",
        f"    y-axis 0 --> {top:.10g}",
        f"    bar [{', '.join(f'{value:.6g}' for _, value in bars)}]",
        f"    line [{', '.join(['100'] * len(bars))}]",
        "```",
    ]


def bars(title: str, found: Sequence[tuple[str, float]]) -> list[str]:
    """Lines of a chart of bars (a label and a finite number >= 0) that begin at 0."""
    top = _round_up(max([1e-9, *(value for _, value in found)]))
    return [
        "```mermaid",
        f"%%{{init: {{'xyChart': {{'width': 780, 'height': {90 + 34 * len(found)}}}, "
        "'themeVariables': {'xyChart': {'plotColorPalette': '#54aeff'}}}}%%",
        "xychart-beta horizontal",
        f'    title "{_label(title)}"',
        f"    x-axis [{', '.join(_quoted(label) for label, _ in found)}]",
        f"    y-axis 0 --> {top:.10g}",
        f"    bar [{', '.join(f'{value:.6g}' for _, value in found)}]",
        "```",
    ]


def lines(title: str, below: str, found: Sequence[Sequence[float]]) -> list[str]:
    """Lines of a chart of one or more series of finite numbers, all as long; `below` says what each number is of."""
    low, high = (pick(value for each in found for value in each) for pick in (min, max))
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return [
        "```mermaid",
        "%%{init: {'themeVariables': {'xyChart': {'plotColorPalette': '#8c959f, #cf222e'}}}}%%",
        "xychart-beta",
        f'    title "{_label(title)}"',
        f"    x-axis {_quoted(below)} 1 --> {len(found[0])}",
        f"    y-axis {low - room:.6g} --> {high + room:.6g}",
        *(f"    line [{', '.join(f'{value:.6g}' for value in each)}]" for each in found),
        "```",
    ]


def across(title: str, axes: Sequence[str], found: Sequence[tuple[Sequence[float], str]]) -> list[str]:
    """Lines of a chart of parallel coordinates: each line has a number of 0 to 1 on each axis, and a colour."""
    return [
        "```mermaid",
        "%%{init: {'xyChart': {'width': 780, 'height': 420, 'yAxis': {'showLabel': false, 'showTick': false}}, "
        f"'themeVariables': {{'xyChart': {{'plotColorPalette': '{', '.join(colour for _, colour in found)}'}}}}}}}}%%",
        "xychart-beta",
        f'    title "{_label(title)}"',
        f"    x-axis [{', '.join(map(_quoted, axes))}]",
        "    y-axis 0 --> 1",
        *(f"    line [{', '.join(f'{value:.4g}' for value in values)}]" for values, _ in found),
        "```",
    ]


def plane(
    title: str, x: tuple[str, str], y: tuple[str, str], found: Sequence[tuple[str, float, float, str]]
) -> list[str]:
    """Lines of a chart of points: label, two numbers of 0 to 1, and a colour; `x` and `y` name the ends of the axes."""
    return [
        "```mermaid",
        "%%{init: {'quadrantChart': {'chartWidth': 600, 'chartHeight': 500, 'pointLabelFontSize': 11}}}%%",
        "quadrantChart",
        f"    title {_label(title)}",
        *(f"    {side}-axis {_quoted(low)} --> {_quoted(high)}" for side, (low, high) in (("x", x), ("y", y))),
        *(f"    {_quoted(name)}: [{x:.4g}, {y:.4g}] radius: 6, color: {colour}" for name, x, y, colour in found),
        "```",
    ]


def _quoted(label: str) -> str:
    return f'"{_label(label)}"'


def _label(text: str) -> str:
    plain = _PLAIN.sub("_", text)
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 2] + ".."


def _reference(text: str) -> str:
    """As a label, in which the `@` of a reference is one again when it is drawn."""
    return "#64;".join(map(_label, text.split("@")))


def _round_up(value: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(value))
    return next((step * magnitude for step in _STEPS if step * magnitude >= value), 10 * magnitude)


def flowchart(edges: Sequence[tuple[str, str, str]]) -> list[str]:
    """Lines of a graph of (from, to, label), each thing once, from left to right; labels are cut down as in a chart."""
    numbers: dict[str, int] = {}
    for one, other, _ in edges:
        numbers.setdefault(one, len(numbers))
        numbers.setdefault(other, len(numbers))
    return [
        "```mermaid",
        "flowchart LR",
        *(f'    n{number}["{_reference(name)}"]' for name, number in numbers.items()),
        *(
            f'    n{numbers[one]} -->|"{_label(label)}"| n{numbers[other]}'
            for one, other, label in dict.fromkeys(edges)
        ),
        "```",
    ]
