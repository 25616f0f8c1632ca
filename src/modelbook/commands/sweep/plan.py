"""`modelbook sweep plan`: the trials of the next round, as a workflow's matrix reads them."""

import json
import os
from pathlib import Path

import click

from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say
from modelbook.commands._sweeping import Sweeping, open_sweep
from modelbook.commands._workspace import json_option, registry_option
from modelbook.core.sweep_rounds import Round, next_round
from modelbook.errors import BadInput, Exit


@click.command(name="plan", short_help="List the trials of the next round.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--dispatch",
    is_flag=True,
    help="In a workflow: start this very workflow once more where a round is left, with its inputs.",
)
@click.option("--register-best", metavar="MODEL", help="With --dispatch: hand this on to the next round.")
@registry_option
@json_option
def command(file: Path, dispatch: bool, register_best: str | None, registry_folder: str | None, as_json: bool) -> int:
    """List the trials of FILE to train now: new ones, those that were killed, then the best with other seeds.

    At most 256, as a matrix takes them; more come in the next round. Exit status 1 where going on makes no sense.

    \b
    Example:
      modelbook sweep plan sweep.yaml --json
    """
    sweeping = open_sweep(file, registry_folder, begin=True)
    found = next_round(sweeping.sweep, sweeping.trials)
    legs = [{"trial": str(leg)} for leg in found.legs]
    set_outputs({"trials": json.dumps(legs), "stage": found.stage, "sweep": sweeping.sweep.name})
    if dispatch and found.legs:
        _dispatch(sweeping, register_best)
    if as_json:
        print_json({"sweep": sweeping.sweep.name, "stage": found.stage, "trials": legs, "why": found.why})
    else:
        _tell(file, found)
    return Exit.NO if found.broken else Exit.YES


def _tell(file: Path, found: Round) -> None:
    for leg in found.legs:
        say(f"modelbook sweep trial {file} {leg}")
    if found.why:
        say(f"the search is over: {found.why}")
    if found.stage == "over":
        say(f"Nothing is left to train: `modelbook sweep report {file}`." if not found.broken else "It stops here.")


def _dispatch(sweeping: Sweeping, register_best: str | None) -> None:
    """Start the workflow that this job is of once more, at the same commit. A job that is repeated starts no second."""
    from modelbook.adapters.github_forge import open_github_forge

    env = os.environ
    workflow = env.get("GITHUB_WORKFLOW_REF", "").partition("@")[0].rpartition("/")[2]
    branch = env.get("GITHUB_REF", "").removeprefix("refs/heads/")
    run = env.get("GITHUB_RUN_ID", "")
    if not workflow or not run or branch.startswith("refs/"):
        raise BadInput("--dispatch goes with a workflow on a branch", remedy="On a laptop: modelbook sweep run FILE.")
    inputs = {"file": str(sweeping.path), "commit": sweeping.workspace.commit, "after": run}
    inputs |= {"register-best": register_best} if register_best else {}
    title = f"Sweep {sweeping.path}, after run {run}"
    open_github_forge(sweeping.workspace.repository).dispatch(workflow, branch, inputs, title=title)
