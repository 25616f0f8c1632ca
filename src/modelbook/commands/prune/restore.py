"""`modelbook prune restore`: bring back what a plan deleted."""

import click

from modelbook.adapters.pruning import restore
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say
from modelbook.commands._workspace import json_option, open_workspace, registry_option
from modelbook.core.listed import many
from modelbook.errors import Exit


@click.command(name="restore", short_help="Bring back what a plan deleted.")
@click.argument("plan", metavar="PLAN")
@registry_option
@json_option
def command(plan: str, registry_folder: str | None, as_json: bool) -> int:
    """Bring back all that PLAN (its twelve digits) deleted, until it is purged. One that was broken off is over then.

    Exit status 1 if anything of it is gone for good.

    \b
    Example:
      modelbook prune restore 1a2b3c4d5e6f
    """
    count, lost = restore(open_workspace(registry_folder).store, plan)
    set_outputs({"objects": str(count)})
    if as_json:
        print_json({"plan": plan, "restored": count, "lost": lost})
    say(f"plan {plan}: {many(count, 'object')} back where they were", as_json=as_json)
    for key in lost[:20]:
        say(f"  gone for good: {key}", as_json=as_json)
    return Exit.NO if lost else Exit.YES
