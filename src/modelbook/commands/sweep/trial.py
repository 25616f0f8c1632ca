"""`modelbook sweep trial`: one trial of a sweep, begun or gone on with."""

from pathlib import Path

import click

from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say
from modelbook.commands._sweeping import asked, open_sweep
from modelbook.commands._training import report_run, train_run
from modelbook.commands._workspace import json_option, registry_option
from modelbook.core.sweeps.trials import parse_leg
from modelbook.errors import Exit


@click.command(name="trial", short_help="Train one trial of a sweep.")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("trial")
@click.option("--allow-dirty", is_flag=True, help="Train code that is not committed or not pushed, and store it.")
@registry_option
@json_option
def command(file: Path, trial: str, allow_dirty: bool, registry_folder: str | None, as_json: bool) -> int:
    """Train TRIAL of the sweep FILE, as `modelbook sweep plan` names it.

    Its parameters are chosen as it starts, by what all other trials have logged until then. A trial that was cut short
    goes on from its last checkpoint, with the parameters that it has; one that is over is left as it is.

    \b
    Example:
      modelbook sweep trial sweep.yaml 4
    """
    leg = parse_leg(trial)
    sweeping = open_sweep(file, registry_folder, begin=True)
    known = sweeping.of(leg)
    if known and known.status in {"completed", "pruned"}:
        return _is_over(known.run, known.status, f"trial {leg} is over: {known.status}", as_json=as_json)
    result = train_run(sweeping.workspace, asked(sweeping, leg), allow_dirty=allow_dirty, as_json=as_json)
    if result.status == "pruned":
        words = f"run {result.run_id} was stopped early: it would not have become the best"
        return _is_over(result.run_id, result.status, words, as_json=as_json)
    set_outputs({"status": result.status})
    return report_run(sweeping.workspace, result, as_json=as_json)


def _is_over(run: str, status: str, words: str, *, as_json: bool) -> int:
    told = {"run": run, "status": status}
    set_outputs(told)
    say(words, as_json=as_json)
    if as_json:
        print_json(told)
    return Exit.YES
