"""`modelbook compare`: many versions side by side, each against the first."""

from dataclasses import asdict
from typing import Any

import click

from modelbook.commands._comparing import metric_json, results_of, store_option, tell_untold, verified
from modelbook.commands._console import print_json, print_table, say
from modelbook.commands._workspace import json_option, registry_option, rev_option
from modelbook.core.pages.promotion_story import metric_text
from modelbook.core.queries.comparison import Measured, Part, measured, parts
from modelbook.errors import BadInput

MOST = 50


@click.command(short_help="Put many versions side by side.")
@click.argument("references", metavar="REF REF...", nargs=-1, required=True)
@store_option
@rev_option
@registry_option
@json_option
def command(
    references: tuple[str, ...], with_store: bool, rev: str, registry_folder: str | None, as_json: bool
) -> None:
    """Put versions side by side: in what they differ, and what their signed evaluations measured.

    All are compared with the first. A metric that differs from it by more than noise (95 %, tested as in `modelbook
    diff`) has a *; one that was measured on other data or hardware is shown and not compared.

    \b
    Examples:
      modelbook compare fraud@3 fraud@4 fraud@5
      modelbook compare fraud@production fraud@latest --json
    """
    if not 2 <= len(references) <= MOST:
        raise BadInput(f"give 2 to {MOST} versions", remedy="To choose among more: `modelbook find`.")
    found = [verified(text, rev, registry_folder) for text in references]
    versions = [(one.card, one.verdict.evaluations) for one in found]
    names = [f"{one.card.model}@{one.card.version}" for one in found]
    if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
        raise BadInput(f"{twice} stands twice among them", remedy="Name each version once.")
    differing, metrics = parts(versions), measured(versions, results_of(found) if with_store else {})
    if with_store:
        tell_untold(why for one in metrics for why in one.untold)
    if as_json:
        print_json(
            {
                "versions": names,
                "differences": [asdict(one) for one in differing],
                "metrics": [_as_json(one) for one in metrics],
            }
        )
        return
    print_table([_part(names, one) for one in differing], as_json=False, empty="Nothing differs in how they were made.")
    say("")
    print_table([_measured(names, one) for one in metrics], as_json=False, empty="None of them was measured.")


def _part(names: list[str], one: Part) -> dict[str, object]:
    short = [value[:12] if one.name == "commit" and value else value for value in one.values]
    return {"what": f"{one.kind}: {one.name}", **dict(zip(names, short, strict=True))}


def _measured(names: list[str], one: Measured) -> dict[str, object]:
    cells = []
    for metric, noise, elsewhere in zip(one.metrics, one.noise, one.elsewhere, strict=True):
        text = metric_text(metric) + (" *" if noise else "")
        cells.append(f"{text} (the first on {elsewhere})" if elsewhere and metric else text or None)
    return {"suite": one.suite, "metric": one.name, **dict(zip(names, cells, strict=True))}


def _as_json(one: Measured) -> dict[str, Any]:
    return asdict(one) | {"metrics": [metric_json(metric) for metric in one.metrics]}
