"""`modelbook trust revoke`: take trust back from a signed statement, a key, or somebody."""

import re

import click

from modelbook.commands._workspace import forge_option, json_option, reason_option, registry_option, signer_option
from modelbook.commands.trust._keys import parse_time
from modelbook.commands.trust._proposing import Opened, dry_run_option, open_trust, propose
from modelbook.core.digests import DIGEST_PATTERN
from modelbook.core.signing.signed_payloads import payloads_of
from modelbook.core.trust import Trust
from modelbook.core.verifying.trust_words import key_bits
from modelbook.errors import BadInput

_OF_A_WORKFLOW = re.compile(r"https://\S+|[1-9][0-9]*")  # a file with its ref, a repository, or a repository's number


@click.command(name="revoke", short_help="Take trust back from a statement, a key or somebody.")
@click.option("--payload", metavar="DIGEST|PATH", help="What was signed: its digest, or a signed file of the registry.")
@click.option("--key", metavar="DIGEST|SIGNER", help="A key: its digest, or its name in trust.yaml.")
@click.option("--identity", metavar="NAME", help="A signer, a person, a workflow or a repository.")
@click.option("--since", metavar="TIME", help="What was signed before stands.  [default: nothing stands]")
@reason_option("Why, for whoever meets it later.", required=True)
@dry_run_option
@signer_option
@forge_option
@registry_option
@json_option
def command(
    payload: str | None,
    key: str | None,
    identity: str | None,
    since: str | None,
    reason: str,
    dry_run: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Propose to believe something no longer. It holds for all that was ever signed so, unless --since says otherwise.

    A bad model is for `modelbook revoke`; this is for signatures that should not have been made.

    \b
    Examples:
      modelbook trust revoke --key alice --since 2026-11-01 --reason "laptop stolen"
      modelbook trust revoke --payload registry/models/fraud/versions/5/card.yaml --reason "signed by mistake"
    """
    if sum(given is not None for given in (payload, key, identity)) != 1:
        raise click.UsageError("Say what: --payload, --key or --identity, one of them.")
    if payload and since:
        raise click.UsageError("A payload is revoked whole: --since is for keys and identities.")
    if not reason.strip():
        raise click.UsageError("Say why: --reason TEXT is what whoever meets it later will read.")
    opened = open_trust(registry_folder)
    trust = opened.base.trust
    if payload:
        found = [{"payload": one} for one in _payloads(opened, payload)]
    elif key:
        found = [{"key": _key(trust, key)}]
    else:
        found = [{"identity": _identity(trust, identity or "")}]
    time = {"since": parse_time(since)} if since else {}
    opened.draft.revoke([{**one, **time, "reason": reason} for one in found])
    propose(opened, signer=signer, forge_name=forge_name, dry_run=dry_run, as_json=as_json)


def _payloads(opened: Opened, text: str) -> list[str]:
    """The digest itself, or those of all that is signed about a file."""
    if _is_digest(text):
        return [text]
    workspace = opened.workspace
    inside = text.removeprefix(f"{workspace.folder}/")
    files = workspace.at(workspace.commit, [inside.rpartition("/")[0]]).registry.files
    if inside not in files:
        remedy = f"Name a file of the registry from the top of the repository, as {workspace.path('models/…')}."
        raise BadInput("the commit has no such file", where=text, remedy=remedy)
    if found := payloads_of(files, inside):
        return found
    raise BadInput("nobody signed this file, and it is no signature", where=text)


def _key(trust: Trust, text: str) -> str:
    if _is_digest(text):
        return text
    signer = next((one for one in trust.signers if one.name == text), None)
    if signer and (digest := key_bits(signer)):
        return digest
    known = ", ".join(one.name for one in trust.signers if one.workflow is None)
    raise BadInput(f"trust.yaml has no key of {text!r}", remedy=f"Signers with a key: {known or 'none'}.")


def _identity(trust: Trust, text: str) -> str:
    known = {one.name for one in trust.signers} | {one.who for one in trust.signers}
    known |= {one.workflow.identity for one in trust.signers if one.workflow}
    if text in known or _OF_A_WORKFLOW.fullmatch(text):
        return text
    raise BadInput(f"trust.yaml knows nobody as {text!r}", remedy=f"It knows: {', '.join(sorted(known)) or 'nobody'}.")


def _is_digest(text: str) -> bool:
    return re.fullmatch(DIGEST_PATTERN[1:-1], text) is not None
