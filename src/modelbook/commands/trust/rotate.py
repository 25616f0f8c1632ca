"""`modelbook trust rotate`: a new key for somebody, in time."""

from pathlib import Path

import click

from modelbook.commands._workspace import forge_option, json_option, registry_option, signer_option
from modelbook.commands.trust._keys import key_options, parse_time, read_key
from modelbook.commands.trust._proposing import dry_run_option, open_trust, propose


@click.command(name="rotate", short_help="Give somebody a new key; the old one ends.")
@click.argument("name")
@key_options
@click.option(
    "--overlap", default="30d", show_default=True, metavar="TIME", help="How long the old key may still sign."
)
@click.option("--expires", metavar="TIME", help="When the new key ends: 2027-01-31, or 365d from now.")
@dry_run_option
@signer_option
@forge_option
@registry_option
@json_option
def command(
    name: str,
    key: Path | None,
    ssh: str | None,
    overlap: str,
    expires: str | None,
    dry_run: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Propose a new key for the owner of NAME, under the next name (NAME-2), wherever the old one counts.

    The old one ends after the overlap; what it signed until then goes on verifying. A lost or stolen key is for
    `modelbook trust revoke` as well.

    \b
    Example:
      modelbook trust rotate alice --key new.pem
    """
    if (key is None) == (ssh is None):
        raise click.UsageError("Give the new key: --key FILE or --ssh FILE, one of them.")
    opened = open_trust(registry_folder)
    fields, held = read_key(key, ssh)
    opened.draft.rotate(
        name, {**fields, "expires": parse_time(expires) if expires else None}, until=parse_time(overlap)
    )
    also = [held] if held else []
    propose(opened, signer=signer, forge_name=forge_name, dry_run=dry_run, as_json=as_json, also=also)
