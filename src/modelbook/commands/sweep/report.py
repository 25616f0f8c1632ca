"""`modelbook sweep report`: which trial is the best, how sure that is, and what mattered."""

from pathlib import Path

import click

from modelbook.adapters.workflow import publish_text, set_outputs
from modelbook.commands._console import print_json, print_table, say
from modelbook.commands._registering import RECORD_LIMIT, register_run
from modelbook.commands._sweeping import Sweeping, open_sweep
from modelbook.commands._workspace import forge_option, json_option, registry_option, signer_option
from modelbook.core.digests import digest_of
from modelbook.core.names import check_name
from modelbook.core.storage import run_key
from modelbook.core.sweeps.search_space import fits
from modelbook.core.sweeps.sweep_markdown import shown, sweep_markdown
from modelbook.core.sweeps.sweep_report import SweepReport, description_of, report_of
from modelbook.core.sweeps.sweep_rounds import MEND
from modelbook.errors import BadInput, Exit

_SHOWN = 10


@click.command(name="report", short_help="Show the best trial, and what mattered.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--pictures", type=click.Path(path_type=Path), metavar="FOLDER", help="Draw pictures into this folder.")
@click.option("--register-best", metavar="MODEL", help="Register the best trial once the sweep is over.")
@signer_option
@forge_option
@registry_option
@json_option
def command(
    file: Path,
    pictures: Path | None,
    register_best: str | None,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Show how the sweep FILE stands: the best trials, the importance of each parameter, what failed and why.

    With --pictures also the history, parallel coordinates, importance and a contour of the two parameters that matter
    most, as PNG. Exit status 1 where no trial has a value.

    \b
    Examples:
      modelbook sweep report sweep.yaml --pictures pictures
      modelbook sweep report sweep.yaml --register-best fraud
    """
    if register_best:
        check_name(register_best, "registered model")
    sweeping = open_sweep(file, registry_folder, begin=False)
    report = make_report(sweeping)
    drawn = _draw(sweeping, report, pictures) if pictures else []
    publish_text(sweep_markdown(report, pictures=f"the run's artifact ({', '.join(drawn)})" if drawn else None))
    _hand_on(sweeping, report)
    show(report, as_json=as_json, registers=bool(register_best))
    for name in drawn:
        say(f"  {pictures / name}" if pictures else name, as_json=as_json)
    if register_best:
        register_the_best(sweeping, report, register_best, signer, forge_name, as_json=as_json)
    return Exit.YES if report.best else Exit.NO


def make_report(sweeping: Sweeping) -> SweepReport:
    """The report by what the store says now."""
    from modelbook.adapters.optuna_study import importances

    sweep, trials = sweeping.sweep, sweeping.trials
    used = sum(fits(sweep, one.params) is not None for one in sweeping.inherited)
    return report_of(sweep, trials, importances(sweep, trials), inherited=used)


def _draw(sweeping: Sweeping, report: SweepReport, folder: Path) -> list[str]:
    from modelbook.adapters.optuna_pictures import draw

    found = draw(sweeping.sweep, sweeping.trials, report.importances)
    folder.mkdir(parents=True, exist_ok=True)
    for name, png in found.items():
        (folder / name).write_bytes(png)
    return list(found)


def _hand_on(sweeping: Sweeping, report: SweepReport) -> None:
    """To the job that registers: what it needs, and nothing before the sweep is over."""
    best = report.best
    if best is None or not report.settled:
        set_outputs({"run": "", "digest": "", "description": "", "tag": ""})
        return
    record = sweeping.workspace.store.read_bytes(run_key(best.trial.run), limit=RECORD_LIMIT)
    known = {"run": best.trial.run, "digest": digest_of(record)}
    set_outputs(known | {"description": description_of(report), "tag": _tag(report)})


def _tag(report: SweepReport) -> str:
    return f"sweep:{report.sweep.name}"


def register_the_best(
    sweeping: Sweeping, report: SweepReport, model: str, signer: str, forge_name: str, *, as_json: bool
) -> None:
    """Register the best trial of a sweep that is over, and tell of it. Raises BadInput where it is not over."""
    best = report.best
    if best is None or not report.settled:
        why = (
            "no trial has a value"
            if report.round.stage == "over"
            else f"the sweep is not over: {len(report.round.legs)} to train"
        )
        raise BadInput(why, where=str(sweeping.path), remedy=f"modelbook sweep run {sweeping.path}")
    register_run(
        sweeping.workspace,
        model,
        best.trial.run,
        signer=signer,
        forge_name=forge_name,
        description=description_of(report),
        tags=(_tag(report),),
        as_json=as_json,
    )


def show(report: SweepReport, *, as_json: bool, registers: bool) -> None:
    """The report for a person, or for a program; where the best trial `registers`, the JSON is of that alone."""
    if as_json:
        if not registers:
            print_json(report.as_json())
        return
    sweep, best = report.sweep, report.best
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items()) or "no trial yet"
    say(f"{sweep.name}: {counts}; {report.hours:.2f} GPU hours")
    names = [one.name for one in report.varied]
    rows = [
        {
            "trial": str(one.trial.leg),
            sweep.metric.name: f"{one.mean:.6g}",
            "±": None if one.deviation is None else f"{one.deviation:.2g}",
            "other seeds": len(one.others),
            "chosen by": f"{one.chosen_by:.6g}",
            **{name: shown(one.trial, name) for name in names},
        }
        for one in report.places[:_SHOWN]
    ]
    print_table(rows, as_json=False, empty="No trial has a value yet.")
    if report.importances:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in report.importances.items())
        say(f"importance (fANOVA): {shares}")
    for problem, legs in report.problems.items():
        say(f"warning: trial {', '.join(legs[:8])}: {problem}")
    if len(report.commits) > 1:
        say(f"warning: the trials were trained by the code of {len(report.commits)} commits")
    if report.round.why:
        say(f"the search is over: {report.round.why}")
    if report.round.broken:
        say(f"  {MEND}")
    elif report.round.legs:
        say(f"  next: {len(report.round.legs)} to train")
    elif best and report.settled and not registers:
        say(f"  next: modelbook register MODEL --run {best.trial.run}")
