"""A condition as far as a database can answer it exactly as CEL would.

CEL has true, false and an error, and an error that cannot matter does not: `false && error` is false, as
`true || error` is true. That is the logic of SQL with NULL for the error. What a database cannot know is such a NULL
too (`Ask`), and CEL judges the rows that it leaves open.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from modelbook.core.judging.cel import COMPARISONS, ExpressionError, Token, member_at, text_in
from modelbook.core.queries.calculations import Calculation, calculation_of, computes
from modelbook.core.queries.fields import Field

_INTEGER = re.compile(r"[0-9]+")
_EXACT = 2**53
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
PARTS = frozenset({"startsWith", "endsWith", "contains"})
_DEEPEST = 50  # brackets inside one another that are read for the database

Literal = str | int | float | bool


class Compare(NamedTuple):
    """A field beside what is written out; `kind` is the field's, and "values" where any type may stand there."""

    field: str
    kind: str
    operator: str
    literal: Literal


class Calculated(NamedTuple):
    """Two calculations beside each other; a whole number may stand alone there, since CEL compares it with others."""

    left: Calculation
    operator: str
    right: Calculation


class Member(NamedTuple):
    """A text in a list of texts."""

    literal: str
    field: str


class Part(NamedTuple):
    """A field of text that begins with, ends with or contains what is written out."""

    field: str
    function: str
    literal: str


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


Node = Compare | Calculated | Member | Part | Flag | Not | Join | Ask


def condition_of(tokens: list[Token], fields: Mapping[str, Field]) -> Node:
    """What a database can answer of the condition. Raises ExpressionError for a field beside what it can never be."""
    return _or(tokens, fields, _DEEPEST)


def calculations_in(node: Node) -> Iterator[Calculation]:
    """What is computed in it: what may come out as infinite."""
    match node:
        case Not(part):
            yield from calculations_in(part)
        case Join(_, parts):
            for part in parts:
                yield from calculations_in(part)
        case Calculated(left, _, right):
            yield from (side for side in (left, right) if computes(side))


def asks(node: Node) -> bool:
    """Whether some of it is left to CEL."""
    match node:
        case Ask():
            return True
        case Not(part):
            return asks(part)
        case Join(_, parts):
            return any(map(asks, parts))
    return False


def first_member(tokens: list[Token], at: int) -> str | None:
    """The name of the member that is read at `at`, as in `.lr` or `["lr"]`; None where that is none, or computed."""
    words = [word for _, word, _ in tokens[at : at + 3]]
    kinds = [kind for kind, _, _ in tokens[at : at + 3]]
    if words[:1] == ["."] and kinds[1:2] == ["name"] and words[2:] != ["("]:
        return words[1]
    if words[:1] == ["["] and kinds[1:2] == ["string"] and words[2:] == ["]"] and "\\" not in words[1]:
        return text_in(words[1])
    return None


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
    if tokens and tokens[0][:2] == ("operator", "!"):
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
    return _part(tokens, fields)


def _part(tokens: list[Token], fields: Mapping[str, Field]) -> Node:
    if len(tokens) != 6 or tokens[1][1] != "." or (tokens[3][1], tokens[5][1]) != ("(", ")"):
        return Ask()
    name, function, literal = _field(tokens[:1], fields), tokens[2][1], _literal(tokens[4:5])
    if name and fields[name].kind == "text" and function in PARTS and isinstance(literal, str) and literal:
        return Part(name, function, literal)
    return Ask()


def _comparison(left: list[Token], operator: str, right: list[Token], fields: Mapping[str, Field]) -> Node:
    name, literal, turned = _field(left, fields), _literal(right), operator
    if name is None or literal is None:
        name, literal, turned = _field(right, fields), _literal(left), _MIRRORED[operator]
    if name is None or literal is None:
        return _calculated(left, operator, right, fields)
    kind = fields[name.partition(".")[0]].kind
    if kind != "values":
        _refuse_other_kind(name, kind, literal)
    elif isinstance(literal, bool) and turned not in {"==", "!="}:
        return Ask()
    return Compare(name, kind, turned, literal)


def _calculated(left: list[Token], operator: str, right: list[Token], fields: Mapping[str, Field]) -> Node:
    def side(tokens: list[Token]) -> Calculation | None:
        literal = _literal(tokens)
        if isinstance(literal, int) and not isinstance(literal, bool):
            return literal
        return calculation_of(tokens, lambda some: _number(some, fields))

    one, other = side(left), side(right)
    return Ask() if one is None or other is None else Calculated(one, operator, other)


def _number(tokens: list[Token], fields: Mapping[str, Field]) -> str | None:
    name = _field(tokens, fields)
    return name if name and fields[name.partition(".")[0]].kind == "numbers" else None


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
    if name and name in fields and fields[name].kind == "texts" and isinstance(literal, str):
        return Member(literal, name)
    name = _field(left, fields)
    if not name or [word for _, word, _ in (*right[:1], *right[-1:])] != ["[", "]"] or len(right) < 3:
        return Ask()
    parts = [_comparison(left, "==", part, fields) for part in _split(right[1:-1], ",")]
    return Join("||", tuple(parts)) if all(isinstance(part, Compare) for part in parts) else Ask()


def _field(tokens: list[Token], fields: Mapping[str, Field]) -> str | None:
    """The field that these tokens are, and nothing else: `created`, `metrics.by_country.de.f1`, `params["lr"]`."""
    if not tokens or tokens[0][0] != "name" or tokens[0][1] not in fields:
        return None
    top = tokens[0][1]
    kind, rest = fields[top].kind, tokens[1:]
    if kind == "numbers":
        name, length = member_at(tokens, 1, top), len(tokens)
        parts = len(name.split("."))
        return f"{top}.{name}" if parts * 2 <= length - 1 <= parts * 3 and not _operators(rest) else None
    if kind == "values":
        member = first_member(tokens, 1)
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
