"""A query put to the index: by the database where it can tell, by CEL for the rows that it leaves open."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from modelbook.adapters.index_tables import COLUMNS, Index
from modelbook.core.queries.calculations import Calculation, Group, Metric, Operation
from modelbook.core.queries.conditions import (
    Ask,
    Calculated,
    Compare,
    Flag,
    Join,
    Member,
    Node,
    Not,
    Part,
    calculations_in,
)
from modelbook.core.queries.query import Order, Query

Judge = Callable[[Sequence[dict[str, Any]]], list[bool | str]]
"""For each facts whether the query finds them, or why there is no answer."""

_JOINS = 50  # of the 64 that SQLite takes: quick, whereas what is looked up for each row is not


def answer(
    index: Index, query: Query | None, judge: Judge, *, order: Order | None, limit: int | None
) -> tuple[list[int], list[str]]:
    """The rows that `query` finds (None: all of them), in order, and why there was no answer to some."""
    statement = _Statement(index)
    where = statement.condition(query) if query else "1"
    way = "DESC" if order and order.descending else "ASC"
    first = f"{statement.value(order.name)} {way} NULLS LAST, " if order else ""
    text = f"""SELECT v.id, {where} AS found FROM versions v {" ".join(statement.joins)}
               WHERE found IS NOT 0 ORDER BY {first} v.model, v.version"""  # noqa: S608 - names are numbers in it
    rows = index.database.execute(text, statement.values).fetchall()
    unsure = [number for number, found in rows if found is None]
    if not unsure or query is None:
        return [number for number, _ in rows][:limit], []
    verdicts = dict(zip(unsure, judge(index.facts(unsure, [*query.reads, *query.numbers])), strict=True))
    found = [number for number, sure in rows if sure or verdicts[number] is True]
    return found[:limit], [why for why in verdicts.values() if isinstance(why, str)]


class _Statement:
    """A SELECT over `versions v` as it grows: `joins` bring numbers and values in, `values` are those it is given."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._known: dict[str, str] = {}
        self.joins: list[str] = []
        self.values: dict[str, Any] = {}

    def condition(self, query: Query) -> str:
        known = [f"{self.value(name, needed=True)} IS NOT NULL" for name in sorted(query.numbers)]
        node = self._of(query.node)
        if finite := [f"{self._finite(one)} IS NOT NULL" for one in dict.fromkeys(calculations_in(query.node))]:
            node = f"CASE WHEN {' AND '.join(finite)} THEN {node} END"
        return f"CASE WHEN {' AND '.join(known)} THEN {node} ELSE 0 END" if known else node

    def value(self, name: str, *, needed: bool = False) -> str:
        """What a field, or a member of one, is in the statement; a row without one that is `needed` is left out."""
        top, _, inner = name.partition(".")
        if top in COLUMNS:
            return f'v."{top}"'
        if name not in self._known:
            self._known[name] = self._member(top, inner, needed=needed) if inner else self._list(top)
        return self._known[name]

    def _member(self, top: str, inner: str, *, needed: bool) -> str:
        table, name = "numbers" if top in {"metrics", "reported"} else '"values"', self._name(top, inner)
        if len(self.joins) >= _JOINS:
            return f"(SELECT value FROM {table} WHERE id = v.id AND name = {name})"  # noqa: S608 - a number
        alias = f"j{len(self.joins)}"
        how = "" if needed else "LEFT "
        self.joins.append(f"{how}JOIN {table} {alias} ON {alias}.id = v.id AND {alias}.name = {name}")
        return f"{alias}.value"

    def _list(self, field: str) -> str:
        """A list: its members side by side, as a person reads them."""
        alias = f"j{len(self.joins)}"
        self.joins.append(
            f"""LEFT JOIN (SELECT id, group_concat(text, ', ') AS value FROM (
                SELECT t.id AS id, n.name AS text FROM texts t JOIN names n ON n.id = t.name
                WHERE n.field = {self._given(field)} ORDER BY t.id, t.at) GROUP BY id) {alias}
                ON {alias}.id = v.id"""  # noqa: S608 - what somebody wrote is given beside it
        )
        return f"{alias}.value"

    def _name(self, field: str, name: str) -> int:
        found = self._index.database.execute("SELECT id FROM names WHERE field = ? AND name = ?", (field, name))
        return int((found.fetchone() or (0,))[0])

    def _given(self, value: Any) -> str:
        key = f"g{len(self.values)}"
        self.values[key] = value
        return f":{key}"

    def _of(self, node: Node) -> str:
        match node:
            case Ask():
                return "NULL"
            case Not(part):
                return f"(NOT {self._of(part)})"
            case Join(operator, parts):
                return _joined(" AND " if operator == "&&" else " OR ", list(map(self._of, parts)))
            case Flag(field):
                return f"coalesce({self.value(field)}, 0)"
            case Member(literal, field):
                return f"(v.id IN (SELECT id FROM texts WHERE name = {self._name(field, literal)}))"  # noqa: S608 - a number
            case Part(field, function, literal):
                return self._part(f"coalesce({self.value(field)}, '')", function, literal)
            case Compare(field, kind, operator, literal):
                return self._compare(self.value(field), kind, operator, literal)
            case Calculated(left, operator, right):
                return f"({self._computed(left)} {_sql(operator)} {self._computed(right)})"

    def _computed(self, one: Calculation) -> str:
        match one:
            case Metric(field):
                return self.value(field)
            case Group(part):
                return self._finite(part)
            case Operation(operator, left, right):
                return f"({self._computed(left)} {operator} {self._computed(right)})"
            case number:
                return self._given(number)

    def _finite(self, one: Calculation) -> str:
        """Its value, NULL where that is infinite; what is no number is NULL to SQLite by itself."""
        value, most = self._computed(one), self._given(sys.float_info.max)
        return f"(SELECT CASE WHEN abs(x) <= {most} THEN x END FROM (SELECT {value} AS x))"  # noqa: S608 - of ours

    def _part(self, value: str, function: str, literal: str) -> str:
        given, length = self._given(literal), len(literal)
        if function == "contains":
            return f"(instr({value}, {given}) > 0)"
        start = f"1, {length}" if function == "startsWith" else f"-{length}"
        return f"(substr({value}, {start}) = {given})"

    def _compare(self, value: str, kind: str, operator: str, literal: Any) -> str:
        given = self._given(literal)
        if kind == "text":
            value = f"coalesce({value}, '')"
        elif kind == "yes or no":
            value = f"coalesce({value}, 0)"
        compared = f"({value} {_sql(operator)} {given})"
        if kind != "values":
            return compared
        if isinstance(literal, bool):
            return "NULL"
        types = "('text')" if isinstance(literal, str) else "('integer', 'real')"
        return f"(CASE WHEN typeof({value}) IN {types} THEN {compared} END)"


def _joined(operator: str, parts: list[str]) -> str:
    """All of them joined; each half by itself, since SQLite takes no more than 1,000 brackets inside one another."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return f"({_joined(operator, parts[:half])}{operator}{_joined(operator, parts[half:])})"


def _sql(operator: str) -> str:
    return "=" if operator == "==" else operator
