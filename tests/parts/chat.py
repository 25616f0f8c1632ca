"""A chat that takes messages by a webhook, over TLS with a certificate of its own making."""

import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SECRET = "T0123-B4567-only-the-team-knows-this"


class Chat:
    """Entered, it takes messages at `address`; `messages` are the texts that it got, oldest first.

    `ca` is the file by which its certificate is trusted (REQUESTS_CA_BUNDLE); `answer` the status that it answers with.
    """

    def __init__(self, folder: Path) -> None:
        self.messages: list[str] = []
        self.answer = 200
        self.ca = folder / "chat.pem"
        key = _certify(self.ca)
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                known = self.path == f"/services/{SECRET}"
                if known:
                    chat.messages.append(json.loads(body)["text"])
                self.send_response(chat.answer if known else 404)
                if chat.answer == 302:
                    self.send_header("Location", f"https://127.0.0.1:{chat._server.server_port}/services/{SECRET}")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self._server.server_port}/services/{SECRET}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _certify(path: Path) -> Path:
    """Write a certificate for 127.0.0.1 to `path`; the file of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "chat")]), datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    place = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = made.add_extension(place, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = path.with_suffix(".key")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(*form))
    return private
