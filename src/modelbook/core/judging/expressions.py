"""Conditions in CEL, the Common Expression Language. One language for gates, search and retention.

What an expression may read is known before it runs: metrics are named (`metrics.accuracy`), never computed
(`metrics[name]`), so that a missing number is found even where CEL would not have looked at it. The same holds for what
the functions are asked: their arguments are written out.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from modelbook.core.judging.calls import claims_in, levels_in, proxies_in
from modelbook.core.judging.cel import (
    CLOSING,
    COMPARISONS,
    OPENING,
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
from modelbook.core.judging.claims import FORMS, Claim

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
    tokens = tokens_of(text)
    metrics, baseline, others = _references(tokens)
    try:
        levels, claims, proxies = levels_in(tokens), claims_in(tokens), proxies_in(tokens)
    except ValueError as error:
        raise ExpressionError(str(error)) from None
    claimed = {claim.metric for claim in claims}
    if not (metrics or baseline or others or levels or claims or proxies):
        known = [*VARIABLES, REPRODUCED, PROXY, *FORMS]
        near = {name for _, word in standing_alone(tokens) for name in get_close_matches(word, known, n=1)}
        hint = f"; did you mean {' or '.join(sorted(near))}?" if near else ""
        raise ExpressionError(f"it reads nothing of the model, so its verdict would always be the same{hint}")
    compiled(text)
    comparisons, operands = _comparisons(text, tokens), operands_of(text, tokens)
    read, compared = frozenset(metrics | claimed), frozenset(baseline | claimed)
    return Expression(text, read, compared, comparisons, operands, levels, claims, proxies)


def parsed(text: str) -> Expression | None:
    """A condition, or None where it is none: for whoever leaves it to the verdict of its gate to say what is wrong."""
    try:
        return parse(text)
    except ExpressionError:
        return None


def claims(text: str) -> bool:
    """Whether a condition claims anything of metrics beyond noise."""
    found = parsed(text)
    return bool(found and found.claims)


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
