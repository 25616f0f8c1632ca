"""`modelbook plan`: what waits to be done, as a workflow's matrix reads it. Running it twice does no harm."""

import json

import click

from modelbook.adapters.clock import now
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import json_option, open_workspace, registry_option, rev_option
from modelbook.core.planning import plan


@click.command(short_help="List what waits to be done.")
@rev_option
@registry_option
@json_option
def command(rev: str, registry_folder: str | None, as_json: bool) -> None:
    """List evaluations that were not made, and versions that an automatic stage may take.

    \b
    Example:
      modelbook plan --json
    """
    workspace = open_workspace(registry_folder, rev=rev)
    refuse("the registry", workspace.findings)
    todo = plan(workspace.registry, now=now())
    fields = {
        "evaluate": [{"version": f"{one.model}@{one.version}", "suite": one.name} for one in todo.evaluations],
        "promote": [{"version": f"{one.model}@{one.version}", "stage": one.name} for one in todo.promotions],
    }
    set_outputs({name: json.dumps(value) for name, value in fields.items()})
    if as_json:
        print_json(fields)
        return
    for one in todo.evaluations:
        say(f"modelbook evaluate {one.model}@{one.version} --suite {one.name}")
    for one in todo.promotions:
        say(f"modelbook promote {one.model}@{one.version} --to {one.name}")
    if not todo.evaluations and not todo.promotions:
        say("Nothing waits.")
