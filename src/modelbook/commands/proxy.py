"""`modelbook proxy`: which offline metric says what users will do, by all experiments on record."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, print_table, say
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import json_option, open_workspace, registry_option, rev_option
from modelbook.core.experiments.proxies import Pair, ProxyVerdict, judge, pair_of
from modelbook.core.experiments.proxy_details import Details, details
from modelbook.core.experiments.proxy_evidence import Known, known_of
from modelbook.core.judging.better import Direction
from modelbook.core.layout import model_folder
from modelbook.core.names import check_name
from modelbook.errors import BadInput, Exit

_SHOWN = {"proxy": "a proxy", "reversed": "reversed", "paradox": "Simpson's paradox", "none": "no proxy"}


@click.command(short_help="Ask which offline metric stands for what users do.")
@click.argument("model", metavar="MODEL")
@click.option("--offline", multiple=True, metavar="METRIC", help="Only this metric of suites. May be repeated.")
@click.option("--online", multiple=True, metavar="METRIC", help="Only this metric of experiments. May be repeated.")
@click.option("--plots", type=click.Path(path_type=Path), metavar="FOLDER", help="Write a picture for each pair there.")
@rev_option
@registry_option
@json_option
def command(
    model: str,
    offline: tuple[str, ...],
    online: tuple[str, ...],
    plots: Path | None,
    rev: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Compare what suites measured of MODEL's versions with what experiments found of users, and recommend a proxy.

    All pairs of metrics are looked at, and chance is corrected for that: name the ones that you mean. Exit status 1 if
    none is recommended, also where there are not enough versions to say anything.

    \b
    Examples:
      modelbook proxy fraud
      modelbook proxy fraud --online satisfaction --plots ./proxies
    """
    check_name(model, "registered model")
    workspace = open_workspace(registry_folder, rev=rev, scope=[model_folder(model)])
    refuse(model, workspace.problems)
    workspace.registry.check_model(model)
    known = known_of(workspace.registry, model)
    asked = [
        pair_of(known.history, ours, theirs, known.better)
        for theirs in _named(known.history.online, online, "experiment")
        for ours in _named(known.history.offline, offline, "evaluation")
    ]
    untold = list(dict.fromkeys(one for one in asked if isinstance(one, str)))
    if not asked:
        what = "experiments" if not known.history.online else "evaluations"
        untold = [f"there are no {what} on record that count"]
    judged = [(one, details(one.pair)) for one in judge([one for one in asked if isinstance(one, Pair)])]
    recommended = {one.pair.online: one.pair.offline for one, _ in reversed(judged) if one.verdict == "proxy"}
    pictures = [_draw(plots, one, told, known) for one, told in judged] if plots else []
    set_outputs({"passed": str(bool(recommended)).lower(), "proxies": ", ".join(sorted(set(recommended.values())))})
    if as_json:
        print_json(_as_json(model, known, judged, untold, recommended))
        return Exit.YES if recommended else Exit.NO
    for finding in known.findings:
        say(f"{finding.level}: {finding}", as_json=True)
    print_table([_row(one, told) for one, told in judged], as_json=False, empty="")
    for one, _ in judged:
        say(f"  {one.pair.offline} for {one.pair.online}: {_SHOWN[one.verdict]}: {one.why}")
    for line in (*untold, *known.left_out, *_assumed(known, judged), *(f"written: {path}" for path in pictures)):
        say(f"  {line}")
    for theirs in dict.fromkeys(one.pair.online for one, _ in judged):
        say(f"For {theirs}: " + (f"use {recommended[theirs]}" if theirs in recommended else "no metric is recommended"))
    if not judged:
        say("No metric is recommended.")
    return Exit.YES if recommended else Exit.NO


