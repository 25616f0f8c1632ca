"""The one envelope of every signature: in-toto Statement v1 in DSSE in a Sigstore bundle v0.3, as JSON.

    {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
     "verificationMaterial": {"publicKey": {"hint": "<hex>"}, "tlogEntries": []},
     "dsseEnvelope": {"payload": "<base64>", "payloadType": "application/vnd.in-toto+json",
                      "signatures": [{"sig": "<base64>", "keyid": ""}]}}

The hint is the sha256 of the key's PEM. A keyless signature has, in place of `publicKey`,
`{"certificate": {"rawBytes": "<base64 DER>"}}` with exactly one entry of a transparency log and maybe timestamps: what
sigstore writes, and nothing besides.

Sources: in-toto attestation spec v1, DSSE v1, sigstore protobuf-specs (bundle v0.3).
"""

import base64
import binascii
import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
MAX_BUNDLE = 8 * 1024 * 1024  # bytes: a card of 10,000 artifacts needs about 2 MiB
MAX_INTEGER = 2**53 - 1
MAX_TIMESTAMPS = 8
_DIGITS = re.compile(r"0|[1-9][0-9]{0,18}")  # protobuf writes 64-bit integers as text
_HINT = re.compile(r"[0-9a-f]{64}")
_IN_ENVELOPE, _IN_SIGNATURE = {"payload", "payloadType", "signatures"}, {"sig", "keyid"}

Statement = dict[str, Any]


class EnvelopeError(ValueError):
    """Not an envelope that Modelbook accepts; the message says why."""


@dataclass(frozen=True)
class Envelope:
    """What a bundle holds: the signed bytes, the statement in them, the signature, and whose it claims to be.

    That is the `hint` of a key, or for a keyless signature the `certificate` (DER); the other one is None.
    """

    payload: bytes
    statement: Statement
    signature: bytes
    hint: str | None
    certificate: bytes | None = None

    @property
    def signed_bytes(self) -> bytes:
        """What the signature covers."""
        return pre_authentication_encoding(self.payload)


def statement(predicate_type: str, subjects: list[dict[str, Any]], predicate: dict[str, Any]) -> Statement:
    """An in-toto Statement v1."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": predicate_type,
        "predicate": predicate,
    }


def payload_of(content: Statement) -> bytes:
    """The statement's bytes, as they are signed: JSON, keys sorted, no spaces."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def pre_authentication_encoding(payload: bytes) -> bytes:
    """DSSE v1's encoding of type and payload."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def key_hint(public_pem: bytes) -> str:
    """The hint by which a bundle names its key: hex sha256 of the PEM (SubjectPublicKeyInfo)."""
    return hashlib.sha256(public_pem).hexdigest()


def write_bundle(payload: bytes, signature: bytes, hint: str) -> bytes:
    """The bundle as the file that is stored: JSON, one line, with a line end."""
    bundle = {
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(bundle, separators=(",", ":")).encode() + b"\n"


def read_bundle(data: bytes) -> Envelope:
    """Parse a bundle, of a key or keyless, strictly. Raises EnvelopeError."""
    if len(data) > MAX_BUNDLE:
        raise EnvelopeError(f"a bundle of {len(data):,} bytes is larger than the {MAX_BUNDLE:,} that are read")
    bundle = strict_json(data)
    if not isinstance(bundle, dict) or bundle.get("mediaType") != MEDIA_TYPE:
        raise EnvelopeError("not a Sigstore bundle v0.3")
    material, dsse = bundle.get("verificationMaterial"), bundle.get("dsseEnvelope")
    if set(bundle) != {"mediaType", "verificationMaterial", "dsseEnvelope"} or not isinstance(dsse, dict):
        raise EnvelopeError("the bundle does not hold exactly one DSSE envelope and its verification material")
    hint, certificate = _signed_by(material)
    signatures = dsse.get("signatures")
    if dsse.get("payloadType") != PAYLOAD_TYPE:
        raise EnvelopeError(f"the payload is not {PAYLOAD_TYPE}")
    if not isinstance(signatures, list) or len(signatures) != 1 or not isinstance(signatures[0], dict):
        raise EnvelopeError("a bundle holds exactly one signature")
    keyid = signatures[0].get("keyid")
    if (
        dsse.keys() - _IN_ENVELOPE
        or signatures[0].keys() - _IN_SIGNATURE
        or not (keyid is None or isinstance(keyid, str))
    ):
        raise EnvelopeError("the DSSE envelope holds what DSSE v1 does not know")
    payload = _base64(dsse.get("payload"), "payload")
    content = strict_json(payload)
    if not isinstance(content, dict) or content.get("_type") != STATEMENT_TYPE:
        raise EnvelopeError("the payload is not an in-toto Statement v1")
    return Envelope(payload, content, _base64(signatures[0].get("sig"), "signature"), hint, certificate)


def _signed_by(material: Any) -> tuple[str | None, bytes | None]:
    """The hint of the key, or the certificate, in a bundle's verification material."""
    if isinstance(material, dict) and "certificate" in material:
        return None, _keyless(material)
    key = material.get("publicKey") if isinstance(material, dict) else None
    hint = key.get("hint") if isinstance(key, dict) else None
    if not isinstance(hint, str) or not _HINT.fullmatch(hint):
        raise EnvelopeError("the bundle names no public key and no certificate")
    if material != {"publicKey": {"hint": hint}, "tlogEntries": []}:
        raise EnvelopeError("beside its public key the bundle holds an empty `tlogEntries`, and nothing else")
    return hint, None


