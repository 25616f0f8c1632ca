"""`modelbook sql`: a question in SQL over all that a registry and its store hold."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from modelbook.adapters.sql_database import ask
from modelbook.commands._finding import tell_findings
from modelbook.commands._listing import format_options, print_rows
from modelbook.commands._tables import Tables
from modelbook.commands._workspace import registry_option, rev_option


@click.command(short_help="Ask the registry in SQL.")
@click.argument("query")
@format_options
@rev_option
@registry_option
def command(query: str, form: str, output: Path | None, as_json: bool, rev: str, registry_folder: str | None) -> int:
    """Ask one SELECT of DuckDB over the tables versions, metrics, params, models, datasets, stages, history and runs.

    It reads nothing else: no file, no network, no extension. Memory and time are bounded. Exit status 1 if a card or a
    run could not be read, so that the answer is without it.

    \b
    Examples:
      modelbook sql 'DESCRIBE versions'
      modelbook sql "SELECT model, max(value) FROM metrics WHERE name = 'f1' GROUP BY model"
      modelbook sql "SELECT ref, since, until FROM history WHERE stage = 'production'" --format csv
    """
    tables = Tables(rev, registry_folder)
    columns, found = ask(tables.all(), query)
    names = _distinct(columns)
    rows = [dict(zip(names, map(_plain, row), strict=True)) for row in found]
    print_rows(rows, names, "json" if as_json else form, output, empty="No row.")
    return tell_findings(tables.findings)


def _distinct(columns: list[str]) -> list[str]:
    """The columns, a second one of a name with a number after it."""
    names: list[str] = []
    for name in columns:
        number = 2
        kept = name
        while kept in names:
            kept, number = f"{name}_{number}", number + 1
        names.append(kept)
    return names


def _plain(value: Any) -> Any:
    """A value of DuckDB's as one of JSON's."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
