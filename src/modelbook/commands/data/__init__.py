"""`modelbook data`: immutable dataset versions of a file or a folder, one module a subcommand."""

import click

from modelbook.commands.data import add, croissant, diff, pull, show
from modelbook.commands.data import list as list_


@click.group(name="data", short_help="Add, show, pull and compare dataset versions.")
def command() -> None:
    """Dataset versions: immutable, named by what they hold."""


for each in (add, list_, show, pull, diff, croissant):
    command.add_command(each.command)
