"""SSH keys and signatures built by hand, field by field, so that a test can make the ones that no tool would make.

    mine = made("sk-ed25519")
    armor(mine.blob(message, "namespace", flags=0))         # nobody touched the token

Sources: OpenSSH's PROTOCOL.sshsig and PROTOCOL.u2f.
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

KINDS = {
    "ed25519": "ssh-ed25519",
    "ecdsa": "ecdsa-sha2-nistp256",
    "rsa": "ssh-rsa",
    "weak": "ssh-rsa",
    "sk-ed25519": "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa": "sk-ecdsa-sha2-nistp256@openssh.com",
}
RSA_HASHES: dict[str, hashes.HashAlgorithm] = {
    "rsa-sha2-256": hashes.SHA256(),
    "rsa-sha2-512": hashes.SHA512(),
    "ssh-rsa": hashes.SHA1(),  # noqa: S303 - to see it refused
}
Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def text(data: bytes | str) -> bytes:
    """SSH's string: its length in four bytes, and the bytes."""
    raw = data.encode() if isinstance(data, str) else data
    return len(raw).to_bytes(4) + raw


def integer(number: int) -> bytes:
    """SSH's mpint of a positive number."""
    return text(number.to_bytes(number.bit_length() // 8 + 1))


def armor(blob: bytes, width: int = 70) -> bytes:
    """The signature file, wrapped at `width` as ssh-keygen does at 70."""
    letters = base64.b64encode(blob).decode()
    lines = [letters[at : at + width] for at in range(0, len(letters), width)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]).encode()


@dataclass(frozen=True)
class Handmade:
    """A private key of one kind, and for a token's key its application."""

    kind: str
    private: Private
    application: str = "ssh:"

    @property
    def public(self) -> bytes:
        """The public key in wire format."""
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return text(self.kind) + integer(numbers.e) + integer(numbers.n)
        if isinstance(public, ed25519.Ed25519PublicKey):
            body = text(public.public_bytes_raw())
        else:
            form = serialization.PublicFormat.UncompressedPoint
            body = text("nistp256") + text(public.public_bytes(serialization.Encoding.X962, form))
        return text(self.kind) + body + (text(self.application) if self.kind.startswith("sk-") else b"")

    @property
    def line(self) -> str:
        """As trust.yaml holds it."""
        return f"{self.kind} {base64.b64encode(self.public).decode()}"

    def blob(
        self,
        message: bytes,
        namespace: str,
        *,
        hash_name: str = "sha512",
        flags: int = 1,
        algorithm: str | None = None,
        extra: bytes = b"",
        reserved: bytes = b"",
        version: int = 1,
    ) -> bytes:
        """The signature, without its armor; `extra` follows the signature proper, inside its own string."""
        digest = hashlib.new(hash_name, message).digest()
        covered = b"SSHSIG" + text(namespace) + text(b"") + text(hash_name) + text(digest)
        signature = self.over(covered, flags=flags, algorithm=algorithm) + extra
        fields = text(self.public) + text(namespace) + text(reserved) + text(hash_name) + text(signature)
        return b"SSHSIG" + version.to_bytes(4) + fields

    def over(self, covered: bytes, *, flags: int = 1, algorithm: str | None = None) -> bytes:
        """SSH's signature over any bytes, as an agent gives it; `flags` are what a token says of its user."""
        name = algorithm or ("rsa-sha2-512" if isinstance(self.private, rsa.RSAPrivateKey) else self.kind)
        tail = b""
        if self.kind.startswith("sk-"):
            tail = bytes([flags]) + (7).to_bytes(4)
            covered = hashlib.sha256(self.application.encode()).digest() + tail + hashlib.sha256(covered).digest()
        return text(name) + text(self._value(covered, name)) + tail

    def _value(self, covered: bytes, algorithm: str) -> bytes:
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(covered, padding.PKCS1v15(), RSA_HASHES[algorithm])
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(covered)
        r, s = decode_dss_signature(self.private.sign(covered, ec.ECDSA(hashes.SHA256())))
        return integer(r) + integer(s)


@cache
def made(kind: str, owner: str = "alice") -> Handmade:
    """A key of `owner`; the same each time."""
    private: Private
    if "ed25519" in kind:
        private = ed25519.Ed25519PrivateKey.generate()
    elif "ecdsa" in kind:
        private = ec.generate_private_key(ec.SECP256R1())
    else:
        private = rsa.generate_private_key(65537, 1024 if kind == "weak" else 2048)
    return Handmade(KINDS[kind], private)
