"""What `find` and `runs find` share: the words of a person made a query, and what is told beside the answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from modelbook.adapters.bounded import bounded
from modelbook.commands._console import say
from modelbook.commands._listing import format_options, print_rows
from modelbook.core.findings import Finding
from modelbook.core.judging.cel import ExpressionError
from modelbook.core.queries.fields import Field, near
from modelbook.core.queries.query import Order, Query, check_name, parse_query
from modelbook.core.unseen import plain
from modelbook.errors import BadInput, Exit


@dataclass(frozen=True)
class Asked:
    """How an answer is wanted, as a person gave it: `sort` and `columns` as they were written."""

    sort: str | None
    columns: str | None
    limit: int | None
    list_fields: bool
    form: str
    output: Path | None


_OPTIONS: tuple[Callable[[Callable[..., int]], Callable[..., int]], ...] = (
    format_options,
    click.option("--fields", "list_fields", is_flag=True, help="List the fields that there are."),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="No more than N of them."),
    click.option("--columns", metavar="FIELDS", help="What is told of each, as in metrics.f1,params.lr."),
    click.option("--sort", metavar="FIELD", help="In the order of a field; -FIELD: the largest first."),
)


def finding_options(function: Callable[..., int]) -> Callable[..., int]:
    """`--sort`, `--columns`, `--limit`, `--fields` and those of the format: handed in as `asked`."""

    @wraps(function)
    def asking(form: str, as_json: bool, **given: Any) -> int:
        parts = {name: given.pop(name) for name in ("sort", "columns", "limit", "list_fields", "output")}
        return function(asked=Asked(form="json" if as_json else form, **parts), **given)

    asked: Callable[..., int] = asking
    for option in _OPTIONS:
        asked = option(asked)
    return asked


_REMEDY = "See `--fields` for what there is."
_SHOWN = 20  # findings; of more, their number is told


def query_of(condition: str | None, fields: Mapping[str, Field]) -> Query | None:
    """The query that a person wrote. Raises BadInput where it is none."""
    try:
        return None if condition is None else parse_query(condition, fields)
    except ExpressionError as error:
        raise BadInput(f"this is no condition: {error}", remedy=_REMEDY) from None


def order_of(sort: str | None, fields: Mapping[str, Field]) -> Order | None:
    """The order that a person wrote, as in `-metrics.accuracy`. Raises BadInput."""
    return Order(_name(sort.removeprefix("-"), "--sort", fields), sort.startswith("-")) if sort else None


def columns_of(
    given: str | None,
    query: Query | None,
    order: Order | None,
    first: Sequence[str],
    last: Sequence[str],
    fields: Mapping[str, Field],
) -> list[str]:
    """The columns that were asked for; else what the query and the order read, between `first` and `last`."""
    if given is not None:
        return list(dict.fromkeys(_name(name.strip(), "--columns", fields) for name in given.split(",")))
    read = [*([order.name] if order else []), *(sorted(query.names) if query else [])]
    return list(dict.fromkeys([*first, *read, *last]))


def _name(name: str, option: str, fields: Mapping[str, Field]) -> str:
    try:
        return check_name(name, fields)
    except ExpressionError as error:
        raise BadInput(f"{option}: {error}", remedy=_REMEDY) from None


def judged_apart(
    query: Query | None, fields: Mapping[str, Field], facts: Sequence[Mapping[str, Any]]
) -> list[bool | str]:
    """What CEL says of each, in a process that ends even where the query would not."""
    from modelbook.core.queries.selecting import judged  # it brings CEL, which most queries have no use for

    return bounded(lambda: [query is None or judged(query, one, fields) for one in facts], what="the query")


def flat(facts: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """The facts by column: what is not known is None."""
    from modelbook.core.queries.selecting import member

    return {name: member(facts, name) for name in columns}


def print_fields(fields: Mapping[str, Field], form: str, output: Path | None) -> None:
    """List the fields that a condition, an order or a column may name."""
    rows = [{"field": name, "kind": one.kind, "what": one.what} for name, one in fields.items()]
    print_rows(rows, ["field", "kind", "what"], form, output, empty="")


def tell_unknown(query: Query | None, names: Mapping[str, Sequence[str]]) -> None:
    """Say which metrics or parameters of the query nobody has, and what is near them; `names` are by field."""
    for name in sorted(query.names) if query else ():
        top, dot, inner = name.partition(".")
        if dot and inner not in names[top]:
            say(f"note: nothing here has {name}{near(inner, names[top])}", as_json=True)


def tell_unsure(whys: Sequence[str]) -> None:
    """Say of how many CEL had no answer, and why of the first."""
    if whys:
        say(f"note: for {len(whys):,} there is no answer, so they are not listed: {whys[0]}", as_json=True)


def tell_findings(findings: Sequence[Finding]) -> int:
    """Name each file that could not be read, or not as what it should be; the exit status that follows."""
    for finding in findings[:_SHOWN]:
        click.echo(click.style("error: ", fg="red") + plain(str(finding)), err=True)
    if len(findings) > _SHOWN:
        say(f"and {len(findings) - _SHOWN:,} more: `modelbook verify --all` lists them", as_json=True)
    return Exit.NO if findings else Exit.YES
