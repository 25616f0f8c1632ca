"""A database in memory for one question of somebody's in SQL, which can reach nothing outside of it.

DuckDB reads files, the network and extensions where it is let; here it is let do none of it, and may not be told
otherwise. What it may take of memory, disk and time is bounded.
"""

import json
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from modelbook.adapters.extras import extra
from modelbook.errors import BadInput

if TYPE_CHECKING:
    import duckdb

SECONDS = 60
MEMORY = "1GB"
MOST = 1_000_000  # rows of an answer
_LOCKED = """
SET memory_limit = '{memory}'; SET temp_directory = ''; SET python_enable_replacements = false;
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
    """
    duckdb = extra("duckdb", "sql", "SQL")
    with duckdb.connect(":memory:") as database:
        statement = _statement(duckdb, database, query)
        named = set(re.findall(r"[a-z]+", query.lower()))
        for name, table in tables.items():
            typed = ", ".join(f'"{column}" {kind}' for column, kind in table.types.items())
            database.execute(f"CREATE TABLE {name} ({typed})")
            if name in named:  # DuckDB itself would look at files to tell what is named
                _fill(database, name, table)
        database.execute(_LOCKED.format(memory=MEMORY))
        late = threading.Event()

        def stop() -> None:
            late.set()
            database.interrupt()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            found = database.execute(statement)
            columns = [str(column[0]) for column in found.description or ()]
            rows = [tuple(row) for row in found.fetchmany(MOST + 1)]
            if len(rows) > MOST:
                raise BadInput(f"the answer has more than {MOST:,} rows", remedy="Ask for fewer, as with LIMIT.")
            return columns, rows
        except duckdb.Error as error:
            raise _told(error, list(tables), seconds if late.is_set() else None) from None
        finally:
            timer.cancel()


def _statement(duckdb: Any, database: "duckdb.DuckDBPyConnection", query: str) -> Any:
    try:
        statements = database.extract_statements(query)
    except duckdb.Error as error:
        raise _told(error, [], None) from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BadInput("a question is one SELECT", remedy="Everything else would change what is gone a moment later.")
    return statements[0]


def _fill(database: "duckdb.DuckDBPyConnection", name: str, table: Table) -> None:
    types = table.types
    with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
        # Row by row from Python takes a hundred times longer.
        lines = Path(folder) / "rows.json"
        with lines.open("w") as file:
            for row in table.rows():
                file.write(json.dumps(dict(zip(types, row, strict=True))) + "\n")
        if lines.stat().st_size:
            given = ", ".join(f"'{column}': '{kind}'" for column, kind in types.items())
            read = f"read_json($1, format = 'newline_delimited', columns = {{{given}}})"
            database.execute(f"INSERT INTO {name} SELECT * FROM {read}", [str(lines)])  # noqa: S608 - names of ours


def _told(error: Exception, tables: Sequence[str], seconds: float | None) -> BadInput:
    message = str(error).strip()
    if seconds is not None:
        return BadInput(f"the question was stopped after {seconds:g} seconds", remedy="Ask for less.")
    remedy = f"The tables: {', '.join(tables)}. `DESCRIBE versions` lists columns." if tables else None
    return BadInput(f"this question has no answer: {message}", remedy=remedy)
