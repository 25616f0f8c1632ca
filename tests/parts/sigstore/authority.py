"""The CA and the certificate log: who a token names gets a certificate for ten minutes, with the log's promise in it.

Sources: Fulcio's docs/oid-info.md and certificate-specification.md; RFC 6962 sections 3.2 and 3.3.
"""

import hashlib
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = timedelta(minutes=10)
_FULCIO = "1.3.6.1.4.1.57264.1"
_PROMISES = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_SERVER = "https://github.com"


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    """By which logs and roots name a key."""
    return hashlib.sha256(public_der(key)).digest()


class Authority:
    """A CA with its certificate log. `key`, `certificate` and `log_key` are what a root of trust names."""

    def __init__(self) -> None:
        self.key, self.log_key = new_key(), new_key()
        self.since = datetime(2020, 1, 1, tzinfo=UTC)  # so that a test may sign at any time it likes
        attributes = [(NameOID.ORGANIZATION_NAME, "tests"), (NameOID.COMMON_NAME, "tests' sigstore")]
        name = x509.Name([x509.NameAttribute(oid, text) for oid, text in attributes])
        self.certificate = (
            x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
            .not_valid_before(self.since)
            .not_valid_after(self.since + timedelta(days=10_000))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage(of_ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def issue(
        self,
        key: ec.EllipticCurvePublicKey,
        claims: Mapping[str, Any],
        *,
        at: datetime | None = None,
        promised: bool = True,
    ) -> x509.Certificate:
        """A certificate of `key` for the job that `claims` name, from `at` (now) on; without a promise if not so."""
        start = at or datetime.now(UTC).replace(microsecond=0)
        identity = f"{_SERVER}/{claims['job_workflow_ref']}"
        builder = (
            x509.CertificateBuilder(self.certificate.subject, x509.Name([]), key, x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + LIFETIME)
            .add_extension(key_usage(of_ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=True)
        )
        for number, text in _extensions(claims).items():
            oid = x509.ObjectIdentifier(f"{_FULCIO}.{number}")
            value = text.encode() if number < 8 else _utf8_string(text)  # Fulcio's first ones are bare
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        if promised:
            # What the log promises to show is the certificate as it is without the promise.
            seen = builder.sign(self.key, hashes.SHA256()).tbs_certificate_bytes
            promise = x509.UnrecognizedExtension(_PROMISES, self._promise(seen, start))
            builder = builder.add_extension(promise, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def _promise(self, seen: bytes, at: datetime) -> bytes:
        """A list of one signed certificate timestamp, in an OCTET STRING."""
        moment = int(at.timestamp() * 1000)
        entry = key_id(self.key) + len(seen).to_bytes(3) + seen
        told = struct.pack("!BBQH", 0, 0, moment, 1) + entry + struct.pack("!H", 0)
        signature = self.log_key.sign(told, ec.ECDSA(hashes.SHA256()))
        stamp = struct.pack("!B32sQHBBH", 0, key_id(self.log_key), moment, 0, 4, 3, len(signature)) + signature
        listed = struct.pack("!HH", len(stamp) + 2, len(stamp)) + stamp
        return b"\x04" + _length(len(listed)) + listed


def key_usage(*, of_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not of_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=of_ca,
        crl_sign=of_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _extensions(claims: Mapping[str, Any]) -> dict[int, str]:
    """What Fulcio writes of a GitHub job, by the last number of 1.3.6.1.4.1.57264.1.N."""
    repository = f"{_SERVER}/{claims['repository']}"
    return {
        1: claims["iss"],
        2: claims["event_name"],
        3: claims["sha"],
        5: claims["repository"],
        6: claims["ref"],
        8: claims["iss"],
        9: f"{_SERVER}/{claims['job_workflow_ref']}",
        11: claims["runner_environment"],
        12: repository,
        13: claims["sha"],
        14: claims["ref"],
        15: claims["repository_id"],
        16: f"{_SERVER}/{claims['repository_owner']}",
        17: claims["repository_owner_id"],
        18: f"{_SERVER}/{claims['workflow_ref']}",
        20: claims["event_name"],
        21: f"{repository}/actions/runs/{claims['run_id']}/attempts/{claims['run_attempt']}",
        22: claims["repository_visibility"],
    }


def _utf8_string(text: str) -> bytes:
    data = text.encode()
    return b"\x0c" + _length(len(data)) + data


def _length(size: int) -> bytes:
    """DER's length of what follows."""
    if size < 128:
        return bytes([size])
    digits = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([0x80 | len(digits)]) + digits
