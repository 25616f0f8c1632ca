"""What is computed of metrics, as far as a database computes it exactly as CEL does.

Metrics are floating-point numbers of 64 bits, and so is what is written with a point: `+`, `-`, `*` and `/` of those
are the same wherever IEEE 754 holds, in CEL as in SQLite. Whatever else may stand in a calculation is left to CEL:
whole numbers, which have other rules and do not mix with these, `%`, functions, parameters of any type.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from modelbook.core.judging.cel import Token

_FLOAT = re.compile(r"[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+")
_MOST = 50  # operators and brackets of one calculation


class Metric(NamedTuple):
    """A metric by its field: `metrics.accuracy`."""

    field: str


class Group(NamedTuple):
    """What stands in brackets; in gates and queries it has to be finite by itself."""

    part: "Calculation"


class Operation(NamedTuple):
    """Two parts, and `+`, `-`, `*` or `/` between them."""

    operator: str
    left: "Calculation"
    right: "Calculation"


Calculation = float | Metric | Group | Operation

FieldOf = Callable[[list[Token]], str | None]
"""The field that some tokens are, if it is one of numbers by name."""


def calculation_of(tokens: Sequence[Token], field_of: FieldOf) -> Calculation | None:
    """The calculation that these tokens are, and nothing else; None where it is left to CEL."""
    if not tokens or sum(kind == "operator" and word in "+-*/(" for kind, word, _ in tokens) > _MOST:
        return None
    reader = _Reader(list(tokens), field_of)
    try:
        found = reader.sum()
    except _LeftToCel:
        return None
    return found if reader.at == len(tokens) else None


def computes(calculation: Calculation) -> bool:
    """Whether more than a metric or a number is in it, so that it may come out as infinite."""
    return isinstance(calculation, Group | Operation)


def fields_in(calculation: Calculation) -> Iterator[str]:
    """The metrics that it reads."""
    match calculation:
        case Metric(field):
            yield field
        case Group(part):
            yield from fields_in(part)
        case Operation(_, left, right):
            yield from fields_in(left)
            yield from fields_in(right)


class _LeftToCel(Exception):
    """What stands here is not for a database."""


class _Reader:
    """Reads a calculation from the left: `*` and `/` before `+` and `-`, a sign before all of them."""

    def __init__(self, tokens: list[Token], field_of: FieldOf) -> None:
        self.at = 0
        self._tokens = tokens
        self._field_of = field_of

    def sum(self) -> Calculation:
        found = self._product()
        while operator := self._next("+-"):
            found = Operation(operator, found, self._product())
        return found

    def _product(self) -> Calculation:
        found = self._signed()
        while operator := self._next("*/"):
            found = Operation(operator, found, self._signed())
        return found

    def _signed(self) -> Calculation:
        if self._next("-"):
            return Operation("*", -1.0, self._signed())
        if self._next("("):
            found = Group(self.sum())
            if not self._next(")"):
                raise _LeftToCel
            return found
        return self._part()

    def _part(self) -> Calculation:
        kind, word, _ = self._peek(0)
        if kind == "number" and _FLOAT.fullmatch(word):
            self.at += 1
            return float(word)
        end = 1
        while kind == "name" and self._peek(end)[1] in {".", "["}:
            end += 2 if self._peek(end)[1] == "." else 3
        field = self._field_of(self._tokens[self.at : self.at + end])
        if field is None:
            raise _LeftToCel
        self.at += end
        return Metric(field)

    def _peek(self, ahead: int) -> Token:
        return self._tokens[self.at + ahead] if self.at + ahead < len(self._tokens) else ("end", "", 0)

    def _next(self, operators: str) -> str | None:
        kind, word, _ = self._peek(0)
        if kind != "operator" or word not in operators:
            return None
        self.at += 1
        return word
