"""`modelbook trust init`: say who may change trust.yaml from now on."""

import click

from modelbook.commands._workspace import forge_option, json_option, registry_option, signer_option
from modelbook.commands.trust._proposing import dry_run_option, open_trust, propose


@click.command(name="init", short_help="Say who may change who is trusted: the root.")
@click.argument("names", nargs=-1, required=True, metavar="SIGNER...")
@click.option(
    "--threshold", type=click.IntRange(1, 20), default=1, show_default=True, help="How many people must sign."
)
@dry_run_option
@signer_option
@forge_option
@registry_option
@json_option
def command(
    names: tuple[str, ...],
    threshold: int,
    dry_run: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Make the root of SIGNERs of trust.yaml, or put another in its place: so many of them must sign each change of it.

    Without a root, whoever may merge may change whom the registry trusts.

    \b
    Example:
      modelbook trust init alice bob carol --threshold 2
    """
    opened = open_trust(registry_folder)
    opened.draft.root(names, threshold)
    propose(opened, signer=signer, forge_name=forge_name, dry_run=dry_run, as_json=as_json)
