"""The timestamp authority: `openssl ts`, with a certificate that is for nothing else. Source: RFC 3161."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.parts.sigstore.authority import key_usage, new_key

_CONFIG = """\
[tsa]
serial = {folder}/serial
signer_cert = {folder}/certificate.pem
signer_key = {folder}/key.pem
signer_digest = sha256
default_policy = 1.3.6.1.4.1.57264.2
digests = sha256
accuracy = secs:1
"""


class TimestampAuthority:
    """An authority that keeps its files in `folder`, with its chain: its own certificate, then the root."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        root_key, key = new_key(), new_key()
        root_name, name = (_name(text) for text in ("tests' root of time", "tests' time"))
        since = datetime(2020, 1, 1, tzinfo=UTC)

        def builder(subject: x509.Name) -> x509.CertificateBuilder:
            return (
                x509.CertificateBuilder(issuer_name=root_name, subject_name=subject)
                .serial_number(x509.random_serial_number())
                .not_valid_before(since)
                .not_valid_after(since + timedelta(days=10_000))
            )

        root = (
            builder(root_name)
            .public_key(root_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage(of_ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        own = (
            builder(name)
            .public_key(key.public_key())
            .add_extension(key_usage(of_ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        self.chain = [own, root]
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "key.pem").write_bytes(pem)
        (folder / "certificate.pem").write_bytes(own.public_bytes(Encoding.PEM))
        (folder / "serial").write_text("01\n")
        self._config = folder / "openssl.cnf"
        self._config.write_text(_CONFIG.format(folder=folder))

    def answer(self, query: bytes) -> bytes:
        """The response to a timestamp query; the time is now."""
        query_file = self._config.with_name("query")
        query_file.write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", str(self._config), "-section", "tsa"]
        return subprocess.run([*command, "-queryfile", str(query_file)], check=True, capture_output=True).stdout


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
