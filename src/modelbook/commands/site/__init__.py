"""`modelbook site`: the registry as pages that a person reads."""

import click

from modelbook.commands.site import build


@click.group(name="site", short_help="Make a static site of the registry.")
def command() -> None:
    """Make a static site of the registry, to be looked at from the disk or published by GitHub Pages.

    \b
    Example:
      modelbook site build --output site
    """


command.add_command(build.command)
