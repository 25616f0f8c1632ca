"""What a command prints: tables and progress for a person, one JSON document for a program. Both from one report."""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from modelbook.adapters.store import Progress
from modelbook.core.unseen import UNSEEN, plain

if TYPE_CHECKING:
    from rich.console import Console

    from modelbook.core.pages.report import Report

_ESCAPED = re.compile(f"{UNSEEN.pattern}|#(?=#\\[)")
_LAST = 24  # what the last column of a table needs at least: its cells may be folded, the others never


def console(*, stderr: bool = False) -> "Console":
    """A Rich console; plain where output is no terminal, and in a workflow's log, which has no width."""
    from rich.console import Console

    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120
    return Console(stderr=stderr, highlight=False, soft_wrap=False, width=width)


def print_json(data: Any) -> None:
    """One JSON document on standard output."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    # It says the same, and neither is half a character written nor a command to GitHub's runner or a terminal.
    sys.stdout.write(_ESCAPED.sub(_escaped, text) + "\n")


def _escaped(found: re.Match[str]) -> str:
    """A character as JSON writes it in ASCII: beyond the first 65,536 it takes two of these."""
    data = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))


def print_report(report: "Report", *, as_json: bool, also: Mapping[str, object] | None = None) -> None:
    """The report on standard output, and as a summary and annotations where this is a workflow's step.

    `also` joins it in JSON.
    """
    from modelbook.adapters.workflow import publish

    publish(report)
    if as_json:
        print_json(report.as_json() | dict(also or {}))
        return
    click.secho(plain(report.title), bold=True)
    for label, value in report.facts.items():
        click.echo(f"  {label}: {plain(value)}")
    if report.gates:
        _print_gates(report)
    for finding in report.findings:
        colour = "red" if finding.level == "error" else "yellow"
        click.echo(click.style(f"{finding.level}: ", fg=colour) + plain(str(finding)))
    click.secho(
        ("✓ " if report.passed else "✗ ") + plain(report.verdict), fg="green" if report.passed else "red", bold=True
    )
    for step in report.next_steps:
        click.secho(f"  next: {plain(step)}", fg="cyan")


def _print_gates(report: "Report") -> None:
    # Only tables need Rich, and it takes longer to import than most checks take to run.
    from rich.table import Table
    from rich.text import Text

    from modelbook.core.pages.report import gate_values

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("gate", "value", "limit", "margin", "verdict"):
        right = heading in {"value", "limit", "margin"}
        table.add_column(heading, justify="right" if right else "left", no_wrap=right)
    for gate in report.gates:
        mark = {"passed": ("passed", "green"), "first": ("accepted", "yellow"), "failed": ("failed", "red")}[
            gate.verdict
        ]
        verdict = Text(mark[0], style=mark[1]) + Text(plain(f": {gate.reason}") if gate.reason else "")
        table.add_row(Text(plain(gate.name)), *(Text(cell) for cell in gate_values(gate)), verdict)
    console().print(table)


def print_table(rows: Sequence[Mapping[str, object]], *, as_json: bool, empty: str) -> None:
    """Rows of one shape as a table or as JSON; `empty` is what a person reads where there are none."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        console().print(empty)
        return
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    headings = list(rows[0])
    cells = [["-" if value is None else plain(str(value)) for value in row.values()] for row in rows]
    widths = [max(cell_len(line[at]) for line in (headings, *cells)) for at in range(len(headings))]
    if sum(widths[:-1]) + 2 * len(widths) + min(widths[-1], _LAST) > console().width:
        for text in table_lines([headings, *cells], console().width):
            say(text)
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading != headings[-1])
    for row in cells:
        table.add_row(*map(Text, row))
    console().print(table)


def table_lines(cells: Sequence[Sequence[str]], room: int) -> Iterator[str]:
    """Lines of a table whose first row are the headings; quick for any number of rows.

    Where it is wider than `room`, the columns that fit stand in a line, the others by name in a line below it.
    """
    from rich.cells import cell_len, set_cell_size

    headings = cells[0]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    fit = max(1, sum(sum(widths[:at]) + 2 * (at - 1) <= room for at in range(1, len(widths) + 1)))
    for line in cells:
        shown = [set_cell_size(cell, width) for cell, width in zip(line[:fit], widths, strict=False)]
        yield "  ".join(shown).rstrip()
        rest = [f"{name}: {cell}" for name, cell in zip(headings[fit:], line[fit:], strict=True) if cell != "-"]
        if rest and line is not headings:
            yield "    " + "  ".join(rest)


def print_nested(data: Any) -> None:
    """Nested data as indented lines, as a person would write YAML."""
    for line in _lines(data, 0):
        say(line)


def _lines(data: Any, depth: int) -> list[str]:
    pad = "  " * depth
    if isinstance(data, dict):
        found = []
        for key, value in data.items():
            if isinstance(value, dict | list) and value:
                found += [f"{pad}{key}:", *_lines(value, depth + 1)]
            else:
                found.append(f"{pad}{key}: {_on_one_line(value)}")
        return found
    found = []
    for value in data:
        if isinstance(value, dict | list) and value:
            first, *rest = _lines(value, depth + 1)
            found += [f"{pad}- {first.strip()}", *rest]
        else:
            found.append(f"{pad}- {_on_one_line(value)}")
    return found


def _on_one_line(value: Any) -> str:
    if value in ([], {}, None):
        return "-"
    return " ".join(str(value).split())


def say(text: str, *, as_json: bool = False) -> None:
    """A line for a person: on standard output, or on standard error where a program reads the output."""
    print(plain(text), file=sys.stderr if as_json else sys.stdout, flush=True)


def to_stderr(_stream: str, data: bytes) -> None:
    """What a script prints, where standard output is JSON for a program."""
    with suppress(OSError):
        sys.stderr.buffer.write(data)
        sys.stderr.flush()


def _draws() -> bool:
    """Whether standard error is a terminal that can draw a bar over the last one."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in {"dumb", "unknown"}


@contextmanager
def counted(label: str, total: int) -> Iterator[Progress]:
    """As `progress`, for `total` things."""
    if not _draws():
        yield lambda _count: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=total or None)
        yield lambda count: bars.advance(task, count)


@contextmanager
def progress(label: str, total: int) -> Iterator[Progress]:
    """A bar with rate and time left on standard error, for `total` bytes; silent where that is no terminal."""
    if not _draws():
        yield lambda _count: None
        return
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=total or None)
        yield lambda count: bars.advance(task, count)
