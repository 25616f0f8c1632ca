"""Keyless signatures with one part broken, left out, or of somebody else's Sigstore: none is believed."""

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from modelbook.adapters.sigstore_check import check_keyless, check_trusted_root
from modelbook.core.digests import digest_of
from modelbook.core.documents import DocumentError
from modelbook.core.signing.keyless import KeylessError
from modelbook.core.verifying.changes import check_change
from modelbook.core.verifying.verification import verify_version
from tests.adapters.keyless_registry import (
    HOST,
    PROVENANCE,
    SIGNATURE,
    changed,
    found,
    refused,
    registry,
    sigstore,
    trust,
)
from tests.made import key
from tests.made_fields import EARLIER, LATER, NOW
from tests.parts.sigstore.server import SigstoreServer
from tests.parts.sigstore.signing import WORKFLOW, sign


def entry(bundle: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = bundle["verificationMaterial"]["tlogEntries"][0]
    return found


def other_bit(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[-1] ^= 1
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("logged", ["2026-03-02T12:10:01Z", "2026-03-02T11:59:59Z"], ids=["after", "before"])
def test_a_signature_outside_the_minutes_of_its_certificate_is_refused(logged: str) -> None:
    assert "bad-signature: the keyless signature of the card of digits@1 is not believed" in refused(
        registry(logged=logged)
    )


def test_a_swapped_trusted_root_is_refused_though_it_would_verify() -> None:
    """Whoever can write trusted_root.json alone, and has a CA of his own, signs nothing."""
    mallory = SigstoreServer()
    made = registry(instance=mallory).put("trusted_root.json", mallory.trusted_root())
    assert "trusted_root.json is not the one that trust.yaml names: it is sha256:" in refused(made)
    assert found(made.put("trust.yaml", trust(mallory))) == ()  # only trust.yaml stands in his way


def test_a_change_that_swaps_or_removes_the_trusted_root_is_refused() -> None:
    base = registry()
    for head in (base.copy().put("trusted_root.json", SigstoreServer().trusted_root()),
                 base.copy().drop("trusted_root.json")):  # fmt: skip
        verdict = check_change(base.registry, head.registry, now=NOW)
        assert [finding.code for finding in verdict.findings] == ["bad-trusted-root"]
    both = base.copy().put("trusted_root.json", other := SigstoreServer().trusted_root())
    both.put("trust.yaml", trust(top={"sigstore": digest_of(other), "version": 2}))
    assert check_change(base.registry, both.registry, now=NOW).passed


def test_without_a_trusted_root_nothing_is_believed() -> None:
    assert "trusted_root.json is missing" in refused(registry().drop("trusted_root.json"))
    assert "trust.yaml names no trusted root" in refused(registry(trusted=trust(top={"sigstore": None})))
    junk = b'{"mediaType": "x"}'
    made = registry(trusted=trust(top={"sigstore": digest_of(junk)})).put("trusted_root.json", junk)
    assert "trusted_root.json is no trusted root of Sigstore" in refused(made)


def test_a_certificate_of_an_unknown_ca_is_refused() -> None:
    stranger = SigstoreServer()
    stranger.log = sigstore().log
    assert "failed to build timestamp certificate chain" in refused(registry(instance=stranger))


def test_an_entry_of_an_unknown_log_is_refused() -> None:
    stranger = SigstoreServer()
    stranger.authority = sigstore().authority
    assert "invalid log entry" in refused(registry(instance=stranger))


@pytest.mark.parametrize("kind", ["tlogs", "ctlogs", "certificateAuthorities"])
@pytest.mark.parametrize("valid", [{"start": "2020-01-01T00:00:00Z", "end": EARLIER}, {"start": LATER}])
def test_a_log_or_a_ca_counts_only_for_as_long_as_the_root_says(kind: str, valid: dict[str, str]) -> None:
    root = json.loads(sigstore().trusted_root())
    (each,) = root[kind]
    each.get("publicKey", each)["validFor"] = valid
    data = json.dumps(root).encode()
    made = registry(trusted=trust(top={"sigstore": digest_of(data)})).put("trusted_root.json", data)
    assert f"none of the {kind} in trusted_root.json is valid at {NOW}" in refused(made)


def test_a_certificate_that_no_certificate_log_has_is_refused() -> None:
    assert "does not contain a signed certificate timestamp" in refused(registry(promised=False))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: entry(b)["inclusionPromise"].update(
            signedEntryTimestamp=other_bit(entry(b)["inclusionPromise"]["signedEntryTimestamp"])), "SET"),
        (lambda b: entry(b).update(integratedTime="1772452801"), "SET"),
        (lambda b: entry(b)["inclusionProof"].update(
            hashes=[other_bit(entry(b)["inclusionProof"]["hashes"][0])]), "inclusion proof"),
        (lambda b: entry(b)["inclusionProof"].update(
            rootHash=other_bit(entry(b)["inclusionProof"]["rootHash"])), "inclusion proof"),
        (lambda b: entry(b)["inclusionProof"]["checkpoint"].update(envelope="x"), "note must contain"),
        (lambda b: (entry(b).pop("inclusionPromise"), entry(b).pop("integratedTime")), "must contain an inclusion"),
        (lambda b: b["dsseEnvelope"].update(payload=base64.b64encode(
            base64.b64decode(b["dsseEnvelope"]["payload"]).replace(b"digits", b"digitz")).decode()), "DSSE: invalid"),
        (lambda b: b["dsseEnvelope"]["signatures"][0].update(
            sig=other_bit(b["dsseEnvelope"]["signatures"][0]["sig"])), "DSSE: invalid signature"),
        (lambda b: entry(b).update(canonicalizedBody=other_bit(entry(b)["canonicalizedBody"])), "log entry"),
    ],
    ids=["promise", "time", "proof", "root hash", "checkpoint", "no time", "payload", "signature", "body"],
)  # fmt: skip
def test_a_bundle_with_one_broken_part_is_refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
    sign(sigstore(), {"_type": "x"}, at=NOW)  # so that a proof has hashes
    text = refused(changed(registry(), change))
    assert text.startswith("bad-signature: the keyless signature of the card of digits@1 is not believed: ")
    assert message in text


