"""`modelbook sweep`: many trainings with other parameters each, and which of them is the best."""

import click

from modelbook.commands.sweep import plan, report, run, trial


@click.group(name="sweep", short_help="Search for the best parameters.")
def command() -> None:
    """Train with many settings of the parameters, as a sweep file says, and find the best.

    Each trial is a run, and the runs are all there is: whoever asks for the next trial reads them from the store.

    \b
    Examples:
      modelbook sweep run sweep.yaml --parallel 2
      modelbook sweep report sweep.yaml
    """


for each in (run, plan, trial, report):
    command.add_command(each.command)
