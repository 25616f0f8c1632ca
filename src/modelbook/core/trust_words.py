"""What trust.yaml says, in words for a person: who may do what, whose key is whose, what ends soon."""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta

from modelbook.core.digests import hex_of
from modelbook.core.signatures import key_digest
from modelbook.core.trust import Rule, Signer, Trust, Withdrawal

SOON = timedelta(days=30)
_SHORT = len("sha256:") + 16
_PLURAL = {
    "model": "models",
    "provenance": "their provenance",
    "evaluation": "evaluations",
    "reproduction": "reproductions",
    "dataset": "datasets",
}


def kind_of(signer: Signer) -> str:
    """`key`, `workflow`, or the kind of an SSH key such as `ssh-ed25519`."""
    if signer.ssh is not None:
        return signer.ssh.partition(" ")[0]
    return "key" if signer.key is not None else "workflow"


def fingerprint(signer: Signer) -> str:
    """What a person compares: an SSH key's as `ssh-keygen -l` shows it, a key's digest, a workflow's identity."""
    try:
        digest = key_digest(signer)
    except ValueError:
        return "not a key of any use"
    if digest is None:
        return signer.workflow.identity if signer.workflow else ""
    if signer.ssh is not None:
        return "SHA256:" + base64.b64encode(bytes.fromhex(hex_of(digest))).decode().rstrip("=")
    return digest[:_SHORT] + "…"


def key_bits(signer: Signer) -> str | None:
    """The whole digest, by which `revocations` names the key; None for a workflow, and for a key of no use."""
    try:
        return key_digest(signer)
    except ValueError:
        return None


def has_expired(signer: Signer, now: str) -> bool:
    """Whether the signer can sign nothing more."""
    return signer.expires is not None and signer.expires < now


def expires_soon(signer: Signer, now: str) -> bool:
    """Whether it is good now and will not be in 30 days."""
    return signer.expires is not None and now <= signer.expires < later(now, SOON)


def later(time: str, by: timedelta) -> str:
    """A time of the registry moved on, to the second."""
    return (datetime.fromisoformat(time) + by).strftime("%Y-%m-%dT%H:%M:%SZ")


def rule_sentence(rule: Rule) -> str:
    """As in "alice or bob may sign models of fraud-*, and promote into production (2 people)"."""
    parts = []
    if rule.statements:
        parts.append("sign " + listed([_PLURAL[one] for one in rule.statements], "and"))
    if rule.stages:
        into = "any stage" if "*" in rule.stages else listed(rule.stages, "and")
        parts.append(f"promote into {into}" + (f", {rule.threshold} people together" if rule.threshold > 1 else ""))
    of = "everything" if rule.models == "*" else rule.models
    return f"{listed(rule.signers, 'or')} may {', and '.join(parts)}, for {of}"


def root_sentence(trust: Trust) -> str:
    """Who may change trust.yaml."""
    if trust.root is None:
        return "whoever may merge can change trust.yaml: it has no root"
    people = listed(trust.root.signers, "and")
    if trust.root.threshold == 1:
        return f"one signature of {listed(trust.root.signers, 'or')} makes the next version of trust.yaml"
    return f"{trust.root.threshold} people of {people} must sign each next version of trust.yaml"


def withdrawal_sentence(one: Withdrawal) -> str:
    """What is revoked, since when, and why."""
    what = f"the payload {one.payload}" if one.payload else f"the key {one.key}" if one.key else one.identity or ""
    return what + (f" since {one.since}" if one.since else "") + f": {one.reason}"


def listed(names: Sequence[str], last: str) -> str:
    """`a, b and c`."""
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
