"""The index as a small database in memory, with what is known of each version of a registry at one tree.

Written as bytes and read back, so that whoever has it open is never disturbed by another process.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelbook.core.findings import Finding
from modelbook.core.queries.fields import VERSION_FIELDS

FORMAT = 1  # of the tables and of what is put into them: another one is another file, and built anew
_TYPES = {"text": "TEXT", "number": "", "yes or no": "INTEGER"}
COLUMNS = {name: field.kind for name, field in VERSION_FIELDS.items() if field.kind in _TYPES}
MEMBERS = {name: field.kind for name, field in VERSION_FIELDS.items() if field.kind not in _TYPES}
# By name first, so that a query reads the numbers of one metric and no others.
_SCHEMA = f"""
CREATE TABLE versions (id INTEGER PRIMARY KEY, {", ".join(f'"{n}" {_TYPES[k]}' for n, k in COLUMNS.items())});
CREATE UNIQUE INDEX by_version ON versions (model, version, "on");
CREATE TABLE names (id INTEGER PRIMARY KEY, field TEXT, name TEXT, UNIQUE (field, name));
CREATE TABLE numbers (name INTEGER, id INTEGER, value REAL, PRIMARY KEY (name, id)) WITHOUT ROWID;
CREATE TABLE "values" (name INTEGER, id INTEGER, value, PRIMARY KEY (name, id)) WITHOUT ROWID;
CREATE TABLE texts (name INTEGER, id INTEGER, at INTEGER, PRIMARY KEY (name, id, at)) WITHOUT ROWID;
CREATE TABLE findings (model TEXT, version INTEGER, path TEXT, line INTEGER, code TEXT, message TEXT, remedy TEXT);
"""
"""In `texts` a name is the text itself: `at` is its place in the list."""

Told = tuple[str, int, Mapping[str, Any] | None, Iterable[Finding]]
"""Model and version; the facts, None where the card cannot be read; and what is wrong with its files."""


class Index:
    """What is known of each version. Whatever reads it may raise sqlite3.DatabaseError where its bytes are damaged."""

    def __init__(self, data: bytes | None = None) -> None:
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        if data is None:
            self.database.executescript(_SCHEMA)
        else:
            self.database.deserialize(data)
        self._names: dict[tuple[str, str], int] | None = None

    def bytes(self) -> bytes:
        """The whole of it, for a file."""
        return self.database.serialize()

    def close(self) -> None:
        """Give its memory back."""
        self.database.close()

    def change(self, gone: Iterable[tuple[str, int]], told: Iterable[Told]) -> None:
        """Forget the versions `gone`, and hold what is `told` of others: model, version, facts and findings.

        Version 0 stands for what is wrong with the files that all versions of a model share.
        """
        execute = self.database.execute
        execute("BEGIN")
        for model, version in gone:
            execute("DELETE FROM findings WHERE model = ? AND version = ?", (model, version))
            found = execute("SELECT id FROM versions WHERE model = ? AND version = ?", (model, version)).fetchone()
            if found:
                for table in ("numbers", '"values"', "texts"):
                    execute(f"DELETE FROM {table} WHERE name IN (SELECT id FROM names) AND id = ?", found)  # noqa: S608 - tables of ours
                execute("DELETE FROM versions WHERE id = ?", found)
        self._insert(told)
        execute("COMMIT")

    def _insert(self, told: Iterable[Told]) -> None:
        database, columns = self.database, list(COLUMNS)
        [(last,)] = database.execute("SELECT coalesce(max(id), 0) FROM versions")
        rows, findings = list[list[Any]](), list[tuple[Any, ...]]()
        members: dict[str, list[tuple[Any, ...]]] = {"numbers": [], "values": [], "texts": []}
        for model, version, facts, problems in told:
            findings += [(model, version, one.path, one.line, one.code, one.message, one.remedy) for one in problems]
            if facts is not None:
                last += 1
                rows.append([last, *map(facts.get, columns)])
                for field, kind in MEMBERS.items():
                    if value := facts.get(field):
                        members[kind] += self._members(last, field, kind, value)
        marks = ", ".join("?" * (len(columns) + 1))
        database.executemany(f"INSERT INTO versions VALUES ({marks})", rows)  # noqa: S608 - question marks
        for table, found in members.items():
            found.sort(key=lambda row: row[:2])
            database.executemany(f'INSERT INTO "{table}" VALUES (?, ?, ?)', found)  # noqa: S608 - tables of ours
        database.executemany("INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?)", findings)

    def _members(self, row: int, field: str, kind: str, value: Any) -> Iterator[tuple[Any, ...]]:
        if kind == "texts":
            return ((self._name(field, text), row, at) for at, text in enumerate(value))
        if kind == "numbers":
            return ((self._name(field, name), row, number) for name, number in value.items())
        return ((self._name(field, name), row, _stored(one)) for name, one in value.items())

    def _name(self, field: str, name: str) -> int:
        if self._names is None:
            known = self.database.execute("SELECT field, name, id FROM names")
            self._names = {(field, name): number for field, name, number in known}
        number = self._names.get((field, name))
        if number is None:
            number = self._names[field, name] = len(self._names) + 1
            self.database.execute("INSERT INTO names VALUES (?, ?, ?)", (number, field, name))
        return number

    def findings(self) -> list[Finding]:
        """What is wrong with the files of versions, by path."""
        asked = "SELECT path, line, code, message, remedy FROM findings ORDER BY path, line, message"
        return [Finding(*row) for row in self.database.execute(asked)]

    def names(self, field: str) -> list[str]:
        """The names that stand in a field of any version: of metrics, parameters, tags."""
        asked = "SELECT name FROM names WHERE field = ? ORDER BY name"
        return [name for (name,) in self.database.execute(asked, (field,))]

    def versions_of(self, model: str) -> set[int]:
        """The versions of a model that it knows, or knows to be unreadable."""
        asked = "SELECT version FROM versions WHERE model = ?1 UNION SELECT version FROM findings WHERE model = ?1"
        return {version for (version,) in self.database.execute(asked, (model,))} - {0}

    def holding(self, model: str) -> set[int]:
        """The versions of a model that hold a stage."""
        asked = """SELECT DISTINCT v.version FROM versions v JOIN texts t ON t.id = v.id
                   WHERE v.model = ? AND t.name IN (SELECT id FROM names WHERE field = 'stages')"""
        return {version for (version,) in self.database.execute(asked, (model,))}

    def rows(self) -> list[int]:
        """All versions, by model and number."""
        return [number for (number,) in self.database.execute("SELECT id FROM versions ORDER BY model, version")]

    def with_text(self, text: str, field: str) -> list[int]:
        """The rows that have a text in one of their lists, in order."""
        asked = """SELECT v.id FROM versions v JOIN texts t ON t.id = v.id JOIN names n ON n.id = t.name
                   WHERE n.field = ? AND n.name = ? ORDER BY v.model, v.version"""
        return [number for (number,) in self.database.execute(asked, (field, text))]

    def facts(self, ids: list[int], fields: Iterable[str]) -> list[dict[str, Any]]:
        """What is known of these rows, in their order: of the named `fields`, or members of them (`metrics.f1`)."""
        wanted = list(dict.fromkeys(fields))
        tops = list(dict.fromkeys(name.partition(".")[0] for name in wanted))
        few = len(ids) < _FEW
        where = f"WHERE id IN ({','.join(map(str, ids))})" if few else ""
        scalars = [name for name in tops if name in COLUMNS]
        listed = ", ".join(["id", *(f'"{name}"' for name in scalars)])
        rows: dict[int, dict[str, Any]] = {}
        for number, *values in self.database.execute(f"SELECT {listed} FROM versions {where}"):  # noqa: S608 - columns of ours
            rows[number] = dict(zip(scalars, values, strict=True))
        for top in tops:
            if kind := MEMBERS.get(top):
                inner = None if top in wanted else [name.partition(".")[2] for name in wanted if name.startswith(top)]
                self._fill(rows, top, kind, inner, where)
        return [_filled(rows[number]) for number in ids]

    def _fill(
        self, rows: dict[int, dict[str, Any]], field: str, kind: str, inner: list[str] | None, where: str
    ) -> None:
        for row in rows.values():
            row[field] = [] if kind == "texts" else {}
        known = self.database.execute("SELECT id, name FROM names WHERE field = ?", (field,)).fetchall()
        and_where = where.replace("WHERE", "AND", 1)
        for number, name in known:
            if inner is None or name in inner:
                what = "at" if kind == "texts" else "value"
                asked = f'SELECT id, {what} FROM "{kind}" WHERE name = ? {and_where}'  # noqa: S608 - numbers alone
                for row, value in self.database.execute(asked, (number,)):
                    if kind == "texts":
                        rows[row][field].append((value, name))
                    else:
                        rows[row][field][name] = _read(value)


_FEW = 5_000  # rows that are asked for by number; for more the whole table is read, which is quicker


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    for name, value in row.items():
        if isinstance(value, list):
            row[name] = [text for _, text in sorted(value)]
        elif COLUMNS.get(name) == "yes or no" and value is not None:
            row[name] = bool(value)
    return {name: value for name, value in row.items() if value is not None}


def _stored(value: Any) -> Any:
    """A JSON value: numbers and texts as themselves, which a query compares, the others as bytes, which CEL reads."""
    return value if type(value) in {int, float, str} else json.dumps(value).encode()


def _read(value: Any) -> Any:
    return json.loads(value) if isinstance(value, bytes) else value
