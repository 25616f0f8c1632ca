"""What CEL, the Common Expression Language, is to Modelbook: its tokens, what a name reads, and the value of a text.

Conditions of gates and of `find` are both read here, so that they mean the same.
"""

import math
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<strange>(?:[rR]?[bB]|[bB][rR])(?=["'])|[rR]?(?:\"\"\"|'''))
      | (?P<string>[rR](?:\"[^\"\n]*\"|'[^'\n]*')|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')
      | (?P<number>(?:0x[0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)[uU]?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<operator>&&|\|\||[<>=!]=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE,
)
COMPARISONS = {"<", "<=", ">", ">=", "==", "!="}
OPENING, CLOSING = {"(", "[", "{"}, {")", "]", "}"}
REPRODUCED = "reproduced"
"""The function of gates that says how well a version was trained again: `reproduced("identical")`."""

PROXY = "proxy"
"""The function of gates that says how well an offline metric stands for an online one: core/judging/calls.py."""

Token = tuple[str, str, int]
"""Kind (`string`, `number`, `name` or `operator`), text and offset."""


class ExpressionError(ValueError):
    """Not a condition that Modelbook evaluates; the message says why."""


class NoSuchKey(ExpressionError):
    """It reads what is not there."""


def evaluate(text: str, variables: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]] | None = None) -> Any:
    """The value of `text`; `functions` join those of CEL. Raises ExpressionError where CEL cannot say."""
    try:
        context = _cel().Context(variables=dict(variables), functions=dict(functions or {}))
        return compiled(text).execute(context)
    except KeyError as error:
        raise NoSuchKey(f"there is no {error.args[0]!r}") from None
    except TypeError as error:
        raise ExpressionError(f"{_sentence(error)}; beside metrics, numbers are written with a point (1.0)") from None
    except (ValueError, RuntimeError, ArithmeticError, IndexError) as error:
        raise ExpressionError(_sentence(error)) from None


def nested(values: Mapping[str, float]) -> dict[str, Any]:
    """`{"by_country.de.accuracy": 0.9}` as `{"by_country": {"de": {"accuracy": 0.9}}}`, as CEL reads it.

    What is a number has no members: beside `a`, `a.b` is left out.
    """
    found: dict[str, Any] = {}
    for name, value in sorted(values.items()):
        *outer, last = name.split(".")
        at = found
        for part in outer:
            inner = at.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            at = inner
        else:
            at.setdefault(last, value)
    return found


def infinite_in(
    operands: Iterable[str],
    variables: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]] | None = None,
) -> str | None:
    """The first operand that comes out as infinity or NaN, by a division by zero, say."""
    for operand in operands:
        try:
            value = evaluate(operand, variables, functions)
        except ExpressionError:
            continue  # no expression by itself, or one that CEL cannot answer: the whole decides
        if isinstance(value, float) and not math.isfinite(value):
            return operand
    return None


def _sentence(error: Exception) -> str:
    return re.split(r"\. |\n", str(error), maxsplit=1)[0].rstrip(".")


def _cel() -> Any:
    if "cel" not in sys.modules:
        # The package imports its own command line with it, which takes a third of a second that no caller here wants.
        sys.modules["cel.cli"] = types.ModuleType("cel.cli")
        try:
            import cel  # noqa: F401  # kept in sys.modules
        finally:
            del sys.modules["cel.cli"]
    return sys.modules["cel"]


@lru_cache(maxsize=4096)
def compiled(text: str) -> Any:
    """The program of `text`. Raises ExpressionError where it is no CEL."""
    try:
        return _cel().compile(text)
    except ValueError as error:
        message = str(error)
        told = re.search(r"ERROR: <input>:(\d+:\d+): (?:Syntax error: )?([^\n|]*)", message)
        short = f"at {told[1]}: {told[2].strip()[:200]}" if told else message.splitlines()[0][:200]
        raise ExpressionError(f"not CEL: {short}") from None


def tokens_of(text: str) -> list[Token]:
    """(kind, text, offset) of every token but white space. Raises ExpressionError."""
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise ExpressionError(f"at character {at + 1}: {text[at]!r} does not belong in a condition")
        if match.lastgroup == "strange":
            raise ExpressionError(f"at character {at + 1}: a text is written in single or double quotes, once")
        if match.lastgroup != "space":
            found.append((str(match.lastgroup), match[0], at))
        at = match.end()
    return found


def refuse_odd_names(tokens: list[Token]) -> None:
    """Raise ExpressionError for a name that hides what it reads: `.metrics`, or a part of a name that is `in`."""
    for i, (kind, word, at) in enumerate(tokens):
        if word == "in" and i and tokens[i - 1][1] == ".":
            raise ExpressionError(f'at character {at + 1}: `in` is a word of CEL: write ["in"] for a part of that name')
        if kind == "number" and word[0] == "." and i and tokens[i - 1][0] == "name" and tokens[i - 1][1] != "in":
            part = word[1:]
            raise ExpressionError(f'at character {at + 1}: write ["{part}"] for a part of a name that is a number')
        if word == "." and _begins_a_name(tokens, i):
            raise ExpressionError(f"at character {at + 1}: a name does not begin with a dot")


def standing_alone(tokens: list[Token]) -> list[tuple[int, str]]:
    """Place among the tokens, and text, of the names that are not a member of another."""
    return [
        (i, word) for i, (kind, word, _) in enumerate(tokens) if kind == "name" and (not i or tokens[i - 1][1] != ".")
    ]


def free_names(text: str) -> list[str]:
    """The names that a condition reads, members left out. Raises ExpressionError where it is not CEL."""
    tokens = tokens_of(text)
    compiled(text)
    return [word for _, word in standing_alone(tokens)]


def _begins_a_name(tokens: list[Token], dot: int) -> bool:
    """Whether the dot follows nothing that has members: CEL then looks from the root, so `.metrics` is `metrics`."""
    if not dot:
        return True
    kind, word, _ = tokens[dot - 1]
    return word == "in" or (kind == "operator" and word not in CLOSING)


def member_at(tokens: list[Token], at: int, what: str) -> str:
    """The metric whose name begins at `at`: `.accuracy`, `["accuracy"]`, or several parts for that of a slice."""
    parts: list[str] = []
    while True:
        follows = [(kind, word) for kind, word, _ in tokens[at : at + 3]]
        words = [word for _, word in follows]
        if words[:1] == ["."] and len(follows) > 1 and follows[1][0] == "name" and words[2:] != ["("]:
            parts.append(words[1])
            at += 2
        elif words[:1] == ["["] and len(follows) == 3 and follows[1][0] == "string" and words[2] == "]":
            parts.append(text_in(words[1]))
            at += 3
        elif parts and words[:1] != ["["] and not (words[:1] == ["."] and follows[1:] and follows[1][0] != "name"):
            break
        else:
            raise ExpressionError(f"`{what}` is read by name, as in `{what}.accuracy`")
    if dotted := next((part for part in parts if "." in part), None):
        raise ExpressionError(f"{dotted!r} is several names: write `{what}{''.join(map(_step, dotted.split('.')))}`")
    return ".".join(parts)


def _step(part: str) -> str:
    """How CEL reads a part of a name: `.f1`, or `["8"]` where it is no word."""
    return f".{part}" if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", part) and part != "in" else f'["{part}"]'


def text_in(word: str) -> str:
    """What stands between the quotes; a name needs no escapes, so that one with a backslash fits none."""
    return word.lstrip("rR")[1:-1]


def operands_of(text: str, tokens: list[Token]) -> tuple[str, ...]:
    """The parts of an expression between operators that compare or combine, at any depth."""
    found: list[str] = []
    starts = [0]
    for kind, word, at in [*tokens, ("operator", ",", len(text))]:
        if kind != "operator":
            continue
        if word in OPENING:
            starts.append(at + len(word))
        elif word in COMPARISONS | CLOSING | {"&&", "||", "?", ":", ",", "!"}:
            found.append(text[starts[-1] : at].strip())
            if word in CLOSING and len(starts) > 1:
                starts.pop()
            else:
                starts[-1] = at + len(word)
    return tuple(part for part in found if part)