def _keyless(material: dict[str, Any]) -> bytes:
    """The certificate in keyless material, all of which has the form that sigstore writes."""
    _members(material, "verification material", {"certificate", "tlogEntries"}, {"timestampVerificationData"})
    certificate = _member(material, "certificate", {"rawBytes"})
    entries = material["tlogEntries"]
    if not isinstance(entries, list) or len(entries) != 1:
        raise EnvelopeError("a keyless bundle holds exactly one log entry")
    required = {"logIndex", "logId", "kindVersion", "inclusionProof", "canonicalizedBody"}
    entry = _members(entries[0], "log entry", required, {"integratedTime", "inclusionPromise"})
    if ("integratedTime" in entry) != ("inclusionPromise" in entry):
        raise EnvelopeError("the log's time and its promise do not come together: the one proves the other")
    kind = _member(entry, "kindVersion", {"kind", "version"})
    proof = _member(entry, "inclusionProof", {"logIndex", "rootHash", "treeSize", "hashes", "checkpoint"})
    checkpoint = _member(proof, "checkpoint", {"envelope"})
    if not all(isinstance(text, str) for text in (*kind.values(), *checkpoint.values())):
        raise EnvelopeError("the log entry's kind or checkpoint is not text")
    if not isinstance(proof["hashes"], list):
        raise EnvelopeError("the hashes of the inclusion proof are not a list")
    for number in (entry["logIndex"], proof["logIndex"], proof["treeSize"], entry.get("integratedTime", "0")):
        if not isinstance(number, str) or not _DIGITS.fullmatch(number):
            raise EnvelopeError("a number of the log entry is not written as decimal digits in a string")
    encoded = [entry["canonicalizedBody"], _member(entry, "logId", {"keyId"})["keyId"], proof["rootHash"]]
    encoded += proof["hashes"]
    if "inclusionPromise" in entry:
        encoded += _member(entry, "inclusionPromise", {"signedEntryTimestamp"}).values()
    for text in (*encoded, *_timestamps(material)):
        _base64(text, "log entry")
    return _base64(certificate["rawBytes"], "certificate")


def _timestamps(material: dict[str, Any]) -> list[Any]:
    """The signed timestamps of RFC 3161, encoded; there may be none."""
    if "timestampVerificationData" not in material:
        return []
    data = _members(material["timestampVerificationData"], "timestamps", set(), {"rfc3161Timestamps"})
    stamps = data.get("rfc3161Timestamps", [])
    if not isinstance(stamps, list) or len(stamps) > MAX_TIMESTAMPS:
        raise EnvelopeError(f"the timestamps are not a list of at most {MAX_TIMESTAMPS}")
    return [_members(stamp, "timestamp", {"signedTimestamp"}, set())["signedTimestamp"] for stamp in stamps]


def _member(parent: dict[str, Any], name: str, required: set[str]) -> dict[str, Any]:
    return _members(parent[name], name, required, set())


def _members(value: Any, what: str, required: set[str], optional: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or not required <= value.keys() <= required | optional:
        raise EnvelopeError(f"the {what} does not hold exactly what sigstore writes")
    return value


def strict_json(data: bytes) -> Any:
    """JSON in UTF-8 without duplicate keys, NaN, infinity, or integers that some readers would round.

    Raises EnvelopeError.
    """
    try:
        return json.loads(
            data.decode(),  # of bytes, json would guess the encoding
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_int=_integer,
            parse_float=_float,
        )
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise EnvelopeError(f"not JSON: {error}") from None
    except RecursionError:
        raise EnvelopeError("nested too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise EnvelopeError("a JSON key stands twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise EnvelopeError(f"{constant} is no JSON number")


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise EnvelopeError(f"{digits[:40]} is larger than 2^53 - 1")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits[:40])


def _base64(text: Any, what: str) -> bytes:
    if not isinstance(text, str):
        raise EnvelopeError(f"the {what} is missing")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise EnvelopeError(f"the {what} is not base64") from None
    if base64.b64encode(data).decode() != text:  # unused bits that are set: some readers refuse them
        raise EnvelopeError(f"the {what} is not base64 in its one spelling")
    return data
