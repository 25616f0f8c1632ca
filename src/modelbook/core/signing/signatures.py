"""Whether a signature is good, and whose it is: P-256 with SHA-256 over DSSE, as the OpenSSF tools make and check,
keyless for workflows, and for people SSH.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelbook.core.digests import digest_of, prefixed
from modelbook.core.findings import Finding
from modelbook.core.records import instant
from modelbook.core.signing import ssh_signature
from modelbook.core.signing.envelope import Envelope, EnvelopeError, Statement, key_hint, payload_of, read_bundle
from modelbook.core.signing.keyless import (
    KeylessError,
    Origin,
    Proof,
    TrustedRoot,
    contradictions,
    differences,
    read_proof,
)
from modelbook.core.signing.statements import difference
from modelbook.core.trust import Signer, Withdrawal

Verdict = tuple[Signer | None, list[Finding]]


@dataclass(frozen=True)
class Authority:
    """Who may sign the thing at hand, what trust.yaml has taken back, and by what keyless signatures are checked."""

    signers: Sequence[Signer]
    withdrawn: Sequence[Withdrawal] = ()
    trusted_root: TrustedRoot = field(default_factory=TrustedRoot)

    def names(self) -> str:
        """The signers, for a person."""
        return ", ".join(signer.name for signer in self.signers)


@lru_cache(maxsize=256)
def load_public_key(pem: str) -> ec.EllipticCurvePublicKey:
    """The P-256 key in `pem`. Raises ValueError for anything else."""
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("not a P-256 public key")
    return key


@lru_cache(maxsize=256)
def hint_of(pem: str) -> str:
    """The bundle hint of the key in `pem`, whatever its line ends. Raises ValueError if it is not a P-256 key."""
    return key_hint(plain_pem(pem).encode())


def plain_pem(pem: str) -> str:
    """The key in `pem` as it is written everywhere. Raises ValueError if it is not a P-256 key."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return load_public_key(pem).public_bytes(serialization.Encoding.PEM, form).decode()


def key_digest(signer: Signer) -> str | None:
    """What names the signer's key, as in `sha256:…`; None for a workflow, which has none.

    Raises ValueError if the key is of no use.
    """
    if signer.key is not None:
        return prefixed(hint_of(signer.key))
    return ssh_signature.key_digest(ssh_signature.key_blob(signer.ssh)) if signer.ssh is not None else None


