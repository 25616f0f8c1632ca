"""Rows of any number for a person, a spreadsheet or a program: a table, JSON, CSV or a Parquet file."""

import csv
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from modelbook.adapters.extras import extra
from modelbook.adapters.whole_file import write_whole
from modelbook.commands._console import print_json, say, table_lines
from modelbook.core.listed import many
from modelbook.core.unseen import plain
from modelbook.errors import BadInput

Function = TypeVar("Function", bound=Callable[..., Any])
Rows = Sequence[Mapping[str, Any]]
"""Values by column; None, or no value, where there is none."""

FORMATS = ("table", "json", "csv", "parquet")


def format_options(function: Function) -> Function:
    """`--format`, with `--json` for short, and `--output`."""
    options: tuple[Callable[[Function], Function], ...] = (
        click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
        click.option(
            "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to FILE."
        ),
        click.option(
            "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="As what."
        ),
    )
    for option in options:
        function = option(function)
    return function


def print_rows(rows: Rows, columns: Sequence[str], form: str, output: Path | None, *, empty: str) -> None:
    """Print rows, or write them to the file `output`, whole or not at all. `empty` is for a person."""
    if form == "parquet":
        if output is None and sys.stdout.isatty():
            raise BadInput("Parquet is no text for a terminal", remedy="Name a file: --output found.parquet.")
        data = _parquet(rows, columns)
    elif form == "table" and output is None:
        _table(rows, columns, empty)
        return
    elif form == "json" and output is None:
        print_json([{name: row.get(name) for name in columns} for row in rows])
        return
    else:
        text = _text(rows, columns, form, empty)
        # On a terminal CSV is read by a person.
        data = (plain(text) if output is None and sys.stdout.isatty() else text).encode()
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return
    try:
        write_whole(output, data)
    except OSError as error:
        raise BadInput(f"it cannot be written: {error.strerror}", where=str(output)) from None
    say(f"{many(len(rows), 'row')} in {output}", as_json=True)


def _table(rows: Rows, columns: Sequence[str], empty: str) -> None:
    room = shutil.get_terminal_size((120, 24))
    lines = _lines(rows, columns, room.columns, empty)
    if sys.stdout.isatty() and len(rows) >= room.lines:
        click.echo_via_pager(f"{line}\n" for line in lines)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    if len(rows) > 1:
        say(many(len(rows), "row"), as_json=True)


def _lines(rows: Rows, columns: Sequence[str], room: int, empty: str) -> list[str]:
    if not rows:
        return [empty]
    cells = [[plain(cell(row.get(name))) for name in columns] for row in rows]
    return list(table_lines([list(columns), *cells], room))


def cell(value: Any) -> str:
    """A value as a person reads it."""
    if value is None or value in ({}, [], ""):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}={cell(one)}" for name, one in value.items())
    return " ".join(str(value).split())


def _text(rows: Rows, columns: Sequence[str], form: str, empty: str) -> str:
    if form == "json":
        return json.dumps([{name: row.get(name) for name in columns} for row in rows], indent=2) + "\n"
    if form == "table":
        return "".join(f"{line}\n" for line in _lines(rows, columns, 2**20, empty))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_flat(row.get(name)) for name in columns] for row in rows)
    return text.getvalue()


def _flat(value: Any) -> Any:
    """A value in one cell: what is no single one is JSON, and a text never a formula to a spreadsheet."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def _parquet(rows: Rows, columns: Sequence[str]) -> bytes:
    """A Parquet file with these columns, as DuckDB writes it."""
    duckdb = extra("duckdb", "sql", "Parquet")
    types = {name: _type([row.get(name) for row in rows]) for name in columns}
    with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
        lines, made = Path(folder) / "rows.json", Path(folder) / "rows.parquet"
        lines.write_text("".join(json.dumps({name: row.get(name) for name in columns}) + "\n" for row in rows))
        if rows:
            given = ", ".join(f"{_quoted(name)}: '{kind}'" for name, kind in types.items())
            read = f"SELECT * FROM read_json($1, format = 'newline_delimited', columns = {{{given}}})"  # noqa: S608 - columns of ours
        else:
            read = f"SELECT {', '.join(f'NULL::{kind} AS {_named(name)}' for name, kind in types.items())} LIMIT 0"
        with duckdb.connect() as database:
            database.execute(f"COPY ({read}) TO {_quoted(str(made))} (FORMAT parquet)", [str(lines)] if rows else [])
        return made.read_bytes()


def _type(values: Sequence[Any]) -> str:
    """The type of a column: by what is in it, and never by what a text looks like."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int} and all(value is None or abs(value) < 2**63 for value in values):
        return "BIGINT"
    if kinds and kinds <= {int, float}:
        return "DOUBLE"
    if kinds == {list} and all(isinstance(one, str) for value in values for one in value or ()):
        return "VARCHAR[]"
    return "VARCHAR" if kinds <= {str} else "JSON"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _named(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