def _named(there: Mapping[str, object], wanted: tuple[str, ...], measured_by: str) -> list[str]:
    """The metrics that are wanted, or all. Raises BadInput for one that nobody measured."""
    if unknown := [name for name in wanted if name not in there]:
        remedy = f"There are: {', '.join(there)}." if there else None
        raise BadInput(f"no {measured_by} measured {unknown[0]!r}", remedy=remedy)
    return list(dict.fromkeys(wanted)) or sorted(there)


def _signs(known: Known, pair: Pair) -> tuple[Direction, Direction]:
    return known.better.get(pair.offline, 1), known.better.get(pair.online, 1)


def _draw(folder: Path, one: ProxyVerdict, told: Details, known: Known) -> Path:
    from modelbook.adapters.proxy_plot import draw_proxy

    target = folder / f"{one.pair.offline}-for-{one.pair.online}.png"
    draw_proxy(target, one, told, known.history, _signs(known, one.pair))
    return target


def _assumed(known: Known, judged: list[tuple[ProxyVerdict, Details]]) -> list[str]:
    """The metrics that are taken for better the higher they are, since nothing says which way."""
    met = dict.fromkeys(name for one, _ in judged for name in (one.pair.offline, one.pair.online))
    unsaid = [name for name in met if name not in known.better]
    if not unsaid:
        return []
    how = f"say otherwise in model.yaml, as in `better: {{{unsaid[0]}: lower_is_better}}`"
    return [f"taken for better the higher: {', '.join(unsaid)}; {how}"]


def _row(one: ProxyVerdict, told: Details) -> dict[str, object]:
    share, predicted = one.agreement, told.prediction
    return {
        "offline": one.pair.offline,
        "online": one.pair.online,
        "versions": len(one.pair.versions),
        "changes alike": f"{share.alike} of {share.changes} [{share.interval.low:.2f}, {share.interval.high:.2f}]",
        "spearman": f"{one.spearman:+.2f} [{told.spearman.low:+.2f}, {told.spearman.high:+.2f}]",
        "kendall": f"{one.kendall:+.2f} [{told.kendall.low:+.2f}, {told.kendall.high:+.2f}]",
        "p": f"{one.adjusted:.2g}",
        "error left out": f"{predicted.error:.3g}, of the mean {predicted.error_of_mean:.3g}",
        "verdict": _SHOWN[one.verdict],
    }


def _as_json(
    model: str,
    known: Known,
    judged: list[tuple[ProxyVerdict, Details]],
    untold: list[str],
    recommended: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "model": model,
        "experiments": [one.experiment for one in known.experiments],
        "pairs": [_pair_json(known, one, told) for one, told in judged],
        "recommended": {theirs: recommended.get(theirs) for theirs in known.history.online},
        "not_told": untold,
        "left_out": list(known.left_out),
        "findings": [finding.as_json() for finding in known.findings],
    }


def _pair_json(known: Known, one: ProxyVerdict, told: Details) -> dict[str, Any]:
    pair, signs = one.pair, _signs(known, one.pair)
    return {
        "offline": pair.offline,
        "online": pair.online,
        "better": {
            name: "higher_is_better" if sign > 0 else "lower_is_better"
            for name, sign in zip((pair.offline, pair.online), signs, strict=True)
        },
        "versions": [
            {"version": version, "offline": float(x) * signs[0], "online": float(y) * signs[1]}
            for version, x, y in zip(pair.versions, pair.x, pair.y, strict=True)
        ],
        "sign_agreement": {
            "alike": one.agreement.alike,
            "changes": one.agreement.changes,
            "share": one.agreement.share,
            "interval": one.agreement.interval.model_dump(),
        },
        "spearman": {"value": one.spearman, "interval": told.spearman.model_dump()},
        "kendall": {"value": one.kendall, "interval": told.kendall.model_dump()},
        "p": one.p,
        "p_adjusted": one.adjusted,
        "prediction": {"error": told.prediction.error, "error_of_mean": told.prediction.error_of_mean},
        "verdict": one.verdict,
        "why": one.why,
    }
