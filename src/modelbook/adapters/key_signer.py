"""Signs with a P-256 private key in PEM: from a file (`file:PATH`), or from an environment variable (`env:NAME`)."""

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelbook.core.signing.envelope import Statement, key_hint, payload_of, pre_authentication_encoding, write_bundle
from modelbook.core.signing.signatures import hint_of
from modelbook.core.trust import Signer
from modelbook.errors import BadInput

_REMEDY = "Make a key with `modelbook init`, and name it with --signer file:PATH or MODELBOOK_SIGNER."


@dataclass(frozen=True)
class KeySigner:
    """A private key that signs statements."""

    key: ec.EllipticCurvePrivateKey

    @property
    def public_pem(self) -> str:
        """The public half, as trust.yaml holds it."""
        return self._public_bytes().decode()

    def _public_bytes(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, form)

    @property
    def hint(self) -> str:
        """The hex sha256 of the public key, by which a bundle names it."""
        return key_hint(self._public_bytes())

    @property
    def claim(self) -> str:
        """See StatementSigner."""
        return f"the key sha256:{self.hint[:16]}…"

    def is_signer(self, signer: Signer) -> bool:
        """See StatementSigner."""
        return signer.key is not None and hint_of(signer.key) == self.hint

    def sign(self, content: Statement) -> bytes:
        """See StatementSigner."""
        payload = payload_of(content)
        signature = self.key.sign(pre_authentication_encoding(payload), ec.ECDSA(hashes.SHA256()))
        return write_bundle(payload, signature, self.hint)


def open_key(scheme: str, rest: str) -> KeySigner:
    """The key in the file (`file`) or variable (`env`) named `rest`. Raises BadInput where there is none of P-256."""
    if scheme == "file":
        path = Path(rest).expanduser()
        try:
            pem = path.read_bytes()
        except FileNotFoundError:
            raise BadInput("there is no key here", where=str(path), remedy=_REMEDY) from None
        except OSError as error:
            raise BadInput(f"the key cannot be read: {error.strerror}", where=str(path), remedy=_REMEDY) from None
        return KeySigner(_private_key(pem, str(path)))
    text = os.environ.get(rest, "")
    if not text.strip():
        raise BadInput(
            "the variable is empty or not set",
            where=f"${rest}",
            remedy="Put the PEM key into it (a secret).",
        )
    return KeySigner(_private_key(text.encode(), f"${rest}"))


def _private_key(pem: bytes, where: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except TypeError:
        raise BadInput(
            "the key is protected by a passphrase", where=where, remedy="Use a key without one, or a KMS."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadInput("this is not a private key in PEM", where=where, remedy=_REMEDY) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadInput("this is not a P-256 key", where=where, remedy=_REMEDY)
    return key


def create_key(path: Path) -> KeySigner:
    """Write a new private key, readable by its owner only. Raises BadInput if the file exists."""
    signer = KeySigner(ec.generate_private_key(ec.SECP256R1()))
    pem = signer.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadInput("a key is here already", where=str(path), remedy="Use it, or name another place.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    return signer
