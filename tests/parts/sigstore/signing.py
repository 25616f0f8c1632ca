"""Bundles without HTTP: for jobs that no issuer would name, at any time, and with parts left out."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from sigstore.models import TransparencyLogEntry

from modelbook.core.signing.envelope import MEDIA_TYPE, PAYLOAD_TYPE, Statement, payload_of, pre_authentication_encoding
from modelbook.core.trust import GITHUB
from tests.parts.sigstore.authority import new_key
from tests.parts.sigstore.server import SigstoreServer

WORKFLOW = "acme/models/.github/workflows/register.yml@refs/heads/main"


def job(**claims: Any) -> dict[str, Any]:
    """What GitHub says of a job that registers on main of acme/models, changed by `claims`."""
    usual = {
        "iss": GITHUB,
        "repository": "acme/models",
        "repository_id": "4711",
        "repository_owner": "acme",
        "repository_owner_id": "42",
        "repository_visibility": "private",
        "ref": "refs/heads/main",
        "sha": "c" * 40,
        "event_name": "workflow_dispatch",
        "workflow_ref": WORKFLOW,
        "job_workflow_ref": WORKFLOW,
        "run_id": "1001",
        "run_attempt": "1",
        "runner_environment": "github-hosted",
    }
    return usual | claims


def sign(
    instance: SigstoreServer,
    content: Statement,
    claims: Mapping[str, Any] | None = None,
    *,
    at: str | None = None,
    logged: str | None = None,
    promised: bool = True,
) -> bytes:
    """A keyless bundle over `content` by the job that `claims` name.

    The certificate begins `at` (now), the log saw the signature when `logged` says (the same time); both as in a card.
    """
    start = _moment(at) if at else datetime.now(UTC).replace(microsecond=0)
    key = new_key()
    certificate = instance.authority.issue(key.public_key(), claims or job(), at=start, promised=promised)
    payload = payload_of(content)
    signature = key.sign(pre_authentication_encoding(payload), ec.ECDSA(hashes.SHA256()))
    envelope = {
        "payload": _base64(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": _base64(signature)}],
    }
    verifiers = [_base64(certificate.public_bytes(Encoding.PEM))]
    spec = {"proposedContent": {"envelope": json.dumps(envelope), "verifiers": verifiers}}
    instance.log.clock = _moment(logged) if logged else start
    entry = instance.record({"kind": "dsse", "apiVersion": "0.0.1", "spec": spec})
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {
            "certificate": {"rawBytes": _base64(certificate.public_bytes(Encoding.DER))},
            "tlogEntries": [TransparencyLogEntry._from_v1_response(entry)._inner.to_dict()],
        },
        "dsseEnvelope": envelope,
    }
    return json.dumps(bundle).encode() + b"\n"


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
