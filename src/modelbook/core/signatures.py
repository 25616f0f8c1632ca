"""Whether a signature is good, and whose it is. P-256 with SHA-256 over DSSE, as the OpenSSF tools make and check."""

from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelbook.core.envelope import Envelope, EnvelopeError, Statement, key_hint, read_bundle
from modelbook.core.findings import Finding
from modelbook.core.statements import difference
from modelbook.core.trust import Signer


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
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key_hint(load_public_key(pem).public_bytes(serialization.Encoding.PEM, form))


def is_good(envelope: Envelope, signer: Signer) -> bool:
    """Whether `signer` made the signature. A key in trust.yaml that is not P-256 signs nothing."""
    try:
        key = load_public_key(signer.key)
        key.verify(envelope.signature, envelope.signed_bytes, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def check_signature(
    bundle: bytes, expected: Statement, signers: Sequence[Signer], *, path: str, what: str, made: str
) -> tuple[Signer | None, list[Finding]]:
    """Whether `bundle` holds `expected`, signed by one of `signers`, whose key had not expired when it was `made`.

    `what` names the thing for a person, as in "evaluation default of digits@3". Returns the signer, or findings.
    """

    def refuse(code: str, message: str, remedy: str | None = None) -> tuple[None, list[Finding]]:
        return None, [Finding(path, None, code, message, remedy)]

    try:
        envelope = read_bundle(bundle)
    except EnvelopeError as error:
        return refuse("bad-bundle", f"not a signature that Modelbook accepts: {error}")
    if not signers:
        return refuse(
            "nobody-allowed",
            f"trust.yaml allows nobody to sign the {what}",
            "Add a rule to trust.yaml that names a signer for it.",
        )
    signer = next((one for one in signers if is_good(envelope, one)), None)
    if signer is None:
        names = ", ".join(one.name for one in signers)
        return refuse(
            "bad-signature",
            f"the {what} is not signed by anybody whom trust.yaml allows to ({names}), or the bytes were changed",
            "Find out who changed it. If the signer is right, add a rule to trust.yaml for the key "
            f"sha256:{envelope.hint[:16]}….",
        )
    if signer.expires is not None and made > signer.expires:
        return refuse("expired-key", f"the key of {signer.name!r} expired on {signer.expires}; the {what} is of {made}")
    if place := difference(expected, envelope.statement):
        return refuse(
            "other-statement",
            f"the signature is good but speaks of something else: {place} differs from the {what}",
        )
    return signer, []
