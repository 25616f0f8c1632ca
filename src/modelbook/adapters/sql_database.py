"""A database in memory for one question of somebody's in SQL, which can reach nothing outside of it.

DuckDB reads files, the network and extensions where it is let; here it is let do none of it, and may not be told
otherwise. What it may take of memory, disk and time is bounded.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from modelbook.adapters.bounded import bounded
from modelbook.adapters.extras import extra
from modelbook.errors import BadInput

if TYPE_CHECKING:
    import duckdb

SECONDS = 60  # on the clock
MEMORY = "1GB"  # by DuckDB's own account
PROCESS_MEMORY = 3 * 1024**3  # bytes: what it does not account for, and room for its threads
MOST = 1_000_000  # rows of an answer
_ALONE: dict[str, Any] = {"threads": "4", "memory_limit": MEMORY}  # each thread takes room that is never used
_LOCKED = """
SET temp_directory = ''; SET python_enable_replacements = false;
SET autoinstall_known_extensions = false; SET autoload_known_extensions = false;
SET allow_community_extensions = false; SET enable_external_access = false; SET lock_configuration = true;
"""


class Table(NamedTuple):
    """The type of each column by name, and the rows, which are asked for where a question names the table."""

    types: Mapping[str, str]
    rows: Callable[[], Iterable[Sequence[Any]]]


Answer = tuple[list[str], list[tuple[Any, ...]]]
"""Columns and rows."""


def ask(tables: Mapping[str, Table], query: str, *, seconds: float = SECONDS) -> Answer:
    """The columns and rows that `query` gives, over those of the tables that it names.

    Raises BadInput for what is no single SELECT, for an error in it, and where it takes too long or too much memory.
    DuckDB works in a process of its own: within one call of a function it hears of no interruption, and it counts only
    a part of the memory that it takes.
    """
    extra("duckdb", "sql", "SQL")
    limited = partial(bounded, what="the question", seconds=seconds, memory=PROCESS_MEMORY, waits=True)
    limited(partial(_check, query))  # before tables are gathered for what is none
    named = set(re.findall(r"[a-z]+", query.lower()))  # DuckDB itself would look at files to tell what is named
    with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
        files = {name: _written(Path(folder), name, table) for name, table in tables.items() if name in named}
        types = {name: table.types for name, table in tables.items()}
        answer: Answer = limited(partial(_answer, types, files, query))
    return answer


def _check(query: str) -> None:
    import duckdb

    with duckdb.connect(":memory:", config=_ALONE) as database:
        _statement(database, query)


def _answer(types: Mapping[str, Mapping[str, str]], files: Mapping[str, Path], query: str) -> Answer:
    import duckdb

    with duckdb.connect(":memory:", config=_ALONE) as database:
        statement = _statement(database, query)
        for name, columns in types.items():
            typed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
            database.execute(f"CREATE TABLE {name} ({typed})")
            if name in files:
                _fill(database, name, columns, files[name])
        database.execute(_LOCKED)
        try:
            found = database.execute(statement)
            told = [str(column[0]) for column in found.description or ()]
            rows = [tuple(row) for row in found.fetchmany(MOST + 1)]
        except duckdb.Error as error:
            raise _told(error, list(types)) from None
    if len(rows) > MOST:
        raise BadInput(f"the answer has more than {MOST:,} rows", remedy="Ask for fewer, as with LIMIT.")
    return told, rows


def _statement(database: "duckdb.DuckDBPyConnection", query: str) -> "duckdb.Statement":
    import duckdb

    try:
        statements = database.extract_statements(query)
    except duckdb.Error as error:
        raise _told(error, []) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BadInput("a question is one SELECT", remedy="Everything else would change what is gone a moment later.")
    return statements[0]


def _written(folder: Path, name: str, table: Table) -> Path:
    """The rows of a table in a file: handed over row by row they would take a hundred times longer."""
    path = folder / f"{name}.json"
    with path.open("w") as file:
        for row in table.rows():
            file.write(json.dumps(dict(zip(table.types, row, strict=True))) + "\n")
    return path


def _fill(database: "duckdb.DuckDBPyConnection", name: str, types: Mapping[str, str], rows: Path) -> None:
    if rows.stat().st_size:
        given = ", ".join(f"'{column}': '{kind}'" for column, kind in types.items())
        read = f"read_json($1, format = 'newline_delimited', columns = {{{given}}})"
        database.execute(f"INSERT INTO {name} SELECT * FROM {read}", [str(rows)])  # noqa: S608 - names of ours


def _told(error: "duckdb.Error", tables: Sequence[str]) -> BadInput:
    import duckdb

    message = str(error).strip()
    if isinstance(error, duckdb.OutOfMemoryException):
        return BadInput(f"the question was stopped: it takes more than {MEMORY} of memory", remedy="Ask for less.")
    if "'pytz'" in message:
        utc = "Make it a time of UTC, as in now()::TIMESTAMP, or a text, as in now()::VARCHAR."
        return BadInput("a column of the answer is a time with a zone, which is not told here", remedy=utc)
    remedy = f"The tables: {', '.join(tables)}. `DESCRIBE versions` lists columns." if tables else None
    return BadInput(f"this question has no answer: {message}", remedy=remedy)
