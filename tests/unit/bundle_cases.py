"""Known-bad bundles, each made here from a good one; their names are those that other verifiers' suites have for them.

The names come from the OpenSSF model signing specification's test vectors and its conformance suite, from Sigstore's
conformance suite, and from what JSON, base64, DER and DSSE leave open. A bundle with a certificate is another matter.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from modelbook.core.signing.envelope import PAYLOAD_TYPE, key_hint, pre_authentication_encoding, read_bundle
from tests.made import Made, key

FOLDER = "models/digits/versions/1"
SIGNATURE = f"{FOLDER}/model.sig"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
MADE = Made().dataset().version(metrics=None).version("digits", 2, metrics=None)
GOOD = MADE.files[SIGNATURE]
SAID = read_bundle(GOOD).statement
PAYLOAD = read_bundle(GOOD).payload
Change = Callable[[dict[str, Any]], object]


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def bundle(change: Change) -> bytes:
    """The good bundle, changed where nothing is signed."""
    found = json.loads(GOOD)
    change(found)
    return json.dumps(found).encode()


def dsse(**fields: Any) -> bytes:
    return bundle(lambda b: b["dsseEnvelope"].update(fields))


def material(**fields: Any) -> bytes:
    return bundle(lambda b: b["verificationMaterial"].update(fields))


def with_signature(signature: bytes, **fields: Any) -> bytes:
    return dsse(signatures=[{"sig": text(signature), "keyid": ""}], **fields)


def by(signer: str, covered: bytes, digest: hashes.HashAlgorithm | None = None) -> bytes:
    return key(signer).key.sign(covered, ec.ECDSA(digest or hashes.SHA256()))


def signed(payload: bytes, signer: str = "registrar") -> bytes:
    """Any payload, well signed."""
    hint = {"publicKey": {"hint": key(signer).hint}, "tlogEntries": []}
    signature = by(signer, pre_authentication_encoding(payload))
    envelope = {
        "payload": text(payload),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": text(signature), "keyid": ""}],
    }
    return bundle(lambda b: b.update(verificationMaterial=hint, dsseEnvelope=envelope))


def says(change: Change) -> bytes:
    """Another statement, well signed by the one who may."""
    statement = json.loads(PAYLOAD)
    change(statement)
    return signed(json.dumps(statement).encode())


def predicate(change: Change) -> bytes:
    return says(lambda statement: change(statement["predicate"]))


def resource(**fields: Any) -> bytes:
    return predicate(lambda one: one["resources"][1].update(fields))


def malleated(data: bytes) -> bytes:
    r, s = decode_dss_signature(read_bundle(data).signature)
    return with_signature(encode_dss_signature(r, ORDER - s))


def raw_pair() -> bytes:
    r, s = decode_dss_signature(read_bundle(GOOD).signature)
    return r.to_bytes(32) + s.to_bytes(32)


def other_kind(signer: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> tuple[bytes, str]:
    """The statement signed by a key of another kind, and its public half."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = signer.public_key().public_bytes(serialization.Encoding.PEM, form)
    covered = pre_authentication_encoding(PAYLOAD)
    if isinstance(signer, ed25519.Ed25519PrivateKey):
        signature = signer.sign(covered)
    else:
        signature = signer.sign(covered, ec.ECDSA(hashes.SHA384()))
    changed = json.loads(with_signature(signature))
    changed["verificationMaterial"]["publicKey"]["hint"] = key_hint(pem)
    return json.dumps(changed).encode(), pem.decode()


def certified(**also: Any) -> bytes:
    certificate = {"rawBytes": text(b"a certificate")}
    return bundle(lambda b: b.update(verificationMaterial={"certificate": certificate, "tlogEntries": []} | also))


