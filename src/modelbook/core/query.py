"""A query of `find`: a condition in CEL over the fields of a version or a run, checked before it runs.

It is also read as far as a database can answer it exactly as CEL would. CEL has true, false and an error, and an error
that cannot matter does not: `false && error` is false, as `true || error` is true. That is the logic of SQL with NULL
for the error. What a database cannot know is such a NULL too (`Ask`), and CEL judges the rows that it leaves open.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from modelbook.core.cel import (
    COMPARISONS,
    ExpressionError,
    Token,
    compiled,
    member_at,
    operands_of,
    refuse_odd_names,
    standing_alone,
    text_in,
    tokens_of,
)
from modelbook.core.fields import Field, near

LONGEST = 10_000  # characters
MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
FUNCTIONS = frozenset(
    {"has", "size", "int", "uint", "double", "string", "bool", "type", "dyn", "timestamp", "duration", "min", "max"}
)
_WORDS = frozenset({"true", "false", "null", "in"})
_OF_GATES = frozenset({"baseline", "reproduced", "significantly_greater", "significantly_less", "not_worse"})
_INTEGER = re.compile(r"[0-9]+")
_EXACT = 2**53
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_DEEPEST = 50  # brackets inside one another that are read for the database

Literal = str | int | float | bool


class Compare(NamedTuple):
    """A field beside what is written out; `kind` is the field's, and "values" where any type may stand there."""

    field: str
    kind: str
    operator: str
    literal: Literal


class Member(NamedTuple):
    """A text in a list of texts."""

    literal: str
    field: str


class Flag(NamedTuple):
    """A field that is yes or no."""

    field: str


class Not(NamedTuple):
    """The contrary."""

    part: "Node"


class Join(NamedTuple):
    """Parts joined by `&&` or `||`."""

    operator: str
    parts: "tuple[Node, ...]"


class Ask(NamedTuple):
    """What only CEL can tell."""


Node = Compare | Member | Flag | Not | Join | Ask


@dataclass(frozen=True)
class Query:
    """A checked query. `reads` are the fields that it names, `numbers` the numbers without which it finds nothing
    (`metrics.accuracy`, `seed`), `params` the parameters that it names, `operands` its parts that must be finite.

    `loops` says that it has a macro (`exists`, `map`), so that nobody knows before how long it takes.
    """

    text: str
    reads: frozenset[str]
    numbers: frozenset[str]
    params: frozenset[str]
    node: Node
    operands: tuple[str, ...]
    loops: bool


def parse_query(text: str, fields: Mapping[str, Field]) -> Query:
    """Check a query over `fields`. Raises ExpressionError, which names the fields that are near an unknown one."""
    if len(text) > LONGEST:
        raise ExpressionError(f"it has {len(text):,} characters, and a query at most {LONGEST:,}")
    tokens = tokens_of(text)
    refuse_odd_names(tokens)
    variables = _variables(tokens, fields)
    reads, numbers, params = set(), set(), set()
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
        elif kind == "values" and (name := _first_member(tokens, i + 1)):
            params.add(f"{word}.{name}")
    if not reads:
        raise ExpressionError("it names no field, so that all would be found, or none")
    node = _or(tokens, fields, _DEEPEST)
    if _asks(node):
        compiled(text)
    risky = any(kind == "operator" and word in "+-*/%" for kind, word, _ in tokens)
    operands = operands_of(text, tokens) if risky else ()
    loops = bool(variables)
    return Query(text, frozenset(reads), frozenset(numbers), frozenset(params), node, operands, loops)


def check_name(name: str, fields: Mapping[str, Field]) -> str:
    """`name`, if it is a field or a member of one, as in `metrics.accuracy`. Raises ExpressionError."""
    top, dot, member = name.partition(".")
    if top not in fields:
        raise ExpressionError(f"there is no field {top!r}{near(top, fields)}")
    if dot and (not member or fields[top].kind not in {"numbers", "values"}):
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


def _first_member(tokens: list[Token], at: int) -> str | None:
    words = [word for _, word, _ in tokens[at : at + 3]]
    kinds = [kind for kind, _, _ in tokens[at : at + 3]]
    if words[:1] == ["."] and kinds[1:2] == ["name"] and words[2:] != ["("]:
        return words[1]
    if words[:1] == ["["] and kinds[1:2] == ["string"] and words[2:] == ["]"] and "\\" not in words[1]:
        return text_in(words[1])
    return None


def _asks(node: Node) -> bool:
    match node:
        case Ask():
            return True
        case Not(part):
            return _asks(part)
        case Join(_, parts):
            return any(map(_asks, parts))
    return False


