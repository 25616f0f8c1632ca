"""`modelbook sweep plan`: the trials of the next round, as a workflow's matrix reads them."""

import json
import os
from pathlib import Path

import click

from modelbook.adapters.git import Repository
from modelbook.adapters.workflow import event_inputs, in_workflow, set_outputs
from modelbook.commands._console import print_json, say
from modelbook.commands._sweeping import Sweeping, open_sweep
from modelbook.commands._workspace import json_option, registry_option
from modelbook.core.sweeps.sweep_rounds import MEND, Round, next_round
from modelbook.errors import BadInput, Exit, Refused


@click.command(name="plan", short_help="List the trials of the next round.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--dispatch-after",
    type=click.IntRange(0),
    metavar="N",
    help="In a workflow: start it once more where a round is left and more than N attempts have begun.",
)
@registry_option
@json_option
def command(file: Path, dispatch_after: int | None, registry_folder: str | None, as_json: bool) -> int:
    """List the trials of FILE to train now: those that were killed, new ones, then the best with other seeds.

    At most 256, as a matrix takes them; more come in the next round. All are trained by the code of the commit that the
    first one was trained by. Exit status 1 where going on makes no sense.

    \b
    Example:
      modelbook sweep plan sweep.yaml --json
    """
    sweeping = open_sweep(file, registry_folder, begin=False)
    turn, begun = next_round(sweeping.sweep, sweeping.trials), sum(one.attempts for one in sweeping.trials)
    commit = _commit(sweeping)
    trials = [{"trial": str(leg)} for leg in turn.legs]
    outputs = {"trials": json.dumps(trials), "commit": commit, "begun": str(begun), "stage": turn.stage}
    set_outputs(outputs | {"sweep": sweeping.sweep.name})
    if as_json:
        known = {"sweep": sweeping.sweep.name, "stage": turn.stage, "why": turn.why}
        print_json(known | {"commit": commit, "begun": begun, "trials": trials})
    else:
        _tell(file, turn)
    if turn.broken:
        raise Refused(f"going on makes no sense: {turn.why}", where=str(file), remedy=MEND)
    if dispatch_after is not None and turn.legs:
        _dispatch(file, begun > dispatch_after)
    return Exit.YES


def _tell(file: Path, turn: Round) -> None:
    for leg in turn.legs:
        say(f"modelbook sweep trial {file} {leg}")
    if turn.why and not turn.broken:
        say(f"the search is over: {turn.why}")
    if turn.stage == "over" and not turn.broken:
        say(f"Nothing is left to train: `modelbook sweep report {file}`.")


def _commit(sweeping: Sweeping) -> str:
    """The commit whose code trains: that of the first trial, else the one that is checked out.

    What a log in the store says is only taken where the branch has such a commit.
    """
    workspace = sweeping.workspace
    first = next((one for one in sweeping.trials if one.commit), None)
    if first is None or first.commit is None:
        return workspace.commit
    if not workspace.repository.is_ancestor(first.commit, workspace.commit):
        raise BadInput(
            f"trial {first.leg} was trained by commit {first.commit[:12]}, which is not of this branch",
            where=str(sweeping.path),
            remedy="Check out the branch that the sweep began on, with all of its history; or "
            f"give the sweep another name and `inherit: [{sweeping.sweep.name}]`.",
        )
    return first.commit


def _dispatch(file: Path, went_on: bool) -> None:
    """Start the workflow of this job once more, with its inputs. A job that is repeated starts no second one."""
    from modelbook.adapters.github_forge import open_github_forge

    env = os.environ
    workflow = env.get("GITHUB_WORKFLOW_REF", "").partition("@")[0].rpartition("/")[2]
    branch = env.get("GITHUB_REF", "").removeprefix("refs/heads/")
    if not in_workflow() or not workflow or branch.startswith("refs/"):
        raise BadInput(
            "--dispatch-after goes with a workflow on a branch", remedy=f"On a laptop: modelbook sweep run {file}"
        )
    if not went_on:
        raise Refused(
            "no trial of this round has begun, and those of the next would not either",
            where=str(file),
            remedy="See why in the logs of its jobs, and run the workflow again.",
        )
    run = env["GITHUB_RUN_ID"]
    inputs = {"file": str(file)} | event_inputs() | {"after": run}
    title = f"Sweep {inputs['file']}, after run {run}"  # the `run-name` of the workflow, by which a run is found
    open_github_forge(Repository.find(Path.cwd())).dispatch(workflow, branch, inputs, title=title)
    say(f"the next round begins: {workflow}")
