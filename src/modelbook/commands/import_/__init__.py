"""`modelbook import`: what other registries hold, one module a kind."""

import click

from modelbook.commands.import_ import mlflow


@click.group(name="import", short_help="Bring the models of another registry here.")
def command() -> None:
    """Bring the models of another registry here: their files, and what is said of them.

    What comes is checked like any run: no pickle, sound weights. Nothing of the other registry is run or changed. Its
    metrics are its own claims, so a version that came has to be evaluated here before it is promoted.
    """


for each in (mlflow,):
    command.add_command(each.command)
