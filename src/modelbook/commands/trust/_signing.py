"""Signing a trust.yaml with the keys at hand: whoever is in the root of the present version, or of the new one."""

from collections.abc import Iterable
from pathlib import Path

from modelbook.adapters.key_signer import KeySigner
from modelbook.adapters.signer import StatementSigner, open_signer
from modelbook.adapters.ssh_signer import SshSigner, open_ssh_signer
from modelbook.commands._workspace import default_key
from modelbook.core.layout import TRUST, trust_signature_path
from modelbook.core.registry import Registry
from modelbook.core.signing.statements import TRUST_NAMESPACE, trust_statement
from modelbook.core.trust import Signer, Trust
from modelbook.errors import Refused


def root_signers(*versions: Trust) -> list[Signer]:
    """The signers of the roots of these versions. One key under two names is two."""
    found = [version.signer(name) for version in versions if version.root for name in version.root.signers]
    return list({(one.name, one.token): one for one in found}.values())


def sign_at_hand(
    before: Trust,
    head: Registry,
    *,
    signer: str,
    ssh_key: str | None,
    folder: Path,
    also: Iterable[KeySigner] = (),
) -> dict[str, bytes]:
    """Signatures over the trust.yaml of `head` by whatever key here belongs to a root: bytes by path, maybe none.

    `signer` is the URI of a key, `ssh_key` the file of an SSH key that has to be used; without one, those of the person
    are tried if the key is nobody's. Raises Refused where `ssh_key` is nobody's.
    """
    wanted = root_signers(before, head.trust)
    data, made = head.files[TRUST], dict[str, bytes]()
    keys: list[StatementSigner] = list(also)
    if ssh_key is None and (signer != f"file:{default_key()}" or default_key().exists()):
        keys.append(open_signer(signer))
    for key in keys:
        for one in wanted:
            if key.is_signer(one):
                made[trust_signature_path(one.name)] = key.sign(trust_statement(head.trust, data))
    if ssh_key or (not made and any(one.ssh for one in wanted)):
        found = _ssh(wanted, ssh_key, folder)
        if found:
            signature = found.sign(data, TRUST_NAMESPACE)
            twins = [one for one in wanted if one.token == found.signer.token]
            made |= {trust_signature_path(one.name, ssh=True): signature for one in twins}
    return made


def _ssh(wanted: list[Signer], key: str | None, folder: Path) -> SshSigner | None:
    try:
        return open_ssh_signer(wanted, "trust.yaml", key=key, folder=folder)
    except Refused:
        if key:
            raise
        return None
