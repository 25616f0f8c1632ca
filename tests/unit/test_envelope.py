"""The envelope of every signature: one bundle, one statement, one signature, and no two ways to read it."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.signing.envelope import (
    MAX_BUNDLE,
    EnvelopeError,
    Statement,
    key_hint,
    payload_of,
    pre_authentication_encoding,
    read_bundle,
    statement,
    strict_json,
    write_bundle,
)

SAID = statement("https://example.com/v1", [{"name": "x", "digest": {"sha256": "a" * 64}}], {"n": 1, "b": [True, None]})
PAYLOAD = payload_of(SAID)
BUNDLE = write_bundle(PAYLOAD, b"signature", "a" * 64)


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    bundle = json.loads(BUNDLE)
    change(bundle)
    return json.dumps(bundle).encode()


def with_payload(payload: bytes) -> bytes:
    return changed(lambda bundle: bundle["dsseEnvelope"].update(payload=encoded(payload)))


def refused(data: bytes) -> str:
    with pytest.raises(EnvelopeError) as caught:
        read_bundle(data)
    return str(caught.value)


def test_a_bundle_that_is_written_is_read_back() -> None:
    envelope = read_bundle(BUNDLE)
    assert (envelope.payload, envelope.statement, envelope.signature) == (PAYLOAD, SAID, b"signature")
    assert envelope.hint == "a" * 64


def test_the_signature_covers_type_and_length_and_payload_as_dsse_says() -> None:
    """The example of the DSSE specification, with our payload type."""
    assert pre_authentication_encoding(b"hello world") == b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"
    assert read_bundle(BUNDLE).signed_bytes == b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(PAYLOAD), PAYLOAD)


def test_the_bundle_has_the_form_that_the_sigstore_tools_read() -> None:
    assert json.loads(BUNDLE) == {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "a" * 64}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": encoded(PAYLOAD),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": encoded(b"signature"), "keyid": ""}],
        },
    }
    assert BUNDLE.endswith(b"\n")


def test_a_statement_has_one_spelling() -> None:
    assert payload_of({"b": 1, "a": [1.5, "é"]}) == b'{"a":[1.5,"\\u00e9"],"b":1}'
    with pytest.raises(ValueError, match="JSON"):
        payload_of({"a": float("nan")})


def test_the_hint_of_a_key_is_the_sha256_of_its_pem() -> None:
    assert key_hint(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


TWICE = BUNDLE.replace(b'"mediaType"', b'"mediaType":"x","mediaType"', 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not JSON"),
        (b"not json", "not JSON"),
        (b"[]", "not a Sigstore bundle v0.3"),
        (b"null", "not a Sigstore bundle v0.3"),
        (b"{}", "not a Sigstore bundle v0.3"),
        (BUNDLE + b"{}", "not JSON: Extra data"),
        (BUNDLE + b"trailing garbage", "not JSON: Extra data"),
        (BUNDLE + b"\x00", "not JSON: Extra data"),
        (BUNDLE[:-10], "not JSON"),
        (b"\xff" + BUNDLE, "not JSON"),
        (b"\xef\xbb\xbf" + BUNDLE, "not JSON"),
        (BUNDLE.decode().encode("utf-16"), "not JSON"),
        (BUNDLE.decode().encode("utf-32-be"), "not JSON"),
        (TWICE, "a JSON key stands twice"),
        (BUNDLE.replace(b'"sig"', b'"sig":"","sig"'), "a JSON key stands twice"),
        (BUNDLE.replace(b".v0.3+json", b".v0.2+json"), "not a Sigstore bundle v0.3"),
        (BUNDLE.replace(b"application/vnd.in-toto+json", b"text/plain"), "the payload is not application/vnd.in-toto"),
        (BUNDLE.replace(b'"tlogEntries":[]', b'"tlogEntries":' + b"[" * 100_000), "nested too deep"),
        (BUNDLE.replace(b'"tlogEntries":[]', b'"tlogEntries":NaN'), "NaN is no JSON number"),
        (BUNDLE.replace(b'"tlogEntries":[]', b'"tlogEntries":-Infinity'), "-Infinity is no JSON number"),
        (BUNDLE.replace(b'"tlogEntries":[]', b'"tlogEntries":1e999'), "1e999 is no JSON number"),
        (BUNDLE.replace(b'"tlogEntries":[]', b'"tlogEntries":9007199254740993'), "larger than 2^53 - 1"),
        (BUNDLE.replace(b'"tlogEntries":[]', b'"tlogEntries":' + b"9" * 5000), "larger than 2^53 - 1"),
        (changed(lambda b: b.update(messageSignature={})), "exactly one DSSE envelope"),
        (changed(lambda b: b.pop("dsseEnvelope")), "exactly one DSSE envelope"),
        (changed(lambda b: b.update(dsseEnvelope=[b["dsseEnvelope"]])), "exactly one DSSE envelope"),
        (changed(lambda b: b.update(verificationMaterial={})), "names no public key"),
        (changed(lambda b: b.update(verificationMaterial=[])), "names no public key"),
        (changed(lambda b: b["verificationMaterial"].update(publicKey={"hint": 7})), "names no public key"),
        (changed(lambda b: b["dsseEnvelope"].update(signatures=[])), "exactly one signature"),
        (changed(lambda b: b["dsseEnvelope"].update(signatures=None)), "exactly one signature"),
        (changed(lambda b: b["dsseEnvelope"].update(signatures={"sig": ""})), "exactly one signature"),
        (changed(lambda b: b["dsseEnvelope"]["signatures"].append({"sig": "YQ=="})), "exactly one signature"),
        (changed(lambda b: b["dsseEnvelope"].update(signatures=["YQ=="])), "exactly one signature"),
        (changed(lambda b: b["dsseEnvelope"].update(signatures=[{}])), "the signature is missing"),
        (changed(lambda b: b["dsseEnvelope"].update(signatures=[{"sig": 7}])), "the signature is missing"),
        (changed(lambda b: b["dsseEnvelope"].update(signatures=[{"sig": "?"}])), "the signature is not base64"),
        (changed(lambda b: b["dsseEnvelope"].pop("payload")), "the payload is missing"),
        (changed(lambda b: b["dsseEnvelope"].update(payload=PAYLOAD.decode())), "the payload is not base64"),
        (changed(lambda b: b["dsseEnvelope"].update(payload="YQ== ")), "the payload is not base64"),
        (changed(lambda b: b["dsseEnvelope"].update(payload="é")), "the payload is not base64"),
        (with_payload(b"x"), "not JSON"),
        (with_payload(b"[]"), "not an in-toto Statement v1"),
        (with_payload(b"{}"), "not an in-toto Statement v1"),
        (with_payload(PAYLOAD.replace(b"/v1", b"/v0.1")), "not an in-toto Statement v1"),
        (with_payload(PAYLOAD.replace(b'"n":1', b'"n":1,"n":2')), "a JSON key stands twice"),
        (with_payload(PAYLOAD.replace(b'"n":1', b'"n":9007199254740993')), "larger than 2^53 - 1"),
        (with_payload(PAYLOAD.replace(b'"n":1', b'"n":1e999')), "1e999 is no JSON number"),
        (with_payload(PAYLOAD.replace(b'"n":1', b'"n":NaN')), "NaN is no JSON number"),
        (with_payload(PAYLOAD.replace(b'"n":1', b'"n":' + b"[" * 100_000)), "nested too deep"),
        (with_payload(PAYLOAD + b"{}"), "not JSON: Extra data"),
        (with_payload(PAYLOAD.decode().encode("utf-16")), "not JSON"),
    ],
    ids=lambda value: ascii(value[:30]) if isinstance(value, bytes) else None,
)
def test_a_bundle_that_two_readers_could_read_differently_is_refused(data: bytes, message: str) -> None:
    found = refused(data)
    assert message in found
    assert len(found) < 300


def test_fifty_megabytes_are_refused_before_they_are_parsed() -> None:
    assert "50,000,000 bytes is larger than" in refused(b"[" * 50_000_000)
    assert "not JSON" in refused(b" " * MAX_BUNDLE)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_whatever_is_signed_is_read_back_the_same(predicate: Statement) -> None:
    said = statement("https://example.com/v1", [], predicate)
    payload = payload_of(said)
    again = read_bundle(write_bundle(payload, b"s", "a" * 64))
    assert (again.statement, payload_of(again.statement)) == (said, payload)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_any_bytes_are_json_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        value = strict_json(data)
    except EnvelopeError:
        return
    assert json.loads(data.decode()) == value


def keyless() -> dict[str, Any]:
    """A keyless bundle as sigstore writes it; that nothing in it is good is another's to find out."""
    text = encoded(b"x")
    entry = {
        "logIndex": "7",
        "logId": {"keyId": text},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": "1772452800",
        "inclusionPromise": {"signedEntryTimestamp": text},
        "inclusionProof": {
            "logIndex": "7",
            "rootHash": text,
            "treeSize": "8",
            "hashes": [text, text],
            "checkpoint": {"envelope": "log\n8\neA==\n"},
        },
        "canonicalizedBody": text,
    }
    bundle: dict[str, Any] = json.loads(BUNDLE)
    bundle["verificationMaterial"] = {
        "certificate": {"rawBytes": encoded(b"certificate")},
        "tlogEntries": [entry],
        "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": text}]},
    }
    return bundle


