"""`modelbook plan`: what waits to be done, as a workflow's matrix reads it. Running it twice does no harm."""

import json

import click

from modelbook.adapters.clock import now
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say
from modelbook.commands._proposing import evaluation_branch
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    rev_option,
)
from modelbook.commands.status import find_standings
from modelbook.core.planning import plan


@click.command(short_help="List what waits to be done.")
@click.option("--deployments", is_flag=True, help="List instead what is to be deployed. See `modelbook status`.")
@rev_option
@forge_option
@registry_option
@json_option
def command(deployments: bool, rev: str, forge_name: str, registry_folder: str | None, as_json: bool) -> None:
    """List evaluations that nobody made or proposed, and versions that an automatic stage may take.

    \b
    Example:
      modelbook plan --json
    """
    workspace = open_workspace(registry_folder, rev=rev)
    refuse("the registry", workspace.problems)
    if deployments:
        _deployments(workspace, forge_name, as_json)
        return
    registry, results = workspace.registry, dict[str, bytes | str]()
    for model in registry.models():
        results |= workspace.results(model, *registry.versions(model)[-1:])
    todo = plan(registry, now=now(), tenures=workspace.tenures(), results=results)
    proposed = workspace.forge(forge_name).proposed("evaluate/") if todo.evaluations else {}
    fields = {
        "evaluate": [
            {"version": f"{one.model}@{one.version}", "suite": one.name}
            for one in todo.evaluations
            if evaluation_branch(one.model, one.version, one.evaluation or one.name) not in proposed
        ],
        "promote": [{"version": f"{one.model}@{one.version}", "stage": one.name} for one in todo.promotions],
    }
    later = [
        {"version": f"{one.todo.model}@{one.todo.version}", "stage": one.todo.name, "from": one.opens}
        for one in todo.later
    ]
    set_outputs({name: json.dumps(value) for name, value in fields.items()})
    if as_json:
        print_json(fields | {"later": later})
        return
    for one in fields["evaluate"]:
        say(f"modelbook evaluate {one['version']} --suite {one['suite']}")
    for one in fields["promote"]:
        say(f"modelbook promote {one['version']} --to {one['stage']}")
    for one in later:
        say(f"modelbook promote {one['version']} --to {one['stage']}  # from {one['from']} on")
    if not any(fields.values()) and not later:
        say("Nothing waits.")


def _deployments(workspace: Workspace, forge: str, as_json: bool) -> None:
    """Read off git and the record of deployments, so that a push that was lost is made up for by the next."""
    found = find_standings(workspace, forge, workspace.registry.models())
    waiting = [{"model": one.model, "stage": one.stage} for one in found if one.waits]
    set_outputs({"deploy": json.dumps(waiting)})
    if as_json:
        print_json({"deploy": waiting})
        return
    for one in waiting:
        say(f"modelbook deploy {one['model']} --stage {one['stage']}")
    if not waiting:
        say("Nothing waits.")
