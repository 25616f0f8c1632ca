"""What trust.yaml says, in words for a person: who may do what, whose key is whose, what ends soon."""

import base64
from collections.abc import Sequence

from modelbook.core.digests import hex_of
from modelbook.core.signing.signatures import key_digest
from modelbook.core.trust import Rule, Signer, Trust, Withdrawal

_SHORT = len("sha256:") + 16
_PLURAL = {
    "model": "models",
    "provenance": "their provenance",
    "evaluation": "evaluations",
    "reproduction": "reproductions",
    "dataset": "datasets",
    "online": "what experiments found of users",
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


def changes_in_words(before: Trust, after: Trust) -> list[str]:
    """What a new version of trust.yaml changes, one line each; who signs it decides by them."""
    old, new = ({one.name: one for one in trust.signers} for trust in (before, after))
    lines = [f"the signer {name} comes: {_signer_sentence(new[name])}" for name in new if name not in old]
    lines += [f"the signer {name} goes" for name in old if name not in new]
    lines += [
        f"the signer {name} becomes: {_signer_sentence(new[name])}"
        for name in new
        if name in old and new[name] != old[name]
    ]
    was, now = ([rule_sentence(rule) for rule in trust.rules] for trust in (before, after))
    lines += [f"the rule goes: {rule}" for rule in was if rule not in now]
    lines += [f"the rule comes: {rule}" for rule in now if rule not in was]
    if sorted(was) == sorted(now) and was != now:
        lines.append("the rules stand in another order, and the first that speaks of a thing decides")
    if before.root != after.root:
        lines.append(f"who may change trust.yaml: {root_sentence(after)}")
    was, now = ([withdrawal_sentence(one) for one in trust.revocations] for trust in (before, after))
    lines += [f"no longer revoked: {one}" for one in was if one not in now]
    lines += [f"revoked: {one}" for one in now if one not in was]
    if before.sigstore != after.sigstore:
        lines.append(f"the roots of Sigstore: {after.sigstore or 'none'}")
    return lines


def _signer_sentence(signer: Signer) -> str:
    person = f"{signer.person}'s " if signer.person else ""
    ends = f", until {signer.expires}" if signer.expires else ""
    return f"{person}{kind_of(signer)} {fingerprint(signer)}{ends}"
