"""`modelbook diff`: what lies between two versions, and which of them measured better."""

from typing import Any

import click

from modelbook.adapters.github_place import page_of
from modelbook.commands._comparing import metric_json, verified
from modelbook.commands._console import print_json, print_table, say
from modelbook.commands._workspace import (
    forge_option,
    json_option,
    registry_option,
    rev_option,
)
from modelbook.core.pages.promotion_story import metric_text
from modelbook.core.queries.differences import Differences, MetricPair, differences, metric_pairs


@click.command(short_help="Compare two versions: code, data, parameters, environment, metrics.")
@click.argument("left", metavar="REF")
@click.argument("right", metavar="REF")
@forge_option
@rev_option
@registry_option
@json_option
def command(left: str, right: str, forge_name: str, rev: str, registry_folder: str | None, as_json: bool) -> None:
    """List what differs from the first version to the second, and all metrics of their signed evaluations.

    Metrics that were measured on different data are shown, and not compared. Whether a difference is more than noise
    is told at a confidence of 95 %, where the suite gave n or a standard error.

    \b
    Examples:
      modelbook diff fraud@4 fraud@5
      modelbook diff fraud@production fraud@latest --json
    """
    one, other = (verified(text, rev, registry_folder) for text in (left, right))
    before, after = one.card, other.card
    changed, pairs = differences(before, after), metric_pairs(one.verdict.evaluations, other.verdict.evaluations)
    page = page_of(one.workspace.repository, forge_name)
    compare = page.compare(before.lineage.code, after.lineage.code) if page else None
    names = tuple(f"{card.model}@{card.version}" for card in (before, after))
    if as_json:
        print_json(_as_json(names, changed, pairs, compare))
        return
    if names[0] == names[1]:
        say(f"{left} and {right} are one version, {names[0]}.")
        return
    _print(names, changed, pairs, compare)


def _print(names: tuple[str, ...], changed: Differences, pairs: tuple[MetricPair, ...], compare: str | None) -> None:
    left, right = names
    rows: list[dict[str, object]] = [
        {"what": f"{kind}: {one.part}", left: _short(one.part, one.left), right: _short(one.part, one.right)}
        for kind, found in changed.kinds.items()
        for one in found
    ]
    print_table(rows, as_json=False, empty=f"Nothing differs in how {left} and {right} were made.")
    if rows and changed.same:
        say(f"the same in both: {', '.join(changed.same)}")
    if compare:
        say(f"compare: {compare}")
    say("")
    measured: list[dict[str, object]] = [
        {
            "suite": one.suite,
            "metric": one.name,
            left: f"only on {one.elsewhere}" if one.elsewhere else metric_text(one.left) or None,
            right: metric_text(one.right) or None,
            "difference": None if one.difference is None else f"{one.difference:+.3g}",
            "beyond noise": _noise(one),
        }
        for one in pairs
    ]
    print_table(measured, as_json=False, empty="Neither was measured.")


def _noise(one: MetricPair) -> str | None:
    if one.interval is None:
        return None
    low, high = one.interval
    return f"{'yes' if one.beyond_noise else 'no'}: {low:+.3g} to {high:+.3g}"


def _short(part: str, value: str | None) -> str | None:
    return value[:12] if part == "commit" and value else value


def _as_json(
    names: tuple[str, ...], changed: Differences, pairs: tuple[MetricPair, ...], compare: str | None
) -> dict[str, Any]:
    return {
        "left": names[0],
        "right": names[1],
        "differences": [
            {"kind": kind, "part": one.part, "left": one.left, "right": one.right}
            for kind, found in changed.kinds.items()
            for one in found
        ],
        "same": list(changed.same),
        "compare": compare,
        "metrics": [
            {
                "suite": one.suite,
                "metric": one.name,
                "left": metric_json(one.left),
                "right": metric_json(one.right),
                "difference": one.difference,
                "interval": one.interval,
                "beyond_noise": one.beyond_noise,
                "elsewhere": one.elsewhere,
            }
            for one in pairs
        ],
    }
