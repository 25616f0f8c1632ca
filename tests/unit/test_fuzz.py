"""Signed things, spoilt at random: nothing but the declared error, and nothing accepted that says anything else."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.changes import check_change
from modelbook.core.documents import DocumentError, load
from modelbook.core.envelope import EnvelopeError, read_bundle, strict_json
from modelbook.core.findings import blocks
from modelbook.core.registry import Registry
from modelbook.core.rules import check_rules
from modelbook.core.signatures import Authority, check_approval, check_signature, hint_of
from modelbook.core.ssh_signature import SshError, key_blob, read_signature
from modelbook.core.trust import Signer, Trust, allowed
from modelbook.core.verification import verify_dataset, verify_stage, verify_version
from tests.made import Made, key
from tests.made_fields import NOW
from tests.parts.openssf import accepts, write_model
from tests.parts.ssh_keys import ssh_key
from tests.unit.bundle_cases import FOLDER, GOOD, MADE, PAYLOAD, SAID, signed

OTHER = MADE.files["models/digits/versions/2/model.sig"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["", "sha256", "\x1b[2J", "\ud800", "YQ==", "0" * 64])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def spoilt_bytes(draw: st.DrawFn, original: bytes, other: bytes = b"") -> bytes:
    """Bytes flipped, put in, cut out, said twice, or taken from another such thing."""
    data = bytearray(original)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        end = at + draw(st.integers(0, 40))
        how = draw(st.sampled_from(["flip", "insert", "delete", "repeat", "splice", "cut"]))
        if how == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "insert":
            data[at:at] = draw(
                st.binary(max_size=4) | st.sampled_from([b"\n", b" ", b"{}", b"\xef\xbb\xbf", b"\\u0000"])
            )
        elif how == "delete":
            del data[at:end]
        elif how == "repeat":
            data[at:at] = data[at:end]
        elif how == "splice":
            data[at:end] = other[at:end]
        else:
            del data[at:]
    return bytes(data)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a JSON value each part of it stands."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] + [place for name, part in inner for place in places(part, (*at, name))]


@st.composite
def spoilt_json(draw: st.DrawFn, original: bytes) -> Any:
    """A part taken out, put in, put in the place of another, or made into something else."""
    value = json.loads(original)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.sampled_from(places(value)[1:] or [("none",)]))
        holder = value
        for name in at[:-1]:
            holder = holder[name]
        how = draw(st.sampled_from(["delete", "replace", "add", "move"]))
        if how == "delete" and len(places(value)) > 1:
            del holder[at[-1]]
        elif how == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(["extra", "certificate", "keyid", "", "subject", "hint"]))] = draw(JSON)
        elif how == "add" and isinstance(holder, list):
            holder.append(draw(JSON))
        elif how == "move" and len(places(value)) > 1:
            found = value
            for name in draw(st.sampled_from(places(value))):
                found = found[name]
            holder[at[-1]] = json.loads(json.dumps(found))
        elif len(places(value)) > 1:
            holder[at[-1]] = draw(JSON)
    return value


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


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
