"""`modelbook trust sign`: add one's own signature to a trust.yaml that is proposed."""

import click

from modelbook.adapters.clock import now
from modelbook.commands._workspace import forge_option, json_option, registry_option, signer_option
from modelbook.commands.trust._proposing import branch_of, dry_run_option, open_trust, show_difference, submit
from modelbook.commands.trust._signing import root_signers, sign_at_hand
from modelbook.core.documents import load
from modelbook.core.layout import TRUST, TRUSTED_ROOT, trust_signature_path
from modelbook.core.registry import Registry
from modelbook.core.trust import Trust
from modelbook.core.trust_change import check_trust_change
from modelbook.errors import BadInput, Refused


@click.command(name="sign", short_help="Sign the trust.yaml that is proposed.")
@click.option(
    "--key", metavar="PATH", help="An SSH key to sign with.  [default: the one that git signs with, else yours]"
)
@dry_run_option
@signer_option
@forge_option
@registry_option
@json_option
def command(
    key: str | None,
    dry_run: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Show the trust.yaml that is proposed as the next version, and sign it: as a key of the root, present or new.

    \b
    Example:
      modelbook trust sign
    """
    opened = open_trust(registry_folder)
    workspace, base = opened.workspace, opened.base
    branch = branch_of(base.trust.version + 1)
    forge = workspace.forge(forge_name)
    commit = forge.proposed(branch).get(branch)
    if commit is None:
        raise BadInput(
            f"nothing is proposed after version {base.trust.version} of trust.yaml: there is no branch {branch}",
            where=workspace.path(TRUST),
            remedy="Run this on the branch that it is to be merged into, after fetching both.",
        )
    data = forge.read(commit, workspace.path(TRUST)) or b""
    proposed = load(Trust, data, f"{branch}:{workspace.path(TRUST)}")
    names = sorted({one.name for one in root_signers(base.trust, proposed)})
    beside = [trust_signature_path(name, ssh=ssh) for name in names for ssh in (False, True)]
    found = {path: forge.read(commit, workspace.path(path)) for path in (*beside, TRUSTED_ROOT)}
    files = {TRUST: data} | {path: held for path, held in found.items() if held is not None}
    head = Registry(files, workspace.folder)
    show_difference(base, head, as_json=as_json)
    if dry_run:
        return
    bad = {finding.path for finding in check_trust_change(base, head, now=now()).findings}
    good = {path: held for path, held in files.items() if path not in beside or head.shown(path) not in bad}
    made = sign_at_hand(base.trust, head, signer=signer, ssh_key=key, folder=workspace.repository.root)
    if not made:
        raise Refused(
            "no key at hand belongs to the root of trust.yaml",
            where=workspace.path(TRUST),
            remedy=f"These may sign it: {', '.join(names) or 'nobody; it has no root'}. Name a key: --signer or --key.",
        )
    head = Registry({**made, **good}, workspace.folder)  # what is signed already is not signed again
    submit(workspace, base, head, forge_name, as_json=as_json)
