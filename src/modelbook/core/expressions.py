"""Conditions in CEL, the Common Expression Language. One language for gates, search and retention.

What an expression may read is known before it runs: metrics are named (`metrics.accuracy`), never computed
(`metrics[name]`), so that a missing number is found even where CEL would not have looked at it. The same holds for what
the functions are asked: their arguments are written out.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from modelbook.core.cel import (
    CLOSING,
    COMPARISONS,
    OPENING,
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
from modelbook.core.claims import FORMS, REPRODUCED, Claim, claim_of
from modelbook.core.reproduction import LEVELS

VARIABLES = frozenset({"metrics", "baseline", "tags", "params"})


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
    `levels` are those of reproduction that it asks for, `claims` what it claims of metrics beyond noise.
    """

    text: str
    metrics: frozenset[str]
    baseline_metrics: frozenset[str]
    comparisons: tuple[Comparison, ...]
    operands: tuple[str, ...]
    levels: frozenset[str] = frozenset()
    claims: tuple[Claim, ...] = ()

    @property
    def reads_baseline(self) -> bool:
        """Whether the verdict depends on the version that holds the stage now."""
        return bool(self.baseline_metrics)


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """Check a condition. Raises ExpressionError."""
    tokens = tokens_of(text)
    metrics, baseline, others = _references(tokens)
    levels, claims = _levels(tokens), _claims(tokens)
    claimed = {claim.metric for claim in claims}
    if not (metrics or baseline or others or levels or claims):
        known = [*VARIABLES, REPRODUCED, *FORMS]
        near = {name for _, word in standing_alone(tokens) for name in get_close_matches(word, known, n=1)}
        hint = f"; did you mean {' or '.join(sorted(near))}?" if near else ""
        raise ExpressionError(f"it reads nothing of the model, so its verdict would always be the same{hint}")
    compiled(text)
    comparisons, operands = _comparisons(text, tokens), operands_of(text, tokens)
    return Expression(
        text, frozenset(metrics | claimed), frozenset(baseline | claimed), comparisons, operands, levels, claims
    )


def _references(tokens: list[Token]) -> tuple[set[str], set[str], set[str]]:
    """Metrics of the candidate, metrics of the baseline, and other variables that the tokens name."""
    metrics: set[str] = set()
    baseline: set[str] = set()
    others: set[str] = set()
    words = [word for _, word, _ in tokens]
    refuse_odd_names(tokens)
    for i, word in standing_alone(tokens):
        if word == "baseline" and words[i + 1 : i + 3] == [".", "metrics"]:
            baseline.add(member_at(tokens, i + 3, "baseline.metrics"))
        elif word == "baseline":
            raise ExpressionError("`baseline` is read as `baseline.metrics.<name>`")
        elif word == "metrics":
            metrics.add(member_at(tokens, i + 1, "metrics"))
        elif word in VARIABLES:
            others.add(word)
    return metrics, baseline, others


def _levels(tokens: list[Token]) -> frozenset[str]:
    """The levels of reproduction that are asked for. Like a metric's name, a level is written, never computed."""
    found = set()
    for i, (kind, word, at) in enumerate(tokens):
        follows = [text for _, text, _ in tokens[i + 1 : i + 4]]
        member = bool(i) and tokens[i - 1][1] == "."  # a metric of that name, say, unless it is called
        if (kind, word) != ("name", REPRODUCED) or (member and follows[:1] != ["("]):
            continue
        called = not member and len(follows) == 3 and (follows[0], follows[2]) == ("(", ")")
        level = follows[1].strip("rR")[1:-1] if called else ""
        if level not in LEVELS:
            known = " or ".join(f'{REPRODUCED}("{one}")' for one in LEVELS)
            raise ExpressionError(f"at character {at + 1}: write {known}")
        found.add(level)
    return frozenset(found)


def _claims(tokens: list[Token]) -> tuple[Claim, ...]:
    """What the functions of FORMS are asked, in the order in which it stands there."""
    found = []
    for i, (kind, word, at) in enumerate(tokens):
        member = bool(i) and tokens[i - 1][1] == "."  # a metric of that name, say, unless it is called
        called = [text for _, text, _ in tokens[i + 1 : i + 2]] == ["("]
        if kind != "name" or word not in FORMS or (member and not called):
            continue
        try:
            found.append(claim_of(word, [] if member or not called else _arguments(tokens, i + 2)))
        except ValueError as error:
            raise ExpressionError(f"at character {at + 1}: {error}") from None
    return tuple(dict.fromkeys(found))


def _arguments(tokens: list[Token], at: int) -> list[str | float]:
    """The literals from `at` to the closing bracket; none where anything else stands between them."""
    found: list[str | float] = []
    for (kind, word, _), (_, comma, _) in zip(tokens[at::2], tokens[at + 1 :: 2], strict=False):
        if kind not in {"string", "number"} or comma not in {",", ")"}:
            return []
        found.append(text_in(word) if kind == "string" else _number_in(word))
        if comma == ")":
            return found
    return []


def _number_in(word: str) -> float:
    try:
        return float(word)
    except ValueError:  # 0x1f, 7u
        raise ExpressionError(f"{word}: write the number with a point, as in 0.95") from None


def _comparisons(text: str, tokens: list[Token]) -> tuple[Comparison, ...]:
    """The comparisons that `&&` joins at the outermost level; none where another operator decides there."""
    depth, start, split = 0, 0, None
    found: list[Comparison] = []
    for kind, word, at in [*tokens, ("operator", "&&", len(text))]:
        depth += (word in OPENING) - (word in CLOSING) if kind == "operator" else 0
        if depth or kind != "operator":
            continue
        if word in {"||", "?"}:
            return ()
        if word in COMPARISONS:
            split = (word, at)
        elif word == "&&":
            if split:
                left, right = text[start : split[1]], text[split[1] + len(split[0]) : at]
                found.append(Comparison(left.strip(), split[0], right.strip()))
            start, split = at + 2, None
    return tuple(found)
