"""`modelbook train`: run a training script as a run, with its code, data, parameters and environment on record."""

import json
import os
from pathlib import Path

import click
from pydantic import JsonValue, TypeAdapter, ValidationError

from modelbook.commands._pulling import refuse
from modelbook.commands._training import Asked, report_run, train_run
from modelbook.commands._workspace import Workspace, json_option, open_workspace, registry_option
from modelbook.core.names import check_name
from modelbook.core.records import RunId, Tag
from modelbook.core.runs.run_log import RunStarted
from modelbook.core.runs.run_state import replay
from modelbook.core.storage import run_key
from modelbook.errors import BadInput
from modelbook.training.run_id import new_run_id
from modelbook.training.run_reader import read_events
from modelbook.training.torchrun import gpus

_MOST_PROCESSES = 1024  # on one machine


class _Train(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            message = f"{error.format_message()} Options of the script itself come after `--`."
            raise click.UsageError(message, ctx) from None


@click.command(cls=_Train, short_help="Train a model and keep all that it was made from.")
@click.argument("entry_point", metavar="ENTRY", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGS]...")
@click.option(
    "--experiment",
    metavar="NAME",
    help="What the run belongs to.  [default: the script's name; its folder's for train.py and main.py]",
)
@click.option(
    "--data",
    "datasets",
    multiple=True,
    metavar="REF[:ROLE]",
    help="A dataset version, as in digits@1, or digits@1:test; roles are train, validation and test.",
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; the value is JSON or text.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seeds Python, NumPy and torch.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be given more than once.")
@click.option("--deterministic", is_flag=True, help="Allow only kernels that repeat their result bit for bit.")
@click.option(
    "--nproc",
    metavar="N|gpu",
    help="Train in N processes that torchrun starts, or in one a GPU.  [default: one, without torchrun]",
)
@click.option("--run-id", metavar="ID", help="Name the run; go on with it if it has begun.  [default: a new id]")
@click.option("--resume", metavar="ID", help="Go on with a run as it began; ENTRY and options may be left out.")
@click.option("--force", is_flag=True, help="Go on with other code, data or parameters, and say so in the record.")
@click.option(
    "--allow-dirty",
    is_flag=True,
    help="Train code that is not committed or not pushed, and store it with the model as a patch.",
)
@registry_option
@json_option
def command(
    entry_point: str | None,
    arguments: tuple[str, ...],
    experiment: str | None,
    datasets: tuple[str, ...],
    params: tuple[str, ...],
    seed: int | None,
    tags: tuple[str, ...],
    deterministic: bool,
    nproc: str | None,
    run_id: str | None,
    resume: str | None,
    force: bool,
    allow_dirty: bool,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Run the script ENTRY in a process of its own; what it logs through `modelbook.run()` goes to the store.

    Options come before ENTRY or after it; what follows `--` is handed to the script. A run that was cut short goes on
    from its last checkpoint, where the script asks for it: saver.restore().

    \b
    Examples:
      modelbook train train.py --data digits@1 --param hidden=64 --seed 1
      modelbook train --resume 20261123t120000-1a2b3c4d
    """
    workspace = open_workspace(registry_folder)
    refuse("the registry", workspace.findings)
    began = _began(workspace, resume, run_id) if resume else None
    entry_point = entry_point or (began.code.entry_point if began else None)
    if not entry_point:
        raise click.UsageError("Give ENTRY, the Python file that trains the model, or --resume ID.")
    if began:
        arguments, seed = arguments or began.arguments, began.seed if seed is None else seed
        datasets = datasets or tuple(f"{use.dataset}@{use.version}:{use.role}" for use in began.datasets)
        experiment, tags = experiment or began.experiment, tags or began.tags
        deterministic = deterministic or began.deterministic
    processes = _processes(nproc) if nproc or not began else began.processes
    result = train_run(
        workspace,
        Asked(
            run=resume or (_run_id(run_id) if run_id else new_run_id(os.environ)),
            entry_point=entry_point,
            experiment=experiment or _experiment(entry_point),
            datasets=datasets,
            params=(began.params if began else {}) | _params(params),
            seed=seed,
            tags=_tags(tags),
            arguments=arguments,
            deterministic=deterministic,
            processes=processes,
            trial=began.trial if began else None,
        ),
        force=force,
        allow_dirty=allow_dirty,
        as_json=as_json,
    )
    return report_run(workspace, result, as_json=as_json)


def _began(workspace: Workspace, run: str, run_id: str | None) -> RunStarted:
    """How the last attempt at `run` was started."""
    if run_id:
        raise click.UsageError("Give --resume ID or --run-id ID, not both.")
    run_key(run)  # refuses an id that is no id
    events = read_events(workspace.store, run)
    if not events:
        raise BadInput(f"there is no run {run} in the store", where=workspace.store.uri, remedy="See `modelbook runs`.")
    return replay(events).start


def _processes(text: str | None) -> int | None:
    """What `--nproc` asks for; None where it is not given."""
    if text is None or text == "gpu":
        return gpus() if text else None
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= _MOST_PROCESSES:
        raise BadInput(f"--nproc {text[:20]} is no number of processes", remedy="Give a number, or gpu for one a GPU.")
    return int(text)


def _params(texts: tuple[str, ...]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise BadInput(f"{text!r} is not a parameter", remedy="Write --param NAME=VALUE.")
        if name in found:
            raise BadInput(f"the parameter {name!r} is given twice")
        try:
            found[name] = json.loads(value, parse_constant=lambda constant: constant)
        except json.JSONDecodeError:
            found[name] = value
    return found


def _run_id(text: str) -> str:
    try:
        return TypeAdapter[str](RunId).validate_python(text)
    except ValidationError:
        raise BadInput(
            f"{text[:110]!r} is not an id for a run",
            remedy="Ids are 1 to 100 of a-z, 0-9 and '-', and neither begin nor end with '-'.",
        ) from None


def _tags(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The tags, refused now rather than after hours of training if no card could hold them."""
    for text in texts:
        try:
            TypeAdapter(Tag).validate_python(text)
        except ValidationError:
            raise BadInput(f"{text!r} is not a tag", remedy="Tags are letters, digits and _ . : / + -.") from None
    return texts


def _experiment(entry_point: str) -> str:
    """The entry point's file name (its folder's, if it is called train or main) as a name."""
    path = Path(entry_point).absolute()
    stem = path.stem if path.stem not in {"train", "main"} else path.parent.name
    name = "".join(char if char.isascii() and char.isalnum() else "-" for char in stem.lower()).strip("-")[:63]
    return check_name(name or "experiment", "experiment")
