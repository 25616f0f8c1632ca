"""Charts that GitHub draws from text: https://mermaid.js.org/syntax/xyChart.html."""

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
        f"%%{{init: {{'xyChart': {{'width': 780, 'height': {90 + 34 * len(found)}}}}}}}%%",
        "xychart-beta horizontal",
        f'    title "{_label(title)}"',
        f"    x-axis [{', '.join(_quoted(label) for label, _ in found)}]",
        f"    y-axis 0 --> {top:.10g}",
        f"    bar [{', '.join(f'{value:.6g}' for _, value in found)}]",
        "```",
    ]


def lines(title: str, across: tuple[int, int], found: Sequence[Sequence[float]]) -> list[str]:
    """Lines of a chart of one or more series of finite numbers, from the first to the last of `across`."""
    low, high = (pick(value for each in found for value in each) for pick in (min, max))
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return [
        "```mermaid",
        "%%{init: {'themeVariables': {'xyChart': {'plotColorPalette': '#8c959f, #cf222e'}}}}%%",
        "xychart-beta",
        f'    title "{_label(title)}"',
        f"    x-axis {across[0]} --> {across[1]}",
        f"    y-axis {low - room:.6g} --> {high + room:.6g}",
        *(f"    line [{', '.join(f'{value:.6g}' for value in each)}]" for each in found),
        "```",
    ]


def _quoted(label: str) -> str:
    return f'"{_label(label)}"'


def _label(text: str) -> str:
    plain = _PLAIN.sub("_", text)
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 2] + ".."


def _round_up(value: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(value))
    return next((step * magnitude for step in _STEPS if step * magnitude >= value), 10 * magnitude)
