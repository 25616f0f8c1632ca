"""The log of signatures: an append-only Merkle tree, with Rekor's answers to who adds an entry.

Sources: RFC 6962 section 2.1; Rekor's openapi.yaml (v1), its type dsse 0.0.1, and the
specification of v2; C2SP signed notes.
"""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from modelbook.core.signing.envelope import pre_authentication_encoding
from tests.parts.sigstore.authority import key_id, new_key

ORIGIN = "log.sigstore.test"


class Log:
    """A log with its key; `clock` is what it believes the time to be, None for the machine's."""

    def __init__(self) -> None:
        self.key = new_key()
        self.clock: datetime | None = None
        self._leaves: list[bytes] = []

    def add(self, proposed: dict[str, Any]) -> dict[str, Any]:
        """The answer to a proposed entry of type dsse. Raises ValueError unless its signature is good."""
        if (proposed["kind"], proposed["apiVersion"]) != ("dsse", "0.0.1"):
            raise ValueError("only dsse 0.0.1 is logged here")
        content = proposed["spec"]["proposedContent"]
        envelope = json.loads(content["envelope"])
        (verifier,), (signature,) = content["verifiers"], envelope["signatures"]
        payload = base64.b64decode(envelope["payload"])
        public = x509.load_pem_x509_certificate(base64.b64decode(verifier)).public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(
            base64.b64decode(signature["sig"]), pre_authentication_encoding(payload), ec.ECDSA(hashes.SHA256())
        )
        spec: dict[str, Any] = {
            "envelopeHash": _sha256(content["envelope"].encode()),
            "payloadHash": _sha256(payload),
            "signatures": [{"signature": signature["sig"], "verifier": verifier}],
        }
        body = rfc8785.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})
        index = self._append(body)
        entry: dict[str, Any] = {
            "body": base64.b64encode(body).decode(),
            "integratedTime": int((self.clock or datetime.now(UTC)).timestamp()),
            "logID": key_id(self.key).hex(),
            "logIndex": index,
        }
        promise = self._sign(rfc8785.dumps(entry))
        root = _root(self._leaves)
        proof = {
            "logIndex": index,
            "treeSize": len(self._leaves),
            "rootHash": root.hex(),
            "hashes": [each.hex() for each in _path(index, self._leaves)],
            "checkpoint": self._checkpoint(root),
        }
        verification = {"signedEntryTimestamp": base64.b64encode(promise).decode(), "inclusionProof": proof}
        return {self._leaves[index].hex(): {**entry, "verification": verification}}

    def add_v2(self, proposed: dict[str, Any]) -> dict[str, Any]:
        """The same for Rekor v2: of the signed bytes it sees the digest alone, and it promises nothing of the time."""
        request = proposed["hashedRekordRequestV002"]
        signature, digest = request["signature"], base64.b64decode(request["digest"])
        certificate = x509.load_der_x509_certificate(
            base64.b64decode(signature["verifier"]["x509Certificate"]["rawBytes"])
        )
        public = certificate.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(base64.b64decode(signature["content"]), digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        data = {"algorithm": "SHA2_256", "digest": request["digest"]}
        spec = {"hashedRekordV002": {"data": data, "signature": signature}}
        body = rfc8785.dumps({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec})
        index = self._append(body)
        root = _root(self._leaves)
        return {
            "logIndex": str(index),
            "logId": {"keyId": base64.b64encode(key_id(self.key)).decode()},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": base64.b64encode(root).decode(),
                "treeSize": str(len(self._leaves)),
                "hashes": [base64.b64encode(each).decode() for each in _path(index, self._leaves)],
                "checkpoint": {"envelope": self._checkpoint(root)},
            },
            "canonicalizedBody": base64.b64encode(body).decode(),
        }

    def _append(self, body: bytes) -> int:
        self._leaves.append(hashlib.sha256(b"\0" + body).digest())
        return len(self._leaves) - 1

    def _checkpoint(self, root: bytes) -> str:
        note = f"{ORIGIN} - 1\n{len(self._leaves)}\n{base64.b64encode(root).decode()}\n"
        signature = key_id(self.key)[:4] + self._sign(note.encode())
        return f"{note}\n\N{EM DASH} {ORIGIN} {base64.b64encode(signature).decode()}\n"

    def _sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


def _sha256(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    at = _split(len(leaves))
    return _node(_root(leaves[:at]), _root(leaves[at:]))


def _path(index: int, leaves: list[bytes]) -> list[bytes]:
    """The hashes that lead from a leaf to the root, nearest first."""
    if len(leaves) == 1:
        return []
    at = _split(len(leaves))
    if index < at:
        return [*_path(index, leaves[:at]), _root(leaves[at:])]
    return [*_path(index - at, leaves[at:]), _root(leaves[:at])]
