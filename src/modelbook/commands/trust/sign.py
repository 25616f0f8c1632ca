"""`modelbook trust sign`: add one's own signature to a trust.yaml that is proposed."""

import sys

import click

from modelbook.adapters.clock import now
from modelbook.commands._console import say
from modelbook.commands._workspace import forge_option, json_option, registry_option, signer_option
from modelbook.commands.trust._proposing import (
    LABELS,
    branch_of,
    open_trust,
    proposed_trust,
    report,
    show_difference,
)
from modelbook.commands.trust._signing import root_signers, sign_at_hand
from modelbook.core.layout import TRUST
from modelbook.core.registry import Registry
from modelbook.core.verifying.trust_change import check_trust_change
from modelbook.errors import BadInput, Exit, Refused


@click.command(name="sign", short_help="Sign the trust.yaml that is proposed.")
@click.option("--key", metavar="PATH", help="The SSH key to sign with.  [default: git's, else your own]")
@click.option("--yes", is_flag=True, help="Sign without being asked.")
@signer_option
@forge_option
@registry_option
@json_option
def command(
    key: str | None, yes: bool, signer: str, forge_name: str, registry_folder: str | None, as_json: bool
) -> int:
    """Show the trust.yaml that is proposed as the next version, and sign it: as a key of the root, present or new.

    \b
    Examples:
      modelbook trust sign
      modelbook trust sign --key ~/.ssh/id_ed25519 --yes
    """
    if not yes and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("There is no terminal to ask on. Look at `modelbook trust show --rev`, and give --yes.")
    opened = open_trust(registry_folder)
    workspace, base, forge = opened.workspace, opened.base, opened.workspace.forge(forge_name)
    version = base.trust.version + 1
    branch = branch_of(version)
    commit = forge.proposed(branch).get(branch)
    if commit is None:
        raise BadInput(
            f"nothing is proposed after version {version - 1} of trust.yaml: there is no branch {branch}",
            where=workspace.path(TRUST),
            remedy="Run this on the branch that it is to be merged into, after fetching both.",
        )
    head = proposed_trust(workspace, forge, commit)
    show_difference(base, head, as_json=as_json)
    verdict = check_trust_change(base, head, now=now())
    bad = {finding.path for finding in verdict.findings}
    if not yes and not click.confirm("Sign it?"):
        say("nothing was signed")
        return Exit.NO
    made = sign_at_hand(base.trust, head, signer=signer, ssh_key=key, folder=workspace.repository.root)
    if not made:
        names = ", ".join(sorted({one.name for one in root_signers(base.trust, head.trust)}))
        raise Refused(
            "no key at hand belongs to the root of trust.yaml",
            where=workspace.path(TRUST),
            remedy=f"These may sign it: {names or 'nobody; it has no root'}. Name a key: --signer or --key.",
        )
    new = {path: data for path, data in made.items() if path not in head.files or head.shown(path) in bad}
    proposal = forge.resume(branch, labels=LABELS)
    if new:  # what is signed already is not signed again
        told = {workspace.path(path): data for path, data in new.items()}
        proposal = forge.append(branch, commit, told, f"Sign trust.yaml, version {version}")
        verdict = check_trust_change(base, Registry({**head.files, **new}, workspace.folder), now=now())
    report(version, verdict, proposal, as_json=as_json)
    return Exit.YES