def test_a_bundle_with_the_log_entry_of_another_is_refused() -> None:
    first, second = registry(), registry()
    other = json.loads(second.files[SIGNATURE])
    assert "log entry" in refused(changed(first, lambda b: b["verificationMaterial"].update(
        tlogEntries=other["verificationMaterial"]["tlogEntries"])))  # fmt: skip


def test_a_good_keyless_signature_over_something_else_is_refused() -> None:
    made = registry()
    made.files[SIGNATURE], made.files[PROVENANCE] = made.files[PROVENANCE], made.files[SIGNATURE]
    assert refused(made).startswith("other-statement: ")


def test_a_certificate_that_does_not_say_all_is_refused() -> None:
    assert "does not name its run" not in refused(registry({"run_id": "7"}))
    assert "the certificate does not name its source ref" in refused(registry({"ref": ""}))


@pytest.mark.parametrize("field", ["identity", "repository_id", "ref"])
def test_a_workflow_with_a_star_in_trust_yaml_is_refused(field: str) -> None:
    workflow = {"identity": HOST + WORKFLOW, "repository_id": "4711", "ref": "refs/heads/main"}
    made = registry(trusted=trust(workflow=workflow | {field: workflow[field][:-1] + "*"}))
    with pytest.raises(DocumentError, match=field):
        verify_version(made.registry, "digits", 1)


def test_without_sigstore_nothing_is_believed_and_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    made = registry()
    check_trusted_root.cache_clear()
    monkeypatch.setitem(sys.modules, "sigstore.models", None)  # importing it fails, as where it is not installed
    assert "sigstore-python, which checks it, is not installed" in refused(made)
    assert "pip install 'modelbook[sigstore]'" in str(found(made)[0].remedy)


def test_what_is_no_bundle_is_refused_and_nothing_else() -> None:
    root = sigstore().trusted_root()
    for junk in (b"", b"{}", b"\xff", b"[" * 9999, key("registrar").sign({"_type": "x"})):
        with pytest.raises(KeylessError):
            check_keyless(junk, root)
