"""`modelbook import`: what other registries hold, one module a kind."""

import click

from modelbook.commands.import_ import gto, mlflow


@click.group(name="import", short_help="Bring the models of another registry here.")
def command() -> None:
    """Bring the models of another registry here: their files, and what is said of them.

    What comes is checked like any run: no pickle, sound weights. Nothing of the other registry is run or changed. Its
    metrics are its own claims, so a version that came has to be evaluated here before it is promoted.

    \b
    Examples:
      modelbook import mlflow --tracking-uri https://mlflow.acme.example --dry-run
      modelbook import gto ../models --dry-run
    """


for each in (mlflow, gto):
    command.add_command(each.command)
