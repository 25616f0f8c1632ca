"""`modelbook online`: what users gave the versions of a model, one module a subcommand."""

import click

from modelbook.commands.online import add, check


@click.group(name="online", short_help="Keep what experiments found of users, and watch it.")
def command() -> None:
    """Results of A/B tests and shadow runs, signed beside the model; and whether they still agree with the gates.

    \b
    Examples:
      modelbook online add fraud --experiment spring --file results.csv --started 2026-10-01 --ended 2026-10-14
      modelbook online check fraud
    """


for each in (add, check):
    command.add_command(each.command)
