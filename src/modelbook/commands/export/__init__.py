"""`modelbook export`: a version in the form of another tool, one module a form."""

import click

from modelbook.commands.export import cyclonedx, hf, mlflow


@click.group(name="export", short_help="Write a version in the form of another tool.")
def command() -> None:
    """Write a version in the form of another tool.

    Only what verifies leaves: its signatures, and every byte that is copied. A revoked version does not leave at all.

    \b
    Examples:
      modelbook export hf fraud@production ./hub --license apache-2.0
      modelbook export cyclonedx fraud@production -o fraud.cdx.json
    """


for each in (hf, cyclonedx, mlflow):
    command.add_command(each.command)
