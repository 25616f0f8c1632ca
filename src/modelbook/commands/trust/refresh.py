"""`modelbook trust refresh`: by what keyless signatures are checked, as Sigstore has it now."""

from pathlib import Path

import click

from modelbook.adapters.sigstore_root import fetch_trusted_root, read_trusted_root
from modelbook.commands._console import print_json, say
from modelbook.commands._workspace import forge_option, json_option, registry_option, signer_option
from modelbook.commands.trust._proposing import dry_run_option, open_trust, propose
from modelbook.core.digests import digest_of
from modelbook.core.layout import TRUSTED_ROOT


@click.command(name="refresh", short_help="Fetch the roots by which keyless signatures are checked.")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take it from a trusted root or client trust config, as of an instance of your own.",
)
@dry_run_option
@signer_option
@forge_option
@registry_option
@json_option
def command(
    source: Path | None,
    dry_run: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Propose the present trusted_root.json of Sigstore, and its digest in trust.yaml.

    It comes from Sigstore's public instance, over TUF, each of whose signatures is checked. What stands goes on
    verifying: a new root keeps the old logs and authorities, with the time until which they count.

    \b
    Examples:
      modelbook trust refresh
      modelbook trust refresh --from client.json      # an instance of your own
    """
    opened = open_trust(registry_folder)
    root = read_trusted_root(source) if source else fetch_trusted_root()
    digest = digest_of(root)
    if opened.base.files.get(TRUSTED_ROOT) == root and opened.base.trust.sigstore == digest:
        if as_json:
            print_json({"trust": "", "sigstore": digest})
        else:
            say(f"{opened.workspace.path(TRUSTED_ROOT)} is the present one already: {digest}")
        return
    opened.draft.trusted_root(digest)
    propose(opened, signer=signer, forge_name=forge_name, dry_run=dry_run, as_json=as_json, root=root)
