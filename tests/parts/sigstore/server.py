"""Fulcio's and Rekor's HTTP interface on a free port of loopback, and what a client must know to trust them.

    with SigstoreServer({"https://token.actions.githubusercontent.com": f"{github.url}/oidc/.well-known/jwks"}) as it:
        it.client_config(tmp_path / "client.json")      # for `--signer sigstore:PATH` and `--trust_config`
        it.trusted_root()                               # the bytes of registry/trusted_root.json

`authority` and `log` are within reach, so that a test may sign as somebody whom no issuer would name.
"""

import base64
import json
import threading
from collections.abc import Mapping, Sequence
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
from tests.parts.sigstore.timestamps import TimestampAuthority

Json = dict[str, Any]


class Refusal(Exception):
    """A status and a message for the client."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class SigstoreServer:
    """One instance; `issuers` are the addresses of the keys (JWKS) of each issuer whose tokens it takes.

    `rekor` is the version of its log; `stamps` is the folder of a timestamp authority, without which version 2 of the
    log proves no time.
    """

    def __init__(self, issuers: Mapping[str, str] | None = None, *, rekor: int = 1, stamps: Path | None = None) -> None:
        self.issuers = issuers or {}
        self.rekor = rekor
        self.authority, self.log = Authority(), Log()
        self.time = TimestampAuthority(stamps) if stamps else None
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
        """Rekor's POST /api/v1/log/entries, or /api/v2/log/entries."""
        with self._lock:
            return self.log.add(proposed) if self.rekor == 1 else self.log.add_v2(proposed)

    def trusted_root(self) -> bytes:
        """What names the keys of this instance."""
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self._log_key(self.log.key)],
            "certificateAuthorities": [self._authority([self.authority.certificate])],
            "ctlogs": [self._log_key(self.authority.log_key)],
            "timestampAuthorities": [self._authority(self.time.chain)] if self.time else [],
        }
        return json.dumps(root, indent=2).encode()

    def _authority(self, chain: Sequence[x509.Certificate]) -> Json:
        return {
            "subject": {"organization": "tests", "commonName": "tests' sigstore"},
            "uri": self.url,
            "certChain": {"certificates": [{"rawBytes": _base64(each.public_bytes(Encoding.DER))} for each in chain]},
            "validFor": {"start": _time(self.authority.since)},
        }

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
        here = self._service(self.url, 1)
        signing = {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [here],
            "oidcUrls": [here],
            "rekorTlogUrls": [self._service(self.url, self.rekor)],
            "tsaUrls": [self._service(f"{self.url}/timestamp", 1)] if self.time else [],
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

    def _service(self, url: str, version: int) -> Json:
        valid = {"start": _time(self.authority.since)}
        return {"url": url, "majorApiVersion": version, "validFor": valid, "operator": "tests"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, instance: SigstoreServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.instance = instance


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body, instance = self.rfile.read(int(self.headers["Content-Length"])), self.server.instance
        try:
            if self.path == "/api/v2/signingCert":
                bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
                self._answer(200, instance.certify(bearer, json.loads(body)))
            elif self.path == f"/api/v{instance.rekor}/log/entries":
                self._answer(201, instance.record(json.loads(body)))
            elif self.path == "/timestamp" and instance.time:
                self._send(200, "application/timestamp-reply", instance.time.answer(body))
            else:
                raise Refusal(404, f"nothing is at {self.path}")
        except Refusal as refusal:
            self._answer(refusal.status, {"code": refusal.status, "message": refusal.message})

    def _answer(self, status: int, body: Json) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