def is_good(envelope: Envelope, signer: Signer) -> bool:
    """Whether `signer` made the signature with the P-256 key that the bundle names.

    A key in trust.yaml that is not P-256 signs nothing.
    """
    if signer.key is None:
        return False
    try:
        key = load_public_key(signer.key)
        if envelope.hint != hint_of(signer.key):  # the OpenSSF tool refuses it as well
            return False
        key.verify(envelope.signature, envelope.signed_bytes, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def check_signature(
    bundle: bytes,
    expected: Statement,
    authority: Authority,
    *,
    path: str,
    what: str,
    made: str,
    origin: Origin | None = None,
) -> Verdict:
    """Whether `bundle` holds `expected`, signed by one of those who may, who might when it was `made`.

    `what` names the thing for a person, as in "evaluation default of digits@3". A keyless signature was made when a
    log saw it, whatever `made` says, and must not disagree with `origin`. Returns the signer, or findings.
    """
    try:
        envelope = read_bundle(bundle)
    except EnvelopeError as error:
        return _refuse(path, "bad-bundle", f"not a signature that Modelbook accepts: {error}")
    if not authority.signers:
        return _nobody(path, what)
    proof = None
    if envelope.hint is not None:
        signer = next((one for one in authority.signers if is_good(envelope, one)), None)
        if signer is None:
            return _not_allowed(path, what, authority, f"the key {prefixed(envelope.hint)[: len('sha256:') + 16]}…")
    else:
        signer, proof, findings = _keyless_signer(bundle, envelope, authority, path=path, what=what)
        if signer is None or proof is None:
            return None, findings
        made = proof.time
    identities = proof.identities if proof else frozenset[str]()
    payload = digest_of(envelope.payload)
    if refused := _taken_back(signer, payload, authority, identities, path=path, what=what, made=made):
        return refused
    if envelope.payload != payload_of(expected) and (place := difference(expected, envelope.statement)):
        message = f"the signature is good but speaks of something else: {place} differs from the {what}"
        return _refuse(path, "other-statement", message)
    if proof and origin and (found := contradictions(proof, origin)):
        return None, [Finding(path, None, code, f"the {what}: {message}", remedy) for code, message, remedy in found]
    return signer, []


def signing_run(bundle: bytes, trusted_root: TrustedRoot) -> str | None:
    """The address of the workflow run that made a keyless signature, as proved; None for any other bundle."""
    try:
        if read_bundle(bundle).hint is not None:
            return None
        return read_proof(trusted_root.prove(bundle)).run
    except (EnvelopeError, KeylessError):
        return None  # what is wrong with it is said where it is checked


def _keyless_signer(
    bundle: bytes, envelope: Envelope, authority: Authority, *, path: str, what: str
) -> tuple[Signer | None, Proof | None, list[Finding]]:
    """The workflow among those who may that made a keyless signature, with what proves it; or findings."""
    workflows = [(one, one.workflow) for one in authority.signers if one.workflow]
    if not workflows:
        message = f"the {what} has a keyless signature, and trust.yaml allows only keys for it ({authority.names()})"
        remedy = "Sign with one of these, or add a rule to trust.yaml for a `workflow`."
        return None, None, _refuse(path, "bad-signature", message, remedy)[1]
    try:
        logged = authority.trusted_root.prove(bundle)
        if (logged.payload, logged.certificate) != (envelope.payload, envelope.certificate):
            raise KeylessError("the bundle can be read in two ways")
        proof = read_proof(logged)
    except KeylessError as error:
        message = f"the keyless signature of the {what} is not believed: {error}"
        return None, None, _refuse(path, "bad-signature", message, error.remedy)[1]
    nearest = min(workflows, key=lambda pair: len(differences(pair[1], proof)))
    if differs := differences(nearest[1], proof):
        who = f"the {what} was signed by {proof}"
        message = f"{who}, which is not {nearest[0].name!r} of trust.yaml: {'; '.join(differs)}"
        remedy = "Find out who started it. If the workflow is right, add it to trust.yaml, exactly as it stands here."
        return None, None, _refuse(path, "other-workflow", message, remedy)[1]
    return nearest[0], proof, []


def check_approval(
    data: bytes, message: bytes, namespace: str, authority: Authority, *, path: str, what: str, made: str
) -> Verdict:
    """As `check_signature`, for a person's SSH signature over the very bytes of a file, for one purpose alone."""
    try:
        signature = ssh_signature.read_signature(data)
    except ssh_signature.SshError as error:
        return _refuse(path, "bad-bundle", f"not an SSH signature that Modelbook accepts: {error}")
    if not authority.signers:
        return _nobody(path, what)
    claimed = f"the key {ssh_signature.key_digest(signature.key)[: len('sha256:') + 16]}…"
    signer = next((one for one in authority.signers if one.ssh and _same_key(one.ssh, signature.key)), None)
    if signer is None:
        return _not_allowed(path, what, authority, claimed)
    if signature.namespace != namespace:
        says = f"it was made for {signature.namespace[:80]!r}, and this needs {namespace!r}"
        return _refuse(path, "other-namespace", f"the signature by {signer.name!r} is not for the {what}: {says}")
    try:
        ssh_signature.check(signature, message)
    except ssh_signature.SshError as error:
        says = f"the signature by {signer.name!r} on the {what} is not good: {error}"
        return _refuse(path, "bad-signature", says, "Sign the file as it is now, with a key that trust.yaml names.")
    if refused := _taken_back(signer, digest_of(message), authority, frozenset(), path=path, what=what, made=made):
        return refused
    return signer, []


def _same_key(line: str, blob: bytes) -> bool:
    try:
        return ssh_signature.key_blob(line) == blob
    except ssh_signature.SshError:
        return False


def _taken_back(
    signer: Signer,
    payload: str,
    authority: Authority,
    proved: Set[str],
    *,
    path: str,
    what: str,
    made: str,
) -> tuple[None, list[Finding]] | None:
    """The refusal of a good signature whose signer had expired, or that trust.yaml revokes.

    `proved` are the identities that a certificate proves, beside those of the signer.
    """
    if signer.expires is not None and instant(made) > instant(signer.expires):
        subject = "the key of " if signer.workflow is None else ""
        message = f"{subject}{signer.name!r} expired on {signer.expires}; the {what} is of {made}"
        return _refuse(path, "expired-key", message)
    identities = {signer.name, signer.who} | proved
    for one in authority.withdrawn:
        if not (one.payload == payload or one.identity in identities or (one.key and one.key == key_digest(signer))):
            continue
        if one.since is not None and instant(made) < instant(one.since):
            continue
        subject = f"the {what}" if one.payload else f"what {signer.name!r} signs"
        since = f" since {one.since}" if one.since else ""
        return _refuse(path, "revoked-signature", f"trust.yaml revokes {subject}{since}: {one.reason}")
    return None


def _nobody(path: str, what: str) -> tuple[None, list[Finding]]:
    message = f"trust.yaml allows nobody to sign the {what}"
    return _refuse(path, "nobody-allowed", message, "Add a rule to trust.yaml that names a signer for it.")


def _not_allowed(path: str, what: str, authority: Authority, claimed: str) -> tuple[None, list[Finding]]:
    who = f"signed by anybody whom trust.yaml allows to ({authority.names()})"
    remedy = f"Find out who changed it. If the signer is right, add a rule to trust.yaml for {claimed}."
    return _refuse(path, "bad-signature", f"the {what} is not {who}, or the bytes were changed", remedy)


def _refuse(path: str, code: str, message: str, remedy: str | None = None) -> tuple[None, list[Finding]]:
    return None, [Finding(path, None, code, message, remedy)]
