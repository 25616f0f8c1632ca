"""A keyless bundle with anything in it spoilt: refused, or the very same signature of the very same statement.

The named cases are those of Sigstore's conformance suite that its own log and CA can be made to have.
"""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.signing.envelope import read_bundle
from modelbook.core.verifying.verification import verify_version
from tests.adapters.keyless_registry import SIGNATURE, registry, sigstore
from tests.parts.sigstore.signing import sign
from tests.parts.spoiling import as_bytes, spoilt_bytes, spoilt_json

sign(sigstore(), {"_type": "x"}, at="2026-03-02T12:00:00Z")  # so that a proof has hashes
MADE = registry()
GOOD = MADE.files[SIGNATURE]
OTHER = registry().files[SIGNATURE]
Bundle = dict[str, Any]


def refused(data: bytes) -> bool:
    """Whether the signature is; that of the provenance beside it stays good."""
    found = verify_version(MADE.copy().put(SIGNATURE, data).registry, "digits", 1).findings
    assert all(one.path == f"registry/{SIGNATURE}" and one.message.isprintable() for one in found)
    return bool(found)


def entry(bundle: Bundle) -> Bundle:
    found: Bundle = bundle["verificationMaterial"]["tlogEntries"][0]
    return found


def checkpoint(change: Callable[[list[str]], object]) -> Callable[[Bundle], object]:
    """Change the lines of the checkpoint: origin, size, root hash, nothing, signature."""

    def apply(bundle: Bundle) -> None:
        lines = entry(bundle)["inclusionProof"]["checkpoint"]["envelope"].split("\n")
        change(lines)
        entry(bundle)["inclusionProof"]["checkpoint"]["envelope"] = "\n".join(lines)

    return apply


def bad_key_hint(lines: list[str]) -> None:
    mark, name, signature = lines[4].split(" ")
    data = base64.b64decode(signature)
    lines[4] = " ".join([mark, name, base64.b64encode(bytes([data[0] ^ 1]) + data[1:]).decode()])


def material(bundle: Bundle) -> Bundle:
    found: Bundle = bundle["verificationMaterial"]
    return found


CERTIFICATE = json.loads(GOOD)["verificationMaterial"]["certificate"]
FOREIGN = json.loads(OTHER)
CASES: dict[str, Callable[[Bundle], object]] = {
    "checkpoint-bad-keyhint": checkpoint(bad_key_hint),
    "checkpoint-wrong-roothash": checkpoint(lambda lines: lines.__setitem__(2, base64.b64encode(b"0" * 32).decode())),
    "checkpoint-missing-origin": checkpoint(lambda lines: lines.pop(0)),
    "checkpoint-missing-size": checkpoint(lambda lines: lines.pop(1)),
    "checkpoint-other-size": checkpoint(lambda lines: lines.__setitem__(1, "99")),
    "checkpoint-missing-root-hash": checkpoint(lambda lines: lines.pop(2)),
    "checkpoint-missing-log-signature": checkpoint(lambda lines: lines.pop(4)),
    "inclusion-proof-without-checkpoint": lambda b: entry(b)["inclusionProof"].pop("checkpoint"),
    "inclusion-proof-without-hashes": lambda b: entry(b)["inclusionProof"].update(hashes=[]),
    "inclusion-proof-other-index": lambda b: entry(b)["inclusionProof"].update(logIndex="0"),
    "inclusion-proof-other-size": lambda b: entry(b)["inclusionProof"].update(treeSize="1"),
    "intoto-missing-inclusion-proof": lambda b: entry(b).pop("inclusionProof"),
    "negative-log-index": lambda b: entry(b).update(logIndex="-1"),
    "other-log-index": lambda b: entry(b).update(logIndex="77"),
    "log-index-as-number": lambda b: entry(b).update(logIndex=1),
    "other-log-id": lambda b: entry(b)["logId"].update(keyId=base64.b64encode(b"0" * 32).decode()),
    "integrated-time-in-future": lambda b: entry(b).update(integratedTime="4102444800"),
    "set-missing": lambda b: entry(b).pop("inclusionPromise"),
    "wrong-entry-kind": lambda b: entry(b).update(kindVersion={"kind": "hashedrekord", "version": "0.0.1"}),
    "intoto-log-entry-mismatch": lambda b: material(b).update(tlogEntries=[entry(FOREIGN)]),
    "no-log-entry": lambda b: material(b).update(tlogEntries=[]),
    "two-log-entries": lambda b: material(b).update(tlogEntries=[entry(b), entry(b)]),
    "dsse-mismatch-sig": lambda b: b["dsseEnvelope"].update(signatures=FOREIGN["dsseEnvelope"]["signatures"]),
    "wrong-material": lambda b: material(b).update(certificate=FOREIGN["verificationMaterial"]["certificate"]),
    "certificate-chain": lambda b: material(b).update(
        x509CertificateChain={"certificates": [material(b).pop("certificate")]}
    ),
    "chain-beside-certificate": lambda b: material(b).update(x509CertificateChain={"certificates": [CERTIFICATE]}),
    "empty-certificate-chain": lambda b: material(b).update(
        certificate=None, x509CertificateChain={"certificates": []}
    ),
    "key-beside-certificate": lambda b: material(b).update(publicKey={"hint": "0" * 64}),
    "key-instead-of-certificate": lambda b: material(b).update(certificate=None, publicKey={"hint": "0" * 64}),
    "timestamp-that-is-none": lambda b: material(b).update(
        timestampVerificationData={"rfc3161Timestamps": [{"signedTimestamp": "YQ=="}]}
    ),
    "unknown-version": lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle.v0.9+json"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_keyless_bundle_is_refused(name: str) -> None:
    bundle = json.loads(GOOD)
    CASES[name](bundle)
    assert bundle != json.loads(GOOD)
    assert refused(as_bytes(bundle))


@given(spoilt_bytes(GOOD, OTHER) | spoilt_json(GOOD).map(as_bytes))
@settings(max_examples=150)
def test_a_spoilt_keyless_bundle_is_refused_or_the_very_same_signature(data: bytes) -> None:
    if not refused(data):
        was, found = read_bundle(GOOD), read_bundle(data)
        assert (found.payload, found.certificate, found.signature) == (was.payload, was.certificate, was.signature)


# The log's name beside its signature says nothing: sigstore finds the log's key by the hint that follows.
NAME = re.search(rb"\\u2014 ([^ ]+) ", GOOD)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 7))
@settings(max_examples=150)
def test_a_bit_of_a_keyless_bundle_that_is_changed_is_noticed(position: int, bit: int) -> None:
    assert NAME
    flipped = bytearray(GOOD)
    flipped[position] ^= 1 << bit
    assert refused(bytes(flipped)) or position in range(*NAME.span(1)), position
