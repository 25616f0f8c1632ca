"""Conditions in CEL, the Common Expression Language. One language for gates, search and retention.

What an expression may read is known before it runs: metrics are named (`metrics.accuracy`), never computed
(`metrics[name]`), so that a missing number is found even where CEL would not have looked at it. The same holds for what
the functions are asked: their arguments are written out.
"""

import re
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from modelbook.core.calls import PROXY, REPRODUCED, claims_in, levels_in, proxies_in, text_in
from modelbook.core.claims import FORMS, Claim

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<strange>(?:[rR]?[bB]|[bB][rR])(?=["'])|[rR]?(?:\"\"\"|'''))
      | (?P<string>[rR](?:\"[^\"\n]*\"|'[^'\n]*')|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')
      | (?P<number>(?:0x[0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)[uU]?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<operator>&&|\|\||[<>=!]=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE,
)
_COMPARISONS = {"<", "<=", ">", ">=", "==", "!="}
_OPENING, _CLOSING = {"(", "[", "{"}, {")", "]", "}"}
VARIABLES = frozenset({"metrics", "baseline", "tags", "params"})


class ExpressionError(ValueError):
    """Not a condition that Modelbook evaluates; the message says why."""


@dataclass(frozen=True)
class Comparison:
    """One comparison in an expression: two sides as written, and the operator between them."""

    left: str
    operator: str
    right: str


@dataclass(frozen=True)
class Expression:
    """A condition that has been checked: the metrics that it reads of candidate and baseline, and its comparisons.

    `operands` are all its parts between operators that compare or combine, at any depth: what must be a finite number.
    `levels` are those of reproduction that it asks for, `claims` what it claims of metrics beyond noise, `proxies` the
    pairs of an offline and an online metric whose agreement it asks for.
    """

    text: str
    metrics: frozenset[str]
    baseline_metrics: frozenset[str]
    comparisons: tuple[Comparison, ...]
    operands: tuple[str, ...]
    levels: frozenset[str] = frozenset()
    claims: tuple[Claim, ...] = ()
    proxies: frozenset[tuple[str, str]] = frozenset()

    @property
    def reads_baseline(self) -> bool:
        """Whether the verdict depends on the version that holds the stage now."""
        return bool(self.baseline_metrics)


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Check a condition. Raises ExpressionError."""
    tokens = _tokens(text)
    metrics, baseline, others = _references(tokens)
    try:
        levels, claims, proxies = levels_in(tokens), claims_in(tokens), proxies_in(tokens)
    except ValueError as error:
        raise ExpressionError(str(error)) from None
    claimed = {claim.metric for claim in claims}
    if not (metrics or baseline or others or levels or claims or proxies):
        known = [*VARIABLES, REPRODUCED, PROXY, *FORMS]
        near = {name for word in _names(tokens) for name in get_close_matches(word, known, n=1)}
        hint = f"; did you mean {' or '.join(sorted(near))}?" if near else ""
        raise ExpressionError(f"it reads nothing of the model, so its verdict would always be the same{hint}")
    _compile(text)
    comparisons, operands = _comparisons(text, tokens), _operands(text, tokens)
    read, compared = frozenset(metrics | claimed), frozenset(baseline | claimed)
    return Expression(text, read, compared, comparisons, operands, levels, claims, proxies)


def evaluate(text: str, variables: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]] | None = None) -> Any:
    """The value of `text`; `functions` join those of CEL. Raises ExpressionError where CEL cannot say."""
    try:
        context = _cel().Context(variables=dict(variables), functions=dict(functions or {}))
        return _compile(text).execute(context)
    except KeyError as error:
        raise ExpressionError(f"there is no {error.args[0]!r}") from None
    except TypeError as error:
        raise ExpressionError(f"{_sentence(error)}; beside metrics, numbers are written with a point (1.0)") from None
    except (ValueError, RuntimeError, ArithmeticError) as error:
        raise ExpressionError(_sentence(error)) from None


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
def _compile(text: str) -> Any:
    try:
        return _cel().compile(text)
    except ValueError as error:
        message = str(error)
        told = re.search(r"ERROR: <input>:(\d+:\d+): (?:Syntax error: )?([^\n|]*)", message)
        short = f"at {told[1]}: {told[2].strip()[:200]}" if told else message.splitlines()[0][:200]
        raise ExpressionError(f"not CEL: {short}") from None


def _tokens(text: str) -> list[tuple[str, str, int]]:
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


def _references(tokens: list[tuple[str, str, int]]) -> tuple[set[str], set[str], set[str]]:
    """Metrics of the candidate, metrics of the baseline, and other variables that the tokens name."""
    metrics: set[str] = set()
    baseline: set[str] = set()
    others: set[str] = set()
    words = [word for _, word, _ in tokens]
    for i, (kind, word, at) in enumerate(tokens):
        if word == "in" and i and words[i - 1] == ".":
            raise ExpressionError(f'at character {at + 1}: `in` is a word of CEL: write ["in"] for a part of that name')
        if word == "." and _begins_a_name(tokens, i):
            raise ExpressionError(f"at character {at + 1}: a name does not begin with a dot")
        if kind != "name" or (i and words[i - 1] == "."):
            continue
        if word == "baseline" and words[i + 1 : i + 3] == [".", "metrics"]:
            baseline.add(_member(tokens, i + 3, "baseline.metrics"))
        elif word == "baseline":
            raise ExpressionError("`baseline` is read as `baseline.metrics.<name>`")
        elif word == "metrics":
            metrics.add(_member(tokens, i + 1, "metrics"))
        elif word in VARIABLES:
            others.add(word)
    return metrics, baseline, others


def free_names(text: str) -> list[str]:
    """The names that a condition reads, members left out. Raises ExpressionError where it is not CEL."""
    tokens = _tokens(text)
    _compile(text)
    return _names(tokens)


def _names(tokens: list[tuple[str, str, int]]) -> list[str]:
    """The names that stand by themselves, not as a member of another."""
    return [word for i, (kind, word, _) in enumerate(tokens) if kind == "name" and (not i or tokens[i - 1][1] != ".")]


def _begins_a_name(tokens: list[tuple[str, str, int]], dot: int) -> bool:
    """Whether the dot follows nothing that has members: CEL then looks from the root, so `.metrics` is `metrics`."""
    if not dot:
        return True
    kind, word, _ = tokens[dot - 1]
    return word == "in" or (kind == "operator" and word not in _CLOSING)


def _member(tokens: list[tuple[str, str, int]], at: int, what: str) -> str:
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
        raise ExpressionError(f"{dotted!r} is several names: write `{what}.{dotted}`")
    return ".".join(parts)


def _comparisons(text: str, tokens: list[tuple[str, str, int]]) -> tuple[Comparison, ...]:
    """The comparisons that `&&` joins at the outermost level; none where another operator decides there."""
    depth, start, split = 0, 0, None
    found: list[Comparison] = []
    for kind, word, at in [*tokens, ("operator", "&&", len(text))]:
        depth += (word in _OPENING) - (word in _CLOSING) if kind == "operator" else 0
        if depth or kind != "operator":
            continue
        if word in {"||", "?"}:
            return ()
        if word in _COMPARISONS:
            split = (word, at)
        elif word == "&&":
            if split:
                left, right = text[start : split[1]], text[split[1] + len(split[0]) : at]
                found.append(Comparison(left.strip(), split[0], right.strip()))
            start, split = at + 2, None
    return tuple(found)


def _operands(text: str, tokens: list[tuple[str, str, int]]) -> tuple[str, ...]:
    found: list[str] = []
    starts = [0]
    for kind, word, at in [*tokens, ("operator", ",", len(text))]:
        if kind != "operator":
            continue
        if word in _OPENING:
            starts.append(at + len(word))
        elif word in _COMPARISONS | _CLOSING | {"&&", "||", "?", ":", ",", "!"}:
            found.append(text[starts[-1] : at].strip())
            if word in _CLOSING and len(starts) > 1:
                starts.pop()
            else:
                starts[-1] = at + len(word)
    return tuple(part for part in found if part)
