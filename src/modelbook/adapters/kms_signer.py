"""Signs with a P-256 key in AWS KMS, which never leaves it: `awskms:KEY`, led by the standard AWS variables.

KEY is a key's id, its ARN, or `alias/NAME`. KMS gets the digest of what is signed, so that a statement may have any
size; the signature is checked with the public key before anybody gets it.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelbook.core.signing.envelope import Statement, payload_of, pre_authentication_encoding, write_bundle
from modelbook.core.signing.signatures import hint_of, load_public_key
from modelbook.core.trust import Signer
from modelbook.errors import BadInput, SigningError

_KIND = "ECC_NIST_P256"
_ALGORITHM = "ECDSA_SHA_256"
_MAKE_ONE = f"Make one: `aws kms create-key --key-spec {_KIND} --key-usage SIGN_VERIFY`."
_RIGHTS = {"GetPublicKey": "kms:GetPublicKey", "Sign": "kms:Sign"}
_CREDENTIALS = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile in AWS_PROFILE, or give the job a role; "
    "`aws sts get-caller-identity` shows who you are."
)
# KMS's codes and botocore's classes, and what to do then.
_REMEDIES = {
    "NotFoundException": "Check the key's id, and the region and account in use (AWS_REGION, AWS_PROFILE).",
    "DisabledException": "Enable the key: `aws kms enable-key`.",
    "KMSInvalidStateException": "The key is being deleted, or is not ready. See `aws kms describe-key`.",
    "UnsupportedOperationException": _MAKE_ONE,
    "InvalidKeyUsageException": _MAKE_ONE,
    "NoCredentialsError": _CREDENTIALS,
    "PartialCredentialsError": _CREDENTIALS,
    "UnrecognizedClientException": _CREDENTIALS,
    "InvalidSignatureException": _CREDENTIALS,
    "ExpiredTokenException": "The credentials have expired. Sign in again.",
    "ProfileNotFound": "AWS_PROFILE names a profile that ~/.aws/config does not have. Correct or unset it.",
}


@dataclass(frozen=True)
class KmsSigner:
    """A key in KMS. `public_pem` is its public half, as trust.yaml holds it."""

    client: Any
    key: str
    public_pem: str

    @property
    def claim(self) -> str:
        """See StatementSigner."""
        return f"the key sha256:{hint_of(self.public_pem)[:16]}… (awskms:{self.key})"

    def is_signer(self, signer: Signer) -> bool:
        """See StatementSigner."""
        return signer.key is not None and hint_of(signer.key) == hint_of(self.public_pem)

    def sign(self, content: Statement) -> bytes:
        """See StatementSigner."""
        payload = payload_of(content)
        covered = pre_authentication_encoding(payload)
        digest = hashlib.sha256(covered).digest()
        with _explained(self.key, "Sign"):
            answer = self.client.sign(KeyId=self.key, Message=digest, MessageType="DIGEST", SigningAlgorithm=_ALGORITHM)
        signature = bytes(answer["Signature"])
        try:
            load_public_key(self.public_pem).verify(signature, covered, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise SigningError("KMS gave a signature that its own public key refuses", where=_shown(self.key)) from None
        return write_bundle(payload, signature, hint_of(self.public_pem))


def open_kms(rest: str) -> KmsSigner:
    """The key that `rest` names, what stands after `awskms:`. Raises BadInput or SigningError."""
    key = rest.removeprefix("///")
    with _explained(key, "GetPublicKey"):
        client = _client(key)
        answer = client.get_public_key(KeyId=key)
    found = answer.get("KeySpec") or answer.get("CustomerMasterKeySpec"), answer.get("KeyUsage")
    if found != (_KIND, "SIGN_VERIFY") or _ALGORITHM not in answer.get("SigningAlgorithms", ()):
        raise BadInput(
            f"this key is {found[0]} for {found[1]}, and Modelbook signs with {_KIND} for SIGN_VERIFY",
            where=_shown(key),
            remedy=_MAKE_ONE,
        )
    public = serialization.load_der_public_key(bytes(answer["PublicKey"]))
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return KmsSigner(client, key, public.public_bytes(serialization.Encoding.PEM, form).decode())


def _client(key: str) -> Any:
    import boto3
    from botocore.config import Config

    session = boto3.session.Session()
    of_key = key.split(":")[3] if key.startswith("arn:") and key.count(":") >= 5 else None
    # botocore itself reads only AWS_DEFAULT_REGION; every other SDK, and GitHub's runners, know AWS_REGION.
    region = of_key or os.environ.get("AWS_REGION") or session.region_name
    if not region:
        raise BadInput(
            "no region is named", where=_shown(key), remedy="Set AWS_REGION, or name the key by its whole ARN."
        )
    config = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10, read_timeout=30)
    return session.client("kms", region_name=region, config=config)


@contextmanager
def _explained(key: str, operation: str) -> Iterator[None]:
    """Inside the block, whatever botocore raises becomes a SigningError with a remedy."""
    try:
        yield
    except Exception as error:
        from botocore.exceptions import BotoCoreError, ClientError

        if not isinstance(error, BotoCoreError | ClientError | ValueError):
            raise
        answer = getattr(error, "response", None) or {}
        code = str(answer.get("Error", {}).get("Code") or type(error).__name__)
        said = " ".join(str(answer.get("Error", {}).get("Message") or error).split())[:300]
        remedy = _REMEDIES.get(code, "Check the network, AWS_ENDPOINT_URL_KMS and AWS_REGION, and run it again.")
        if "AccessDenied" in code or code == "403":
            remedy = f"The credentials in use need {_RIGHTS[operation]} on this key, by an IAM or a key policy."
        raise SigningError(f"KMS refused {operation} ({code}): {said}", where=_shown(key), remedy=remedy) from error


def _shown(key: str) -> str:
    return f"awskms:{key}"
