"""`modelbook trust`: who may sign what, and who may change that, one module a subcommand."""

import click

from modelbook.commands.trust import add, init, refresh, revoke, rotate, show, sign


@click.group(name="trust", short_help="Show and change who may sign what.")
def command() -> None:
    """Who may sign what (trust.yaml). A change is proposed, and stays red until as many people signed it as must.

    \b
    Example:
      modelbook trust show
    """


for each in (show, init, add, rotate, refresh, revoke, sign):
    command.add_command(each.command)