def _split(tokens: list[Token], operator: str) -> list[list[Token]]:
    """The tokens between those operators that stand in no bracket."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        kind, word, _ = token
        if kind == "operator":
            depth += (word in "([{") - (word in ")]}")
        if kind == "operator" and word == operator and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _or(tokens: list[Token], fields: Mapping[str, Field], deep: int) -> Node:
    if deep == 0 or len(_split(tokens, "?")) > 1:
        return Ask()
    return _joined("||", [_and(part, fields, deep) for part in _split(tokens, "||")])


def _and(tokens: list[Token], fields: Mapping[str, Field], deep: int) -> Node:
    return _joined("&&", [_unary(part, fields, deep) for part in _split(tokens, "&&")])


def _joined(operator: str, parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Join(operator, tuple(parts))


def _unary(tokens: list[Token], fields: Mapping[str, Field], deep: int) -> Node:
    words = [word for kind, word, _ in tokens if kind == "operator"]
    if words[:1] == ["!"] and tokens[0][1] == "!":
        rest = tokens[1:]
        alone = _enclosed(rest) or (len(rest) == 1 and rest[0][0] == "name")
        return Not(_unary(rest, fields, deep - 1)) if alone and deep > 1 else Ask()
    if _enclosed(tokens):
        return _or(tokens[1:-1], fields, deep - 1)
    return _term(tokens, fields)


def _enclosed(tokens: list[Token]) -> bool:
    """Whether one pair of brackets holds all of it."""
    if len(tokens) < 2 or tokens[0][:2] != ("operator", "(") or tokens[-1][:2] != ("operator", ")"):
        return False
    depth = 0
    for at, (kind, word, _) in enumerate(tokens):
        if kind == "operator":
            depth += (word in "([{") - (word in ")]}")
        if depth == 0:
            return at == len(tokens) - 1
    return False


def _term(tokens: list[Token], fields: Mapping[str, Field]) -> Node:
    for at, (kind, word, _) in enumerate(tokens):
        if kind == "operator" and word in COMPARISONS:
            return _comparison(tokens[:at], word, tokens[at + 1 :], fields)
        if kind == "name" and word == "in" and at:
            return _membership(tokens[:at], tokens[at + 1 :], fields)
    if len(tokens) == 1 and tokens[0][0] == "name":
        name = tokens[0][1]
        return Flag(name) if name in fields and fields[name].kind == "yes or no" else Ask()
    return Ask()


def _comparison(left: list[Token], operator: str, right: list[Token], fields: Mapping[str, Field]) -> Node:
    name, literal = _field(left, fields), _literal(right)
    if name is None or literal is None:
        name, literal, operator = _field(right, fields), _literal(left), _MIRRORED[operator]
    if name is None or literal is None:
        return Ask()
    kind = fields[name.partition(".")[0]].kind
    if kind != "values":
        _refuse_other_kind(name, kind, literal)
    elif isinstance(literal, bool) and operator not in {"==", "!="}:
        return Ask()
    return Compare(name, kind, operator, literal)


def _refuse_other_kind(name: str, kind: str, literal: Literal) -> None:
    """Raise ExpressionError where what is written out can never be of the field's kind."""
    shown = f'"{literal}"' if isinstance(literal, str) else str(literal).lower()
    is_number = not isinstance(literal, str | bool)
    fits = {"text": isinstance(literal, str), "yes or no": isinstance(literal, bool)}.get(kind, is_number)
    if kind == "texts":
        raise ExpressionError(f'`{name}` is a list: write "…" in {name}')
    if not fits:
        what = {"text": "a text", "yes or no": "true or false"}.get(kind, "a number")
        raise ExpressionError(f"`{name}` is {what}, and {shown} is not")


def _membership(left: list[Token], right: list[Token], fields: Mapping[str, Field]) -> Node:
    name, literal = _field(right, fields), _literal(left)
    if name and fields[name].kind == "texts" and isinstance(literal, str):
        return Member(literal, name)
    name = _field(left, fields)
    if not name or [word for _, word, _ in (*right[:1], *right[-1:])] != ["[", "]"] or len(right) < 3:
        return Ask()
    parts = [_comparison(left, "==", part, fields) for part in _split(right[1:-1], ",")]
    return Join("||", tuple(parts)) if all(isinstance(part, Compare) for part in parts) else Ask()


def _field(tokens: list[Token], fields: Mapping[str, Field]) -> str | None:
    """The field that these tokens are, and nothing else: `created`, `metrics.by_country.de.accuracy`, `params["lr"]`."""
    if not tokens or tokens[0][0] != "name" or tokens[0][1] not in fields:
        return None
    top = tokens[0][1]
    kind, rest = fields[top].kind, tokens[1:]
    if kind == "numbers":
        name, length = member_at(tokens, 1, top), len(tokens)
        parts = len(name.split("."))
        return f"{top}.{name}" if parts * 2 <= length - 1 <= parts * 3 and not _operators(rest) else None
    if kind == "values":
        member = _first_member(tokens, 1)
        return f"{top}.{member}" if member is not None and len(rest) == (2 if rest[0][1] == "." else 3) else None
    return None if rest else top


def _operators(tokens: list[Token]) -> bool:
    return any(kind == "operator" and word not in ".[]" for kind, word, _ in tokens)


def _literal(tokens: list[Token]) -> Literal | None:
    negative = [word for _, word, _ in tokens[:1]] == ["-"]
    if len(tokens) != 1 + negative:
        return None
    kind, word, _ = tokens[-1]
    if kind == "string" and not negative and "\\" not in word:
        return text_in(word)
    if kind == "name" and word in {"true", "false"} and not negative:
        return word == "true"
    if kind != "number" or word[-1] in "uU" or word.startswith("0x"):
        return None
    number = int(word) if _INTEGER.fullmatch(word) else float(word)
    return (-number if negative else number) if abs(number) <= _EXACT else None
