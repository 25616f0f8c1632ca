"""Whether a query finds what is known of a version or run: the meaning of `find`, whatever answers it more quickly.

A number that is not known makes it find nothing, as in a gate; what has no finite value, or no answer, is not found.
"""

from collections.abc import Mapping
from typing import Any

from modelbook.core.judging.cel import ExpressionError, NoSuchKey, evaluate, infinite_in, nested
from modelbook.core.queries.fields import Field
from modelbook.core.queries.query import Order, Query

_ABSENT: Mapping[str, Any] = {"text": "", "yes or no": False, "texts": [], "numbers": {}, "values": {}}


def selects(query: Query, facts: Mapping[str, Any], fields: Mapping[str, Field]) -> bool:
    """Whether `facts` are found. Raises ExpressionError where CEL has no answer, NoSuchKey among them."""
    if any(member(facts, name) is None for name in query.numbers):
        return False
    variables = {name: _variable(facts, name, fields[name].kind) for name in query.reads}
    if infinite := infinite_in(query.operands, variables):
        raise ExpressionError(f"`{infinite}` is not a finite number")
    value = evaluate(query.text, variables)
    if not isinstance(value, bool):
        raise ExpressionError(f"it gives {value!r}, not true or false")
    return value


def judged(query: Query, facts: Mapping[str, Any], fields: Mapping[str, Field]) -> bool | str:
    """As `selects`; a text says why there is no answer. What merely names a parameter that is not there is no."""
    try:
        return selects(query, facts, fields)
    except NoSuchKey:
        return False
    except ExpressionError as error:
        return str(error)


def member(facts: Mapping[str, Any], name: str) -> Any:
    """The value of a field, or of a member of one (`metrics.accuracy`); None where it is not known."""
    top, dot, inner = name.partition(".")
    value = facts.get(top)
    return value.get(inner) if dot and isinstance(value, dict) else None if dot else value


def _variable(facts: Mapping[str, Any], name: str, kind: str) -> Any:
    value = facts.get(name, _ABSENT.get(kind))
    return nested(value) if kind == "numbers" else value


def in_order(rows: list[dict[str, Any]], order: Order) -> list[dict[str, Any]]:
    """The rows in that order: numbers before texts, a list by its members side by side; equal ones stay as they are."""
    known = [row for row in rows if member(row, order.name) not in (None, [])]
    known.sort(key=lambda row: _rank(member(row, order.name)), reverse=order.descending)
    return known + [row for row in rows if member(row, order.name) in (None, [])]


def _rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool | int | float):
        return 0, value
    return 1, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
