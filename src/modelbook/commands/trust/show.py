"""`modelbook trust show`: signers, rules, root and revocations, as sentences."""

from typing import Any

import click

from modelbook.adapters.clock import now
from modelbook.adapters.trust_files import read_trust
from modelbook.commands._console import print_json, print_table, say
from modelbook.commands._workspace import json_option, open_workspace, registry_option, rev_option
from modelbook.core.layout import TRUST
from modelbook.core.signing.allowed_signers import allowed_signers
from modelbook.core.trust import Signer, Trust
from modelbook.core.verifying import trust_words
from modelbook.core.verifying.trust_change import check_trust_change
from modelbook.core.verifying.trust_expiry import expires_soon, has_expired


@click.command(name="show", short_help="Show who may sign what.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "allowed-signers"]),
    default="text",
    help="allowed-signers: the people, as a file for `ssh-keygen -Y verify`.  [default: text]",
)
@rev_option
@registry_option
@json_option
def command(form: str, rev: str, registry_folder: str | None, as_json: bool) -> None:
    """Show who may sign what: signers with the fingerprints of their keys, rules, root and revocations.

    \b
    Examples:
      modelbook trust show --rev trust/4      # what is proposed
      modelbook trust show --format allowed-signers > allowed_signers
    """
    if as_json and form != "text":
        raise click.UsageError("Give --json or --format, not both.")
    workspace = open_workspace(registry_folder, rev=rev, scope=[TRUST])
    registry, time = read_trust(workspace.repository, workspace.folder, workspace.commit), now()
    trust = registry.trust
    if form == "allowed-signers":
        print(allowed_signers(trust), end="")
        return
    signed_by = check_trust_change(None, registry, now=time).signed_by
    if as_json:
        print_json(_fields(trust, signed_by, time))
        return
    signed = trust_words.listed(signed_by, "and") or "nobody"
    say(f"{workspace.path(TRUST)}, version {trust.version}, signed by {signed}")
    say("")
    print_table([_row(one, time) for one in trust.signers], as_json=False, empty="No signer: nobody can sign anything.")
    say("")
    say("Rules (the first that speaks of a thing decides; what none allows is refused):")
    for number, rule in enumerate(trust.rules, start=1):
        say(f"  {number}. {trust_words.rule_sentence(rule)}")
    say(f"Root: {trust_words.root_sentence(trust)}")
    for one in trust.revocations:
        say(f"Revoked: {trust_words.withdrawal_sentence(one)}")
    for signer in trust.signers:
        if expires_soon(signer, time):
            say(f"warning: {signer.name} expires on {signer.expires}: `modelbook trust rotate {signer.name}`")


def _row(signer: Signer, time: str) -> dict[str, object]:
    ends = signer.expires
    if ends and has_expired(signer, time):
        ends += " (expired)"
    elif ends and expires_soon(signer, time):
        ends += " (soon)"
    return {
        "signer": signer.name,
        "person": signer.who,
        "kind": trust_words.kind_of(signer),
        "expires": ends,
        "key": trust_words.fingerprint(signer),
    }


def _fields(trust: Trust, signed_by: tuple[str, ...], time: str) -> dict[str, Any]:
    signers = [
        {
            "name": one.name,
            "person": one.who,
            "kind": trust_words.kind_of(one),
            "fingerprint": trust_words.fingerprint(one),
            "key": trust_words.key_bits(one),
            "workflow": one.workflow.model_dump() if one.workflow else None,
            "expires": one.expires,
            "expired": has_expired(one, time),
            "expires_soon": expires_soon(one, time),
        }
        for one in trust.signers
    ]
    return {
        "version": trust.version,
        "signed_by": list(signed_by),
        "signers": signers,
        "rules": [rule.model_dump() | {"sentence": trust_words.rule_sentence(rule)} for rule in trust.rules],
        "root": trust.root.model_dump() if trust.root else None,
        "revocations": [one.model_dump(exclude_none=True) for one in trust.revocations],
    }
