"""Whether an SSH signature is good: what `ssh-keygen -Y sign` writes, by the rules of `ssh-keygen -Y verify`.

    -----BEGIN SSH SIGNATURE-----
    base64 of: "SSHSIG", version 1, public key, namespace, reserved, hash's name, signature
    -----END SSH SIGNATURE-----

What is signed is "SSHSIG", namespace, reserved, the hash's name and the message's hash, so that a signature made for
one purpose is none for another. Sources: OpenSSH's PROTOCOL.sshsig and PROTOCOL.u2f, RFC 4253, RFC 5656, RFC 8332.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

MAX_SIGNATURE = 16 * 1024  # bytes: one by RSA with 16,384 bits takes about 6 KiB
_MAGIC = b"SSHSIG"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_RSA_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    b"rsa-sha2-256": hashes.SHA256(),
    b"rsa-sha2-512": hashes.SHA512(),
}
_LEAST_RSA_BITS = 2048
_TOUCHED = 0x01  # FIDO's flag of "a person was present"


class SshError(ValueError):
    """Not an SSH signature or key that Modelbook accepts; the message says why."""


@dataclass(frozen=True)
class SshSignature:
    """What a signature file holds: the key that it claims (wire format), its namespace, and the signature."""

    key: bytes
    namespace: str
    hash_name: str
    signature: bytes


class _Reader:
    """Reads the length-prefixed fields of SSH's wire format."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, size: int) -> bytes:
        if size > len(self._data):
            raise SshError("it ends too early")
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4))

    def text(self) -> bytes:
        return self.take(self.number())

    def integer(self) -> int:
        data = self.text()
        if data[:1] >= b"\x80":
            raise SshError("it holds a negative number")
        if data[:1] == b"\0" and data[1:2] < b"\x80":
            raise SshError("it holds a number with more zeros before it than it needs")
        return int.from_bytes(data)

    def end(self) -> None:
        if self._data:
            raise SshError("something follows its end")


def key_blob(line: str) -> bytes:
    """The key of an `authorized_keys` line, as bytes. Raises SshError if that is no key of the kind that it names."""
    kind, _, rest = line.partition(" ")
    blob = _base64(rest.split(" ")[0])
    if _Reader(blob).text() != kind.encode():
        raise SshError(f"the key is not of the kind {kind}")
    _open_key(blob)
    return blob


def key_digest(blob: bytes) -> str:
    """What names a key: `sha256:` and the hex digits of what `ssh-keygen -l` shows in base64."""
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def read_signature(data: bytes) -> SshSignature:
    """Parse a signature file, strictly. Raises SshError."""
    if len(data) > MAX_SIGNATURE:
        raise SshError(f"{len(data):,} bytes are more than the {MAX_SIGNATURE:,} that are read")
    first, *lines = data.decode("ascii", errors="replace").removesuffix("\n").split("\n")
    if first != _BEGIN or lines[-1:] != [_END]:
        raise SshError(f"it does not begin with {_BEGIN} and end with {_END}")
    reader = _Reader(_base64("".join(lines[:-1])))
    if reader.take(len(_MAGIC)) != _MAGIC or reader.number() != 1:
        raise SshError("it is not an SSH signature of version 1")
    key, namespace, reserved, hash_name, signature = (reader.text() for _ in range(5))
    reader.end()
    if reserved or hash_name not in {b"sha256", b"sha512"}:
        raise SshError("it holds what this version of Modelbook does not know")
    return SshSignature(key, namespace.decode(errors="replace"), hash_name.decode(), signature)


def check(signature: SshSignature, message: bytes) -> None:
    """Raise SshError unless the key in the signature made it, for `message` and the signature's own namespace.

    The caller compares key and namespace with those that he expects.
    """
    digest = hashlib.new(signature.hash_name, message).digest()
    fields = (signature.namespace.encode(), b"", signature.hash_name.encode(), digest)
    covered = _MAGIC + b"".join(len(field).to_bytes(4) + field for field in fields)
    try:
        _verify(signature, covered)
    except SshError:
        raise
    except (InvalidSignature, ValueError):
        raise SshError("it is not what this key makes of these bytes") from None


def _base64(text: str) -> bytes:
    """Decode; one sequence of bytes has one spelling here, so that a key or a signature has no second one."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data or base64.b64encode(data).decode() != text:
        raise SshError("it is not base64")
    return data


def _open_key(
    blob: bytes,
) -> tuple[bytes, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey, bytes]:
    """Kind, key, and for a hardware key its application. Raises SshError."""
    reader = _Reader(blob)
    kind = reader.text()
    key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    application = b""
    try:
        if kind in {b"ssh-ed25519", b"sk-ssh-ed25519@openssh.com"}:
            key = ed25519.Ed25519PublicKey.from_public_bytes(reader.text())
        elif kind in {b"ecdsa-sha2-nistp256", b"sk-ecdsa-sha2-nistp256@openssh.com"}:
            if reader.text() != b"nistp256":
                raise SshError("the key is on another curve than P-256")
            point = reader.text()
            if point[:1] != b"\x04":
                raise SshError("the key's point is compressed, which SSH does not know")
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        elif kind == b"ssh-rsa":
            exponent, modulus = reader.integer(), reader.integer()
            if modulus.bit_length() < _LEAST_RSA_BITS:
                raise SshError(f"an RSA key of {modulus.bit_length()} bits is too short; {_LEAST_RSA_BITS} are needed")
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        else:
            raise SshError(f"keys of the kind {kind.decode(errors='replace')[:40]!r} are not known")
        if kind.startswith(b"sk-"):
            application = reader.text()
        reader.end()
    except SshError:
        raise
    except ValueError:
        raise SshError("the key is none of the kind that it names") from None
    return kind, key, application


def _verify(signature: SshSignature, covered: bytes) -> None:
    """Raise InvalidSignature or ValueError unless the signature covers these bytes."""
    kind, key, application = _open_key(signature.key)
    reader = _Reader(signature.signature)
    algorithm, value = reader.text(), reader.text()
    if kind.startswith(b"sk-"):
        flags, counter = reader.take(1), reader.take(4)
        if not flags[0] & _TOUCHED:
            raise SshError("nobody touched the hardware key")
        covered = hashlib.sha256(application).digest() + flags + counter + hashlib.sha256(covered).digest()
    reader.end()
    if isinstance(key, rsa.RSAPublicKey):
        if algorithm not in _RSA_HASHES:
            raise SshError("an RSA signature must be made with SHA-2")
        key.verify(value, covered, padding.PKCS1v15(), _RSA_HASHES[algorithm])
        return
    if algorithm != kind:
        raise SshError("the signature is of another kind than the key")
    if isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(value, covered)
        return
    numbers = _Reader(value)
    pair = numbers.integer(), numbers.integer()
    numbers.end()
    key.verify(encode_dss_signature(*pair), covered, ec.ECDSA(hashes.SHA256()))
