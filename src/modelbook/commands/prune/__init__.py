"""`modelbook prune`: delete from the store what nobody names and no rule keeps; plan, apply, restore."""

import click

from modelbook.commands.prune import apply, plan, restore


@click.group(name="prune", short_help="Delete from the store what nobody names.")
def command() -> None:
    """Delete from the store what nobody names and no rule of `keep` in policy.yaml keeps.

    What a card on any branch, tag or open pull request names is never deleted, nor what is younger than the grace
    period. What was deleted can be brought back for as many days as the policy says.

    \b
    Examples:
      modelbook prune plan -o plan.json
      modelbook prune apply plan.json --yes
      modelbook prune restore 1a2b3c4d5e6f
    """


for each in (plan, apply, restore):
    command.add_command(each.command)