ENDS = signed(PAYLOAD + b" " * (-len(PAYLOAD) % 3 + 1))  # its base64 ends in `IA==`
DEEP = b"[" * 100_000
RAW = read_bundle(GOOD).signature
OTHERS = read_bundle(MADE.files["models/digits/versions/2/model.sig"])
PROVENANCE = read_bundle(MADE.files[f"{FOLDER}/provenance.sigstore.json"])
P384, P384_KEY = other_kind(ec.generate_private_key(ec.SECP384R1()))
K256, K256_KEY = other_kind(ec.generate_private_key(ec.SECP256K1()))
ED25519, ED25519_KEY = other_kind(ed25519.Ed25519PrivateKey.generate())


@dataclass(frozen=True)
class Case:
    """A bundle, what Modelbook says of it, and whether the OpenSSF tool refuses it too.

    `key` is the registrar's in trust.yaml, where it is not the usual one.
    """

    name: str
    data: bytes
    code: str
    stock_refuses: bool = True
    key: str | None = None


NO, SIGNED_BY_NOBODY, OTHER = "bad-bundle", "bad-signature", "other-statement"
MEDIA = b"application/vnd.dev.sigstore.bundle.v0.3+json"
BAD = [
    # What is no bundle.
    Case("empty file", b"", NO),
    Case("corrupted bundle", b'{"garbage": true}', NO),
    Case("malformed json", GOOD.replace(b'{"mediaType"', b'{mediaType"', 1), NO),
    Case("truncated bundle", GOOD[:100], NO),
    Case("a list", b"[" + GOOD + b"]", NO),
    Case("byte order mark", b"\xef\xbb\xbf" + GOOD, NO),
    Case("utf-16", GOOD.decode().encode("utf-16"), NO),
    Case("utf-16 without a mark", GOOD.decode().encode("utf-16-le"), NO),
    Case("utf-32", GOOD.decode().encode("utf-32"), NO),
    Case("latin-1", GOOD.replace(b'"keyid":""', b'"keyid":"\xe9"'), NO),
    Case("trailing bytes", GOOD + b"\x00", NO),
    Case("two bundles", GOOD + GOOD, NO),
    Case("50 MB", GOOD + b" " * 50_000_000, NO, stock_refuses=False),
    Case("deep nesting", GOOD.replace(b'"tlogEntries":[]', b'"tlogEntries":' + DEEP), NO),
    Case("NaN", GOOD.replace(b'"tlogEntries":[]', b'"tlogEntries":NaN'), NO),
    Case("duplicate mediaType", GOOD.replace(b'{"media', b'{"mediaType":"x","media', 1), NO, stock_refuses=False),
    Case("duplicate payload", GOOD.replace(b'"payload":', b'"payload":"e30=","payload":', 1), NO, stock_refuses=False),
    Case("duplicate sig", GOOD.replace(b'"sig":', b'"sig":"YQ==","sig":', 1), NO, stock_refuses=False),
    Case("duplicate key, one escaped", GOOD.replace(b'"sig":', b'"s\\u0069g":"YQ==","sig":'), NO, stock_refuses=False),
    # What it is made of.
    Case("unknown mediaType", GOOD.replace(MEDIA, b"application/json"), NO),
    Case("bundle v0.1", GOOD.replace(MEDIA, MEDIA[:35] + b"+json;version=0.1"), NO),
    Case("bundle v0.3 by its old name", GOOD.replace(MEDIA, MEDIA[:35] + b"+json;version=0.3"), NO),
    Case("bundle from the future", GOOD.replace(b".v0.3+json", b".v0.4+json"), NO),
    Case("missing mediaType", bundle(lambda b: b.pop("mediaType")), NO),
    Case("missing envelope", bundle(lambda b: b.pop("dsseEnvelope")), NO),
    Case("missing verification material", bundle(lambda b: b.pop("verificationMaterial")), NO),
    Case("missing tlogEntries", bundle(lambda b: b["verificationMaterial"].pop("tlogEntries")), NO, False),
    Case("missing hint", material(publicKey={}), NO, stock_refuses=False),
    Case("managed key, no key", material(publicKey=None), NO),
    Case("a hint that writes to the terminal", material(publicKey={"hint": "\x1b[2J\n::error::x"}), NO),
    Case("a hint in capitals", material(publicKey={"hint": key("registrar").hint.upper()}), NO),
    Case("unknown field in the bundle", bundle(lambda b: b.update(extra=1)), NO),
    Case("unknown field in the material", material(extra=1), NO),
    Case("unknown field in the key", material(publicKey={"hint": key("registrar").hint, "extra": 1}), NO),
    Case("unknown field in the envelope", dsse(extra=1), NO),
    Case("unknown field beside sig", dsse(signatures=[{"sig": text(RAW), "extra": 1}]), NO),
    Case("keyid that is no text", dsse(signatures=[{"sig": text(RAW), "keyid": 7}]), NO),
    Case("message signature beside the envelope", bundle(lambda b: b.update(messageSignature={})), NO),
    Case("message signature for an envelope", bundle(lambda b: b.update(messageSignature=b.pop("dsseEnvelope"))), NO),
    Case("certificate beside the key", material(certificate={"rawBytes": "YQ=="}), NO),
    Case("chain beside the key", material(x509CertificateChain={"certificates": [{"rawBytes": "YQ=="}]}), NO),
    Case("empty certificate chain", bundle(lambda b: b.update(verificationMaterial={"tlogEntries": []})), NO),
    Case("certificate that is none", certified(), NO),
    Case("log entries that nobody checks", material(tlogEntries=[{}]), NO),
    Case("log entries that are no list", material(tlogEntries={}), NO),
    Case("timestamps that nobody checks", material(timestampVerificationData={}), NO, stock_refuses=False),
    Case("2^53 + 1", material(tlogEntries=[2**53 + 1]), NO),
    # What it holds.
    Case("no signature", dsse(signatures=[]), NO),
    Case("two signatures", dsse(signatures=[{"sig": text(RAW)}] * 2), NO, stock_refuses=False),
    Case("two signatures, the second by another", dsse(signatures=[{"sig": text(RAW)}, {"sig": "YQ=="}]), NO, False),
    Case("two signatures, the first by another", dsse(signatures=[{"sig": "YQ=="}, {"sig": text(RAW)}]), NO),
    Case("missing sig", dsse(signatures=[{"keyid": ""}]), NO),
    Case("missing payload", bundle(lambda b: b["dsseEnvelope"].pop("payload")), NO),
    Case("missing payloadType", bundle(lambda b: b["dsseEnvelope"].pop("payloadType")), NO),
    Case("wrong payloadType", dsse(payloadType="application/octet-stream"), NO),
    Case("another DSSE payloadType", dsse(payloadType="application/vnd.in-toto.provenance+json"), NO),
    Case("base64: invalid", dsse(signatures=[{"sig": "???"}]), NO),
    Case("base64: white space", dsse(payload=text(PAYLOAD)[:40] + "\n" + text(PAYLOAD)[40:]), NO, stock_refuses=False),
    Case("base64: url alphabet", dsse(signatures=[{"sig": "-_" + text(RAW)[2:]}]), NO),
    Case("base64: no padding", ENDS.replace(b'IA=="', b'IA"', 1), NO),
    Case("base64: unused bits", ENDS.replace(b'IA=="', b'IB=="', 1), NO, stock_refuses=False),
    Case("base64: more after the end", ENDS.replace(b'IA=="', b'IA==IA=="', 1), NO, stock_refuses=False),
    Case("payload: not json", signed(b"x"), NO),
    Case("payload: a list", signed(b"[]"), NO),
    Case("payload: byte order mark", signed(b"\xef\xbb\xbf" + PAYLOAD), NO, stock_refuses=False),
    Case("payload: utf-16", signed(PAYLOAD.decode().encode("utf-16")), NO, stock_refuses=False),
    Case("payload: trailing bytes", signed(PAYLOAD + b"{}"), NO),
    Case("payload: deep nesting", signed(PAYLOAD[:-1] + b',"x":' + DEEP + b"}"), NO),
    Case("payload: duplicate key", signed(PAYLOAD[:-1] + b',"subject":[]}'), NO),
    Case("payload: duplicate key, the same", signed(b'{"_type":"x",' + PAYLOAD[1:]), NO, stock_refuses=False),
    Case("payload: NaN", signed(PAYLOAD[:-1] + b',"x":NaN}'), NO, stock_refuses=False),
    Case("payload: 1e999", signed(PAYLOAD[:-1] + b',"x":1e999}'), NO, stock_refuses=False),
    Case("payload: 2^53 + 1", signed(PAYLOAD[:-1] + b',"x":9007199254740993}'), NO, stock_refuses=False),
    Case("statement v0.1", says(lambda s: s.update(_type="https://in-toto.io/Statement/v0.1")), NO),
    Case("statement type from the future", says(lambda s: s.update(_type="https://in-toto.io/Statement/v2")), NO),
    Case("missing statement type", says(lambda s: s.pop("_type")), NO),
    # Who signed it.
    Case("wrong key", signed(PAYLOAD, "mallory"), SIGNED_BY_NOBODY),
    Case("wrong key with the right hint", with_signature(by("mallory", pre_authentication_encoding(PAYLOAD))),
         SIGNED_BY_NOBODY),
    Case("right key with a wrong hint", material(publicKey={"hint": "0" * 64}), SIGNED_BY_NOBODY),
    Case("the key of one who may sign other things", signed(PAYLOAD, "promoter"), SIGNED_BY_NOBODY),
    Case("invalid signature", with_signature(RAW[:-1] + bytes([RAW[-1] ^ 1])), SIGNED_BY_NOBODY),
    Case("signature over another payload", with_signature(OTHERS.signature), SIGNED_BY_NOBODY),
    Case("signature over another kind of statement", with_signature(PROVENANCE.signature), SIGNED_BY_NOBODY),
    Case("payload changed after signing", dsse(payload=text(PAYLOAD.replace(b"digits@1", b"digits@2"))),
         SIGNED_BY_NOBODY),
    Case("signed without DSSE's encoding", with_signature(by("registrar", PAYLOAD)), SIGNED_BY_NOBODY),
    Case("signed for another payloadType", with_signature(by("registrar", pre_authentication_encoding(PAYLOAD).replace(
        b"DSSEv1 28 application/vnd.in-toto+json", b"DSSEv1 16 application/json"))), SIGNED_BY_NOBODY),
    Case("signed over lengths that lie", with_signature(by("registrar", b"DSSEv1 28 application/vnd.in-toto+json 0 "
        + PAYLOAD)), SIGNED_BY_NOBODY),
    Case("signed over the digest", with_signature(by("registrar", hashlib.sha256(pre_authentication_encoding(
        PAYLOAD)).digest())), SIGNED_BY_NOBODY),
    Case("signed with sha-384", with_signature(by("registrar", pre_authentication_encoding(PAYLOAD), hashes.SHA384())),
         SIGNED_BY_NOBODY),
    Case("empty signature", with_signature(b""), SIGNED_BY_NOBODY),
    Case("signature of zeros", with_signature(encode_dss_signature(0, 0)), SIGNED_BY_NOBODY),
    Case("signature plus the order", with_signature(encode_dss_signature(decode_dss_signature(RAW)[0] + ORDER,
         decode_dss_signature(RAW)[1])), SIGNED_BY_NOBODY),
    Case("signature as a raw pair", with_signature(raw_pair()), SIGNED_BY_NOBODY),
    Case("bytes after the signature", with_signature(RAW + b"\x00"), SIGNED_BY_NOBODY),
    Case("P-384 key", P384, SIGNED_BY_NOBODY, stock_refuses=False, key=P384_KEY),
    Case("secp256k1 key", K256, SIGNED_BY_NOBODY, key=K256_KEY),
    Case("Ed25519 key", ED25519, SIGNED_BY_NOBODY, key=ED25519_KEY),
    # What it says.
    Case("provenance as a model's signature", MADE.files[f"{FOLDER}/provenance.sigstore.json"], OTHER),
    Case("the signature of another version", MADE.files["models/digits/versions/2/model.sig"], OTHER),
    Case("wrong predicate", says(lambda s: s.update(predicateType="https://example.com/wrong/v1.0")), OTHER),
    Case("predicate from the future", says(lambda s: s.update(predicateType="https://model_signing/signature/v2.0")),
         OTHER),
    Case("missing predicateType", says(lambda s: s.pop("predicateType")), OTHER),
    Case("missing predicate", says(lambda s: s.pop("predicate")), OTHER),
    Case("predicate null", says(lambda s: s.update(predicate=None)), OTHER),
    Case("a field more in the statement", says(lambda s: s.update(extra=1)), OTHER, stock_refuses=False),
    Case("a field more in the predicate", predicate(lambda p: p.update(extra=1)), OTHER, stock_refuses=False),
    Case("a field that writes to the terminal", says(lambda s: s.update({"\x1b[2J\ud800": 1})), OTHER, False),
    Case("missing subject", says(lambda s: s.pop("subject")), OTHER),
    Case("no subject", says(lambda s: s.update(subject=[])), OTHER),
    Case("duplicate subjects", says(lambda s: s["subject"].append(s["subject"][0])), OTHER),
    Case("subject digest mismatch", says(lambda s: s["subject"][0]["digest"].update(sha256="0" * 64)), OTHER),
    Case("a second digest of the subject", says(lambda s: s["subject"][0]["digest"].update(sha512="0" * 128)), OTHER,
         stock_refuses=False),
    Case("another subject name", says(lambda s: s["subject"][0].update(name="digits@2")), OTHER, stock_refuses=False),
    Case("missing serialization", predicate(lambda p: p.pop("serialization")), OTHER),
    Case("shards for files", predicate(lambda p: p["serialization"].update(method="shards")), OTHER),
    Case("symbolic links allowed", predicate(lambda p: p["serialization"].update(allow_symlinks=True)), OTHER, False),
    Case("paths that are not looked at", predicate(lambda p: p["serialization"].update(ignore_paths=["x"])), OTHER,
         stock_refuses=False),
    Case("empty resources", predicate(lambda p: p.update(resources=[])), OTHER),
    Case("missing resource", predicate(lambda p: p["resources"].pop()), OTHER),
    Case("extra resource", predicate(lambda p: p["resources"].append(p["resources"][0] | {"name": "z"})), OTHER),
    Case("renamed resource", resource(name="config/other.json"), OTHER),
    Case("resource outside the folder", resource(name="../config/model.json"), OTHER),
    Case("resource digest mismatch", resource(digest="0" * 64), OTHER),
    Case("resource digest of another kind", resource(algorithm="blake3"), OTHER),
    Case("resources in another order", predicate(lambda p: p["resources"].reverse()), OTHER),
]  # fmt: skip
# The same statement under a signature of the same signer, written otherwise.
SAME = {
    "as it was": GOOD,
    "other white space": json.dumps(json.loads(GOOD), indent=2).encode() + b"\n\n",
    "other order": json.dumps(dict(reversed(json.loads(GOOD).items()))).encode(),
    "no line end": GOOD.rstrip(),
    "escapes": GOOD.replace(b'"mediaType"', b'"mediaTyp\\u0065"'),
    "no keyid": dsse(signatures=[{"sig": text(RAW)}]),
    "keyid null": dsse(signatures=[{"sig": text(RAW), "keyid": None}]),
    "any keyid": dsse(signatures=[{"sig": text(RAW), "keyid": "somebody"}]),
    "payload written otherwise": signed(json.dumps(SAID, indent=1).encode()),
    "malleated": malleated(GOOD),
}
