"""`modelbook runs`: what is being trained, and how far it has come."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from pydantic import JsonValue

from modelbook.adapters.registry_folder import FOLDER
from modelbook.adapters.store import Store
from modelbook.commands._console import print_json, print_table, say
from modelbook.commands._fetching import fetch_all, whole_folder
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
from modelbook.commands._run_finding import all_runs, all_states
from modelbook.commands._workspace import json_option, open_workspace, registry_option
from modelbook.core.layout import POLICY
from modelbook.core.names import person_in
from modelbook.core.queries.fields import RUN_FIELDS
from modelbook.core.queries.selecting import in_order
from modelbook.core.runs.run_log import (
    ArtifactStored,
    CheckpointStored,
    Event,
    FileStored,
    MetricsLogged,
    NoteWritten,
    ParamsLogged,
    RunEnded,
    RunStarted,
)
from modelbook.core.runs.run_state import RunState, replay
from modelbook.core.storage import artifact_key, file_key, run_key
from modelbook.errors import BadInput, Exit
from modelbook.training.by_hand import root_of, store_by_hand
from modelbook.training.run_reader import read_events

POLL = 2.0  # seconds between two looks at a run that is followed: about as often as its log grows


@click.group(name="runs", short_help="List runs, or follow one.", invoke_without_command=True)
@click.option("--experiment", metavar="NAME", help="Only runs of this experiment.")
@click.option(
    "--status", type=click.Choice(["running", "completed", "failed", "killed", "pruned"]), help="Only such runs."
)
@registry_option
@json_option
@click.pass_context
def command(
    context: click.Context, experiment: str | None, status: str | None, registry_folder: str | None, as_json: bool
) -> int:
    """List the runs in the store, the newest first. Exit status 1 if one could not be read.

    \b
    Examples:
      modelbook runs --experiment digits
      modelbook runs show 20261123t120000-1a2b3c4d --follow
    """
    if context.invoked_subcommand:
        return Exit.YES
    states, findings = all_states(_store(registry_folder))
    wanted = [
        state for state in states if experiment in {None, state.start.experiment} and status in {None, state.status}
    ]
    empty = "No such run." if states else "No run yet: `modelbook train SCRIPT`."
    if as_json:
        metrics = [{name: point.value for name, point in state.metrics.items()} for state in wanted]
        print_json([_row(state) | {"metrics": found} for state, found in zip(wanted, metrics, strict=True)])
    else:
        print_table([_row(state) for state in wanted], as_json=False, empty=empty)
    return tell_findings(findings)


@command.command()
@click.argument("condition", required=False)
@finding_options
@registry_option
def find(condition: str | None, asked: Asked, registry_folder: str | None) -> int:
    """Find the runs that meet CONDITION, in CEL as in gates; without one, all of them.

    A run without a number that the condition names is not found. Exit status 1 if a run could not be read.

    \b
    Examples:
      modelbook runs find 'status == "completed" && metrics.loss < 0.1' --sort metrics.loss
      modelbook runs find 'params.lr > 0.01' --columns run,params.lr,metrics.loss --format csv
    """
    if asked.list_fields:
        print_fields(RUN_FIELDS, asked.form, asked.output)
        return Exit.YES
    query, order = query_of(condition, RUN_FIELDS), order_of(asked.sort, RUN_FIELDS)
    shown = columns_of(asked.columns, query, order, ("run", "experiment", "status"), ("started",), RUN_FIELDS)
    store = _store(registry_folder)
    told, findings = all_runs(store)
    verdicts = judged_apart(query, RUN_FIELDS, told) if query else [True for _ in told]
    found = [facts for facts, verdict in zip(told, verdicts, strict=True) if verdict is True]
    rows = [flat(facts, shown) for facts in (in_order(found, order) if order else found)[: asked.limit]]
    print_rows(rows, shown, asked.form, asked.output, empty="No such run." if told else "No run yet.")
    names = {field: sorted({name for facts in told for name in facts[field]}) for field in ("metrics", "params")}
    tell_unknown(query, names)
    tell_unsure([why for why in verdicts if isinstance(why, str)])
    return tell_findings(findings)


@command.command()
@click.argument("run_id", metavar="ID")
@click.option("--follow", is_flag=True, help="Go on printing what the run logs, until it ends.")
@registry_option
@json_option
def show(run_id: str, follow: bool, registry_folder: str | None, as_json: bool) -> int:
    """Show what a run logged, while it runs or afterwards. With --follow, exit status 1 if it did not complete.

    \b
    Example:
      modelbook runs show 20261123t120000-1a2b3c4d --follow
    """
    run_key(run_id)  # refuses an id that is no id
    store = _store(registry_folder)
    if as_json and not follow:
        print_json(replay(_events(store, run_id)).model_dump(mode="json", exclude_none=True))
        return Exit.YES
    ended: RunEnded | None = None
    for event in _followed(store, run_id) if follow else _events(store, run_id):
        ended = event if isinstance(event, RunEnded) else None
        if as_json:
            click.echo(event.model_dump_json(exclude_none=True))
        elif line := _line(event):
            say(line)
    return Exit.YES if not follow or (ended and ended.status == "completed") else Exit.NO


@command.command()
@click.argument("run_id", metavar="ID")
@click.argument("target", required=False, type=click.Path(path_type=Path))
@registry_option
@json_option
def files(run_id: str, target: Path | None, registry_folder: str | None, as_json: bool) -> None:
    """List the files of a run: its plots and tables, and those of its model. With TARGET, write them there.

    What a run keeps is not signed: a file is checked against the digest in the run's own log. A model that was
    registered is pulled with `modelbook pull`.

    \b
    Examples:
      modelbook runs files 20261123t120000-1a2b3c4d
      modelbook runs files 20261123t120000-1a2b3c4d ./files
    """
    run_key(run_id)  # refuses an id that is no id
    store = _store(registry_folder)
    state = replay(_events(store, run_id))
    kept = [(f"files/{file.path}", file, file_key(run_id, file.path, file.digest)) for file in state.files]
    kept += [(f"artifacts/{file.path}", file, artifact_key(run_id, file.path)) for file in state.artifacts]
    if target:
        with whole_folder(target) as scratch:
            fetch_all(
                store,
                f"fetching the files of {run_id}",
                [(key, path, file.digest, file.size) for path, file, key in kept],
                scratch,
            )
    rows = [{"path": path, "size": file.size, "digest": file.digest} for path, file, _ in kept]
    print_table(rows, as_json=as_json, empty="The run has kept no files.")
    if target:
        say(f"{len(rows)} files, all as logged, in {target}", as_json=as_json)


def _events(store: Store, run_id: str) -> list[Event]:
    if events := read_events(store, run_id):
        return events
    raise BadInput(f"there is no run {run_id} in the store", where=store.uri, remedy="See `modelbook runs`.")


def _followed(store: Store, run_id: str) -> Iterator[Event]:
    """The events of a run as they arrive, the last of them its end."""
    seen = 0
    while True:
        events = _events(store, run_id)
        yield from events[seen:]
        seen = len(events)
        if isinstance(events[-1], RunEnded):
            return
        time.sleep(POLL)


def _store(registry_folder: str | None) -> Store:
    """The registry's store; without a registry, that of the scripts and notebooks which were started by hand here."""
    try:
        return open_workspace(registry_folder).store
    except BadInput:
        root = root_of(Path.cwd())
        by_hand = store_by_hand(root)
        if registry_folder or (root / FOLDER / POLICY).exists() or next(iter(by_hand.list("runs/")), None) is None:
            raise
        return by_hand