def test_a_keyless_bundle_is_read_with_its_certificate_and_without_a_hint() -> None:
    envelope = read_bundle(json.dumps(keyless()).encode())
    assert (envelope.payload, envelope.certificate, envelope.hint) == (PAYLOAD, b"certificate", None)
    assert read_bundle(BUNDLE).certificate is None


def test_a_log_without_a_time_of_its_own_and_a_bundle_without_timestamps_are_read() -> None:
    bundle = keyless()
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    del entry["integratedTime"], entry["inclusionPromise"]
    assert read_bundle(json.dumps(bundle).encode()).certificate
    bundle["verificationMaterial"]["timestampVerificationData"] = {}
    assert read_bundle(json.dumps(bundle).encode()).certificate
    del bundle["verificationMaterial"]["timestampVerificationData"]
    assert read_bundle(json.dumps(bundle).encode()).certificate


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, e: m.update(publicKey={"hint": "h"}), "verification material does not hold exactly"),
        (lambda m, e: m.update(x509CertificateChain={}), "verification material does not hold exactly"),
        (lambda m, e: m.update(certificate=[]), "certificate does not hold exactly"),
        (lambda m, e: m.update(certificate={"rawBytes": "eA==", "raw_bytes": "eQ=="}), "certificate does not hold"),
        (lambda m, e: m["certificate"].update(rawBytes="?"), "the certificate is not base64"),
        (lambda m, e: m.update(tlogEntries=[]), "exactly one log entry"),
        (lambda m, e: m["tlogEntries"].append(e), "exactly one log entry"),
        (lambda m, e: m.pop("tlogEntries"), "verification material does not hold exactly"),
        (lambda m, e: e.update(log_index="8"), "log entry does not hold exactly"),
        (lambda m, e: e.pop("inclusionProof"), "log entry does not hold exactly"),
        (lambda m, e: e.pop("inclusionPromise"), "time and its promise do not come together"),
        (lambda m, e: e.pop("integratedTime"), "time and its promise do not come together"),
        (lambda m, e: e.update(logIndex=7), "not written as decimal digits"),
        (lambda m, e: e.update(integratedTime="-1"), "not written as decimal digits"),
        (lambda m, e: e.update(integratedTime="01"), "not written as decimal digits"),
        (lambda m, e: e.update(integratedTime="1" * 20), "not written as decimal digits"),
        (lambda m, e: e["kindVersion"].update(kind=7), "not text"),
        (lambda m, e: e["logId"].update(more=""), "logId does not hold exactly"),
        (lambda m, e: e["inclusionPromise"].update(signedEntryTimestamp=None), "the log entry is missing"),
        (lambda m, e: e["inclusionProof"].update(hashes="eA=="), "not a list"),
        (lambda m, e: e["inclusionProof"].update(hashes=["?"]), "the log entry is not base64"),
        (lambda m, e: e["inclusionProof"]["checkpoint"].update(envelope=None), "not text"),
        (lambda m, e: e.update(canonicalizedBody="?"), "the log entry is not base64"),
        (lambda m, e: m.update(timestampVerificationData=[]), "timestamps does not hold exactly"),
        (lambda m, e: m["timestampVerificationData"].update(rfc3161Timestamps=[{}]), "timestamp does not hold exactly"),
        (lambda m, e: m["timestampVerificationData"].update(rfc3161Timestamps=[{"signedTimestamp": "eA=="}] * 9),
         "at most 8"),
    ],
)  # fmt: skip
def test_a_keyless_bundle_with_anything_more_less_or_twice_is_refused(
    change: Callable[[dict[str, Any], dict[str, Any]], object], message: str
) -> None:
    bundle = keyless()
    material = bundle["verificationMaterial"]
    change(material, material["tlogEntries"][0])
    assert message in refused(json.dumps(bundle).encode())


def test_a_bundle_of_a_key_holds_nothing_of_a_log() -> None:
    for name, value in (("tlogEntries", [{}]), ("timestampVerificationData", {}), ("tlogEntries", {})):
        bundle = json.loads(BUNDLE)
        bundle["verificationMaterial"][name] = value
        assert "an empty `tlogEntries`, and nothing else" in refused(json.dumps(bundle).encode())


def test_a_name_that_stands_twice_in_a_keyless_bundle_is_refused() -> None:
    text = json.dumps(keyless()).replace('"logIndex": "7", "logId"', '"logIndex": "7", "logIndex": "9", "logId"')
    assert "a JSON key stands twice" in refused(text.encode())
