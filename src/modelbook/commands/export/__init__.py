"""`modelbook export`: a version in the form of another tool, one module a form."""

import click

from modelbook.commands.export import cyclonedx, hf


@click.group(name="export", short_help="Write a version in the form of another tool.")
def command() -> None:
    """Write a version in the form of another tool.

    Only what verifies leaves: its signatures, and every byte that is copied. A revoked version does not leave at all.
    """


for each in (hf, cyclonedx):
    command.add_command(each.command)
