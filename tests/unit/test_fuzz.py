"""Signed things, spoilt at random: nothing but the declared error, and nothing accepted that says anything else."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.documents import DocumentError, load
from modelbook.core.findings import blocks
from modelbook.core.registry import Registry
from modelbook.core.signing.envelope import EnvelopeError, read_bundle, strict_json
from modelbook.core.signing.signatures import Authority, check_approval, check_signature, hint_of
from modelbook.core.signing.ssh_signature import SshError, key_blob, read_signature
from modelbook.core.trust import Signer, Trust, allowed
from modelbook.core.verifying.changes import check_change
from modelbook.core.verifying.rules import check_rules
from modelbook.core.verifying.verification import verify_dataset, verify_stage, verify_version
from tests.made import Made, key
from tests.made_fields import NOW
from tests.parts.openssf import accepts, write_model
from tests.parts.spoiling import as_bytes, spoilt_bytes, spoilt_json
from tests.parts.ssh_keys import ssh_key
from tests.unit.bundle_cases import FOLDER, GOOD, MADE, PAYLOAD, SAID, signed

OTHER = MADE.files["models/digits/versions/2/model.sig"]
SPOILT_BUNDLES = (
    spoilt_bytes(GOOD, OTHER)
    | spoilt_json(GOOD).map(as_bytes)
    | spoilt_json(PAYLOAD).map(as_bytes).map(signed)
    | spoilt_bytes(PAYLOAD, read_bundle(OTHER).payload).map(signed)
    | st.builds(signed, st.just(PAYLOAD), st.sampled_from(["registrar", "mallory", "grader"]))
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("pulled"), MADE.files[f"{FOLDER}/card.yaml"])


@given(data=SPOILT_BUNDLES)
@settings(max_examples=500)
def test_a_spoilt_bundle_is_refused_or_says_the_very_same_to_the_openssf_tool_too(model: Path, data: bytes) -> None:
    signer = Signer(name="registrar", key=key("registrar").public_pem)
    found, refused = check_signature(data, SAID, Authority([signer]), path="x", what="card", made=NOW)
    assert (found is None) == bool(refused)
    assert all(one.message.isprintable() and (one.remedy or "").isprintable() for one in refused)
    if found:
        envelope = read_bundle(data)
        assert strict_json(envelope.payload) == SAID
        assert envelope.hint == key("registrar").hint
        assert accepts(model, data, key("registrar").public_pem)


@given(SPOILT_BUNDLES)
@settings(max_examples=300)
def test_a_spoilt_bundle_is_read_or_refused_with_the_one_error(data: bytes) -> None:
    try:
        envelope = read_bundle(data)
    except EnvelopeError:
        return
    assert read_bundle(data) == envelope


TRUST = MADE.files["trust.yaml"]


@given(spoilt_bytes(TRUST) | spoilt_json(TRUST).map(as_bytes))
@settings(max_examples=300)
def test_a_spoilt_trust_file_is_refused_or_lets_in_only_whom_it_names(data: bytes) -> None:
    made = MADE.copy().put("trust.yaml", data)
    try:
        trust = load(Trust, data, "trust.yaml")
    except DocumentError:
        return
    registry = made.registry
    check_rules(registry, "trust.yaml", registry.places["trust.yaml"])
    verdict = verify_version(registry, "digits", 1)
    if not verdict.findings:
        may = [one for one in allowed(trust, "digits", statement="model") if one.key]
        hints = {one.name: hint_of(one.key or "") for one in may if one.name == verdict.signed_by}
        assert hints == {verdict.signed_by: key("registrar").hint}


MESSAGE, NAMESPACE = b"version: 1\n", "modelbook/stages/production"


@cache
def approval() -> bytes:
    return ssh_key("paula").sign(MESSAGE, NAMESPACE)


@given(st.deferred(lambda: spoilt_bytes(approval(), ssh_key("mallory").sign(MESSAGE, NAMESPACE))))
@settings(max_examples=300)
def test_a_spoilt_ssh_signature_is_refused_or_the_very_same(data: bytes) -> None:
    paula = Signer(name="paula", ssh=ssh_key("paula").line)
    found, refused = check_approval(data, MESSAGE, NAMESPACE, Authority([paula]), path="x", what="promotion", made=NOW)
    assert (found is None) == bool(refused)
    assert all(one.message.isprintable() and (one.remedy or "").isprintable() for one in refused)
    if found:
        assert read_signature(data) == read_signature(approval())


@given(st.deferred(lambda: spoilt_bytes(ssh_key("paula").line.encode(), ssh_key("mallory").line.encode())))
@settings(max_examples=300)
def test_a_spoilt_ssh_key_is_refused_or_the_very_same(data: bytes) -> None:
    try:
        trust = load(Trust, as_bytes({"version": 1, "signers": [{"name": "p", "ssh": data.decode()}]}), "trust.yaml")
        blob = key_blob(trust.signers[0].ssh or "")
    except (UnicodeDecodeError, DocumentError, SshError):
        return
    if check_approval(approval(), MESSAGE, NAMESPACE, Authority(trust.signers), path="x", what="x", made=NOW)[0]:
        assert blob == key_blob(ssh_key("paula").line)


WHOLE = Made().dataset().version().reproduction().pointer("digits", "staging", 1)


@given(st.data())
@settings(max_examples=250)
def test_a_registry_with_one_spoilt_file_gets_findings_and_never_an_error(data: st.DataObject) -> None:
    """Only rules that cannot be read end a judgement; of a change even those are findings."""
    path = data.draw(st.sampled_from(sorted(WHOLE.files)))
    spoilt = data.draw(spoilt_bytes(WHOLE.files[path], WHOLE.files["models/digits/versions/1/card.yaml"]))
    files = WHOLE.files | {path: spoilt}
    verdict = check_change(WHOLE.registry, Registry(files), now=NOW)
    assert all(finding.message for finding in verdict.findings)
    try:
        found = [
            *verify_version(Registry(files), "digits", 1).findings,
            *verify_stage(Registry(files), "digits", "staging").findings,
            *verify_dataset(Registry(files), "digits", 1)[1],
        ]
    except DocumentError:
        assert path in {"policy.yaml", "trust.yaml"}
        return
    if spoilt != WHOLE.files[path] and path not in {"policy.yaml", "trust.yaml"}:
        assert blocks(verdict.findings)
        assert found or path.endswith((".sig", ".json"))  # white space beside what is signed
