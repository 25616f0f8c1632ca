"""`modelbook diff`: what lies between two versions, and which of them measured better."""

from dataclasses import asdict, dataclass
from typing import Any

import click

from modelbook.adapters.git import Repository
from modelbook.adapters.github_place import page_of
from modelbook.commands._comparing import metric_json, results_of, store_option, tell_untold, verified
from modelbook.commands._console import print_json, print_table, say
from modelbook.commands._workspace import (
    forge_option,
    json_option,
    registry_option,
    rev_option,
)
from modelbook.core.pages.promotion_story import metric_text
from modelbook.core.queries.differences import Differences, MetricPair, differences, metric_pairs


@dataclass(frozen=True)
class Between:
    """What git has between the commits of two versions: how many `more` the second has, and how many `fewer`."""

    range: str
    more: int
    fewer: int


@dataclass(frozen=True)
class Code:
    """What lies between the code of two versions: in this repository, and on GitHub."""

    commits: Between | None
    compare: str | None


@click.command(short_help="Compare two versions: code, data, parameters, environment, metrics.")
@click.argument("left", metavar="REF")
@click.argument("right", metavar="REF")
@store_option
@forge_option
@rev_option
@registry_option
@json_option
def command(
    left: str, right: str, with_store: bool, forge_name: str, rev: str, registry_folder: str | None, as_json: bool
) -> None:
    """List what differs from the first version to the second, and all metrics of their signed evaluations.

    Metrics that were measured on different data are shown, and not compared. Whether a difference is more than noise
    is told at a confidence of 95 %, where the suite gave n or a standard error; as in gates it is tested example by
    example where the suite gave what it found for each, which lies in the store.

    \b
    Examples:
      modelbook diff fraud@4 fraud@5
      modelbook diff fraud@production fraud@latest --json
    """
    one, other = (verified(text, rev, registry_folder) for text in (left, right))
    before, after = one.card, other.card
    results = results_of([one, other]) if with_store else {}
    changed = differences(before, after)
    pairs = metric_pairs(one.verdict.evaluations, other.verdict.evaluations, results)
    page = page_of(one.workspace.repository, forge_name)
    codes = before.lineage.code, after.lineage.code
    code = Code(
        _between(one.workspace.repository, *(each.commit for each in codes)), page.compare(*codes) if page else None
    )
    names = tuple(f"{card.model}@{card.version}" for card in (before, after))
    if with_store:
        tell_untold(one.untold for one in pairs)
    if as_json:
        print_json(_as_json(names, changed, pairs, code))
        return
    if names[0] == names[1]:
        say(f"{left} and {right} are one version, {names[0]}.")
        return
    _print(names, changed, pairs, code)


def _between(repository: Repository, left: str | None, right: str | None) -> Between | None:
    apart = repository.apart(left, right) if left and right and left != right else None
    if apart is None or left is None or right is None:
        return None
    fewer, more = apart
    return Between(f"{left[:12]}{'...' if fewer else '..'}{right[:12]}", more, fewer)


def _print(names: tuple[str, ...], changed: Differences, pairs: tuple[MetricPair, ...], code: Code) -> None:
    left, right = names
    rows: list[dict[str, object]] = [
        {"what": f"{kind}: {one.part}", left: _short(one.part, one.left), right: _short(one.part, one.right)}
        for kind, found in changed.kinds.items()
        for one in found
    ]
    print_table(rows, as_json=False, empty=f"Nothing differs in how {left} and {right} were made.")
    if rows and changed.same:
        say(f"the same in both: {', '.join(changed.same)}")
    if code.commits:
        say(f"commits: {_commits(code.commits)}")
    if code.compare:
        say(f"compare: {code.compare}")
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


def _commits(between: Between) -> str:
    """As in `3 more: git log 7e14c156c098..9a4891d363e4`."""
    said = [f"{count:,} {word}" for count, word in ((between.more, "more"), (between.fewer, "fewer")) if count]
    return f"{', '.join(said)}: git log {between.range}"


def _noise(one: MetricPair) -> str | None:
    if one.interval is None:
        return None
    low, high = one.interval
    paired = " (paired)" if one.method and one.method.startswith("paired") else ""
    return f"{'yes' if one.beyond_noise else 'no'}: {low:+.3g} to {high:+.3g}{paired}"


def _short(part: str, value: str | None) -> str | None:
    return value[:12] if part == "commit" and value else value


def _as_json(names: tuple[str, ...], changed: Differences, pairs: tuple[MetricPair, ...], code: Code) -> dict[str, Any]:
    return {
        "left": names[0],
        "right": names[1],
        "differences": [
            {"kind": kind, "part": one.part, "left": one.left, "right": one.right}
            for kind, found in changed.kinds.items()
            for one in found
        ],
        "same": list(changed.same),
        "commits": asdict(code.commits) if code.commits else None,
        "compare": code.compare,
        "metrics": [
            {
                "suite": one.suite,
                "metric": one.name,
                "left": metric_json(one.left),
                "right": metric_json(one.right),
                "difference": one.difference,
                "interval": one.interval,
                "beyond_noise": one.beyond_noise,
                "method": one.method,
                "elsewhere": one.elsewhere,
            }
            for one in pairs
        ],
    }