def _row(state: RunState) -> dict[str, object]:
    metrics = {name: f"{point.value:.4g}" for name, point in state.metrics.items()}
    return {
        "run": state.start.run,
        "experiment": state.start.experiment,
        "status": state.status,
        "started": state.started[:19] + "Z",
        "by": person_in(state.start.user),
        "branch": state.start.code.branch,
        "metrics": ", ".join(f"{name} {value}" for name, value in list(metrics.items())[:3]) or None,
    }


def _params(params: Mapping[str, JsonValue]) -> str:
    return ": " + ", ".join(f"{name}={json.dumps(value)}" for name, value in params.items()) if params else ""


def _line(event: Event) -> str | None:
    """An event as a person reads it; None for what says nothing by itself."""
    if isinstance(event, RunStarted):
        return f"{event.time}  attempt {event.attempt} on {event.host}{_params(event.params)}"
    if isinstance(event, ParamsLogged):
        return f"{event.time}  parameters{_params(event.params)}"
    if isinstance(event, MetricsLogged):
        values = ", ".join(f"{name} {value:.6g}" for name, value in event.values.items())
        return f"{event.time}  {'' if event.step is None else f'step {event.step}: '}{values}"
    if isinstance(event, CheckpointStored):
        return f"{event.time}  checkpoint at step {event.step}"
    if isinstance(event, ArtifactStored | FileStored):
        return f"{event.time}  {event.file.path}, {event.file.size:,} bytes"
    if isinstance(event, NoteWritten):
        return f"{event.time}  note: {event.text}"
    if isinstance(event, RunEnded):
        return f"{event.time}  {event.status}{f': {event.error}' if event.error else ''}"
    return None
