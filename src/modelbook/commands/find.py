"""`modelbook find`: the model versions that meet a condition, in a registry of any size."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from modelbook.adapters.index_answers import answer
from modelbook.adapters.index_tables import Index
from modelbook.adapters.version_index import VersionIndex
from modelbook.commands._console import counted, say
from modelbook.commands._finding import (
    Asked,
    columns_of,
    finding_options,
    flat,
    judged_apart,
    order_of,
    print_fields,
    query_of,
    tell_findings,
    tell_unknown,
    tell_unsure,
)
from modelbook.commands._listing import print_rows
from modelbook.commands._workspace import registry_option, registry_place, rev_option
from modelbook.core.findings import Finding
from modelbook.core.queries.fields import VERSION_FIELDS
from modelbook.core.queries.query import Order, Query
from modelbook.errors import Exit

FIRST, LAST = ("ref", "stages"), ("created",)


@click.command(short_help="Find model versions by their metrics, parameters, tags, data and stages.")
@click.argument("condition", required=False)
@click.option("--all-branches", is_flag=True, help="Also what other branches have and --rev has not.")
@finding_options
@rev_option
@registry_option
def command(condition: str | None, asked: Asked, all_branches: bool, rev: str, registry_folder: str | None) -> int:
    """Find the model versions that meet CONDITION, in CEL as in gates; without one, all of them.

    A version without a number that the condition names is not found. Exit status 1 if a card could not be read: the
    others are answered, and that one is named. Nothing is verified here; `modelbook pull` and `verify` do that.

    \b
    Examples:
      modelbook find 'metrics.accuracy >= 0.95 && "baseline" in tags' --sort -metrics.accuracy
      modelbook find '"production" in stages' --columns ref,metrics.f1,params.lr --format csv
      modelbook find 'params.lr < 0.01' --rev 'main@{2026-10-01}'
    """
    if asked.list_fields:
        print_fields(VERSION_FIELDS, asked.form, asked.output)
        return Exit.YES
    query, order = query_of(condition, VERSION_FIELDS), order_of(asked.sort, VERSION_FIELDS)
    last = (*LAST, "on") if all_branches else LAST
    shown = columns_of(asked.columns, query, order, FIRST, last, VERSION_FIELDS)
    place = registry_place(registry_folder)
    with counted("reading cards", 0) as progress:
        index = VersionIndex(place.repository, place.folder, place.commit(rev), all_branches, progress)
        found, unsure, findings, names = index.ask(
            partial(_answered, query=query, order=order, limit=asked.limit, columns=shown)
        )
    for note in index.notes:
        say(f"note: {note}", as_json=True)
    print_rows(found, shown, asked.form, asked.output, empty="Nothing is like that." if query else "No version yet.")
    tell_unknown(query, names)
    tell_unsure(unsure)
    return tell_findings(findings)


def _answered(
    index: Index, *, query: Query | None, order: Order | None, limit: int | None, columns: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str], list[Finding], dict[str, list[str]]]:
    judge = partial(judged_apart, query, VERSION_FIELDS)
    ids, unsure = answer(index, query, judge, order=order, limit=limit)
    rows = [flat(facts, columns) for facts in index.facts(ids, columns)]
    return rows, unsure, index.findings(), {field: index.names(field) for field in ("metrics", "reported", "params")}
