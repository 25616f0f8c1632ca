"""The conditions of `keep`: which can be judged, and what they say of a run and the version that it became."""

from collections.abc import Iterator, Mapping
from typing import Any

from modelbook.core.judging.cel import ExpressionError, evaluate, free_names
from modelbook.core.keep import KINDS, Keep, KeepRule

NAMES = frozenset({"tags", "metrics", "params", "stage", "stages", "status", "experiment", "age"})
"""What a condition may read: of a run and of the version that it became."""
_WORDS = {"in", "size", "has", "int", "double", "string", "true", "false", "null"}


def check_condition(text: str) -> str | None:
    """What is wrong with a condition of `unless`; None where it can be judged."""
    try:
        unknown = set(free_names(text)) - NAMES - _WORDS
    except ExpressionError as error:
        return str(error)
    # A macro binds a name: `tags.exists(t, t == "keep")`.
    bound = {name for name in unknown if f"({name}," in text.replace(" ", "")}
    if unknown - bound:
        return f"there is no {min(unknown - bound)!r}; a condition reads {', '.join(sorted(NAMES))}"
    return None


def check_keep(keep: Keep) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Each condition that cannot be judged: where it stands below `keep`, and why."""
    for kind in KINDS:
        rule = keep.rule(kind)
        for at, text in enumerate(rule.unless if rule else ()):
            if problem := check_condition(text):
                yield (kind, "unless", at), problem


def kept_by(rule: KeepRule, facts: Mapping[str, Any]) -> str | None:
    """The condition that keeps it, or that cannot be judged and so keeps it too; None where none does."""
    for text in rule.unless:
        try:
            value = evaluate(text, facts)
        except ExpressionError as error:
            return f"`{text}` cannot be judged: {error}"
        if value is not False:
            return f"`{text}`" if value is True else f"`{text}` is neither true nor false"
    return None
