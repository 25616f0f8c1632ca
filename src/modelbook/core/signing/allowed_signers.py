"""The people of trust.yaml as OpenSSH's allowed_signers file, by which anybody checks an approval without Modelbook:

    ssh-keygen -Y verify -f allowed_signers -I alice -n modelbook/stages/production \\
        -s registry/models/fraud/stages/production.alice.sshsig < registry/models/fraud/stages/production.yaml

It says who may sign for which stage at which time. What it has no words for is left to `modelbook verify`: which models
a rule is about, how many people it takes, and whether the verdict in the pointer is right. Source: ssh-keygen(1).
"""

from datetime import datetime, timedelta

from modelbook.core.signing.signatures import key_digest
from modelbook.core.signing.statements import TRUST_NAMESPACE, stage_namespace
from modelbook.core.trust import Signer, Trust, Withdrawal

_HEAD = """\
# People whom trust.yaml (version {version}) lets sign by SSH, for ssh-keygen -Y verify (OpenSSH 9.1 or newer).
# Which models a rule is about, and how many people it takes, is not said here: see `modelbook verify`.
"""


def allowed_signers(trust: Trust) -> str:
    """The text of the file: one line for each person's key that may sign anything."""
    lines = (_line(trust, signer) for signer in trust.signers if signer.ssh)
    return _HEAD.format(version=trust.version) + "".join(line + "\n" for line in lines if line)


def _line(trust: Trust, signer: Signer) -> str | None:
    namespaces = _namespaces(trust, signer)
    try:
        taken_back = [one for one in trust.revocations if _is_about(one, signer)]
    except ValueError:  # a key that is of no use signs nothing
        return None
    if not namespaces or any(one.since is None for one in taken_back):
        return None
    # Modelbook accepts what was signed up to `expires`, and before `since`; ssh-keygen up to `valid-before`.
    ends = [_time(signer.expires)] if signer.expires else []
    ends += [_time(one.since) - timedelta(seconds=1) for one in taken_back if one.since]
    until = f',valid-before="{min(ends):%Y%m%d%H%M%SZ}"' if ends else ""
    return f'{signer.name} namespaces="{",".join(namespaces)}"{until} {signer.token}'


def _namespaces(trust: Trust, signer: Signer) -> list[str]:
    """Patterns of what the key may sign; with `!` what an earlier rule for all models leaves to others."""
    granted: set[str] = set()
    decided: set[str] = set()
    for rule in trust.rules:
        if signer.name in rule.signers and "*" not in decided:
            granted |= set(rule.stages) - decided
            if "*" in rule.stages:
                granted |= {f"!{stage}" for stage in decided - granted}
        if rule.models == "*":
            decided |= set(rule.stages)
    found = [f"!{stage_namespace(each[1:])}" if each[0] == "!" else stage_namespace(each) for each in sorted(granted)]
    return found + ([TRUST_NAMESPACE] if trust.root and signer.name in trust.root.signers else [])


def _is_about(one: Withdrawal, signer: Signer) -> bool:
    return one.identity in {signer.name, signer.who} or (one.key is not None and one.key == key_digest(signer))


def _time(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp).replace(microsecond=0)
