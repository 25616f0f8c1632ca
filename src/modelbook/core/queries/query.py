"""A query of `find`: a condition in CEL over the fields of a version or a run, checked before it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from modelbook.core.judging.cel import (
    PROXY,
    REPRODUCED,
    ExpressionError,
    Token,
    compiled,
    member_at,
    operands_of,
    refuse_odd_names,
    standing_alone,
    tokens_of,
)
from modelbook.core.judging.claims import FORMS
from modelbook.core.queries.conditions import Ask, Node, asks, condition_of, first_member
from modelbook.core.queries.fields import Field, near

LONGEST = 10_000  # characters
MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
FUNCTIONS = frozenset(
    {"has", "size", "int", "uint", "double", "string", "bool", "type", "dyn", "timestamp", "duration", "min", "max"}
)
_WORDS = frozenset({"true", "false", "null", "in"})
_OF_GATES = frozenset({"baseline", PROXY, REPRODUCED, *FORMS})
_DOTS = frozenset({"numbers", "values"})


@dataclass(frozen=True)
class Query:
    """A checked query. `reads` are the fields that it names, `numbers` the numbers without which it finds nothing
    (`metrics.accuracy`, `seed`), `names` both as a person would have them told (`params.lr`), `operands` its parts that
    must be finite. `node` is what a database can tell of it.
    """

    text: str
    reads: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    operands: tuple[str, ...]
    node: Node


class Order(NamedTuple):
    """By which field, or member of one, an answer is sorted; what does not have it comes last."""

    name: str
    descending: bool


def parse_query(text: str, fields: Mapping[str, Field]) -> Query:
    """Check a query over `fields`. Raises ExpressionError, which names the fields that are near an unknown one."""
    if len(text) > LONGEST:
        raise ExpressionError(f"it has {len(text):,} characters, and a query at most {LONGEST:,}")
    tokens = tokens_of(text)
    refuse_odd_names(tokens)
    variables = _variables(tokens, fields)
    reads, numbers, names = set(), set(), set()
    for i, word in standing_alone(tokens):
        called = tokens[i + 1 : i + 2] and tokens[i + 1][1] == "("
        if word in _OF_GATES:
            raise ExpressionError(f"`{word}` is for gates: a query has no baseline to compare with")
        if word in _WORDS or word in variables or (called and word in FUNCTIONS):
            continue
        if called or word not in fields:
            what = "function" if called else "field"
            known = FUNCTIONS | MACROS if called else fields
            raise ExpressionError(f"at character {tokens[i][2] + 1}: there is no {what} {word!r}{near(word, known)}")
        reads.add(word)
        kind = fields[word].kind
        if kind == "numbers":
            numbers.add(f"{word}.{member_at(tokens, i + 1, word)}")
        elif kind == "number":
            numbers.add(word)
        elif kind == "values" and (name := first_member(tokens, i + 1)):
            names.add(f"{word}.{name}")
        else:
            names.add(word)
    if not reads:
        raise ExpressionError("it names no field, so that all would be found, or none")
    node = condition_of(tokens, fields)
    compiled(text)
    # Fields and what is written out are finite; what is computed of them need not be. CEL is asked of all of it then,
    # or of the rows where the database has no finite value.
    computes = any(kind == "operator" and word in "+-*/%" for kind, word, _ in tokens)
    operands = operands_of(text, tokens) if computes else ()
    node = Ask() if computes and asks(node) else node
    return Query(text, frozenset(reads), frozenset(numbers), frozenset(names | numbers), operands, node)


def check_name(name: str, fields: Mapping[str, Field]) -> str:
    """`name`, if it is a field or a member of one, as in `metrics.accuracy`. Raises ExpressionError."""
    top, dot, member = name.partition(".")
    if top not in fields:
        raise ExpressionError(f"there is no field {top!r}{near(top, fields)}")
    if dot and (not member or fields[top].kind not in _DOTS):
        raise ExpressionError(f"{top!r} has no members")
    return name


def _variables(tokens: Sequence[Token], fields: Mapping[str, Field]) -> frozenset[str]:
    """The names that macros give to members: `t` in `tags.exists(t, …)`."""
    found = set()
    for (_, dot, _), (_, macro, _), (_, bracket, _), (kind, word, at) in zip(
        tokens, tokens[1:], tokens[2:], tokens[3:], strict=False
    ):
        if (dot, bracket, kind) == (".", "(", "name") and macro in MACROS:
            if word in fields:
                raise ExpressionError(f"at character {at + 1}: {word!r} is a field: give a member another name")
            found.add(word)
    return frozenset(found)
