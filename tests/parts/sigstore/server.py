"""Fulcio's and Rekor's HTTP interface on a free port of loopback, and what a client must know to trust them.

    with SigstoreServer({"https://token.actions.githubusercontent.com": f"{github.url}/oidc/.well-known/jwks"}) as it:
        it.client_config(tmp_path / "client.json")      # for `--signer sigstore:PATH` and `--trust_config`
        it.trusted_root()                               # the bytes of registry/trusted_root.json

`authority` and `log` are within reach, so that a test may sign as somebody whom no issuer would name.
"""

import base64
import json
import threading
from collections.abc import Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.parts.sigstore.authority import Authority, key_id, public_der
from tests.parts.sigstore.log import Log

Json = dict[str, Any]


class Refusal(Exception):
    """A status and a message for the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class SigstoreServer:
    """One instance; `issuers` are the addresses of the keys (JWKS) of each issuer whose tokens it takes."""

    def __init__(self, issuers: Mapping[str, str] | None = None) -> None:
        self.issuers = issuers or {}
        self.authority, self.log = Authority(), Log()
        self.url = "http://127.0.0.1"
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._http = _Server(self)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def certify(self, token: str, request: Json) -> Json:
        """Fulcio's POST /api/v2/signingCert."""
        claims = self._claims(token)
        csr = x509.load_pem_x509_csr(base64.b64decode(request["certificateSigningRequest"]))
        public = csr.public_key()
        if not csr.is_signature_valid or not isinstance(public, ec.EllipticCurvePublicKey):
            raise Refusal(400, "the request does not prove that its key is held")
        chain = [self.authority.issue(public, claims), self.authority.certificate]
        pem = [each.public_bytes(Encoding.PEM).decode() for each in chain]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": pem}}}

    def _claims(self, token: str) -> Json:
        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss", "")
            keys = jwt.PyJWKClient(self.issuers[issuer])
            key = keys.get_signing_key_from_jwt(token)
            claims: Json = jwt.decode(token, key, algorithms=["RS256"], audience="sigstore", issuer=issuer)
        except (jwt.PyJWTError, KeyError) as error:
            raise Refusal(401, f"the token is not accepted: {error}") from None
        return claims

    def record(self, proposed: Json) -> Json:
        """Rekor's POST /api/v1/log/entries."""
        with self._lock:
            return self.log.add(proposed)

    def trusted_root(self) -> bytes:
        """What names the keys of this instance."""
        chain = [{"rawBytes": _base64(self.authority.certificate.public_bytes(Encoding.DER))}]
        authority = {
            "subject": {"organization": "tests", "commonName": "tests' sigstore"},
            "uri": self.url,
            "certChain": {"certificates": chain},
            "validFor": {"start": _time(self.authority.since)},
        }
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self._log_key(self.log.key)],
            "certificateAuthorities": [authority],
            "ctlogs": [self._log_key(self.authority.log_key)],
            "timestampAuthorities": [],
        }
        return json.dumps(root, indent=2).encode()

    def _log_key(self, key: ec.EllipticCurvePrivateKey) -> Json:
        return {
            "baseUrl": self.url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": _base64(public_der(key)),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": {"start": _time(self.authority.since)},
            },
            "logId": {"keyId": _base64(key_id(key))},
        }

    def client_config(self, path: Path) -> Path:
        """`path`, after a client trust config of this instance was written there."""
        here = {
            "url": self.url,
            "majorApiVersion": 1,
            "validFor": {"start": _time(self.authority.since)},
            "operator": "tests",
        }
        signing = {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [here],
            "oidcUrls": [here],
            "rekorTlogUrls": [here],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        }
        config = {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": json.loads(self.trusted_root()),
            "signingConfig": signing,
        }
        path.write_text(json.dumps(config))
        return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, instance: SigstoreServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.instance = instance


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            if self.path == "/api/v2/signingCert":
                bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
                self._answer(200, self.server.instance.certify(bearer, body))
            elif self.path == "/api/v1/log/entries":
                self._answer(201, self.server.instance.record(body))
            else:
                raise Refusal(404, f"nothing is at {self.path}")
        except Refusal as refusal:
            self._answer(refusal.status, {"code": refusal.status, "message": refusal.message})

    def _answer(self, status: int, body: Json) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
