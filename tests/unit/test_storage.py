"""Where objects lie, and that a card's URI leads nowhere but into the registry's own store."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from modelbook.core.records import FilePath
from modelbook.core.storage import (
    MAX_KEY,
    artifact_key,
    blob_key,
    check_key,
    checkpoint_key,
    file_key,
    key_in,
    log_key,
    run_key,
    uri_of,
)
from modelbook.errors import BadInput
from tests.made_fields import STORE, digest

GOOD_URI = f"{STORE}/runs/run-1/artifacts/model.safetensors"


def test_the_layout_of_a_store() -> None:
    assert run_key("run-1") == "runs/run-1/run.json"
    assert log_key("run-1", 7) == "runs/run-1/log/00000007.jsonl"
    assert checkpoint_key("run-1", "0000000500-2", "state.json") == "runs/run-1/checkpoints/0000000500-2/state.json"
    assert artifact_key("run-1", "config/model.json") == "runs/run-1/artifacts/config/model.json"
    drawn = file_key("run-1", "plots/loss.png", digest("x"))
    assert drawn == f"runs/run-1/files/{digest('x')[7:19]}/plots/loss.png"
    digits = digest("x").removeprefix("sha256:")
    assert blob_key(digest("x")) == f"datasets/blobs/sha256/{digits[:2]}/{digits}"


@pytest.mark.parametrize("made", ["", "x", "sha256:", "sha256:" + "g" * 64, "sha256:" + "A" * 64, "a" * 64])
def test_a_blob_is_named_by_a_digest_and_nothing_else(made: str) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        blob_key(made)


def test_a_key_and_its_uri_lead_to_each_other() -> None:
    for store in (STORE, "s3://bucket", "file:.modelbook/store", "file:/srv/store", "file:/srv/store/"):
        for key in ("a", "runs/run-1/run.json", "runs/r/artifacts/.config/x", "a/b@c=d,e+f-g_h.i"):
            assert key_in(store, uri_of(store, key)) == key


HOSTILE = [
    # another bucket, or none
    "s3://other/runs/run-1/artifacts/model.safetensors",
    "s3://acme-models/runs/run-1/artifacts/model.safetensors",
    "s3://acme-models.evil.example/registry/x",
    "s3://acme-models@evil/registry/x",
    "S3://acme-models/registry/x",
    "s3://Acme-Models/registry/x",
    "s3:/acme-models/registry/x",
    # a prefix that only begins like ours
    "s3://acme-models/registry-evil/x",
    "s3://acme-models/registryx",
    "s3://acme-models/registry",
    # out of the prefix and back
    f"{STORE}/../secret",
    f"{STORE}/runs/../../secret",
    f"{STORE}/runs/./x",
    f"{STORE}/..",
    f"{STORE}/...",
    f"{STORE}/.",
    f"{STORE}/%2e%2e/x",
    f"{STORE}/a%2fb",
    f"{STORE}/..%2fsecret",
    f"{STORE}/a\\..\\b",
    # parts of a URI that a client may read otherwise
    f"{STORE}/x#y",
    f"{STORE}/x?versionId=1",
    f"{STORE}/x;y",
    f"{STORE}/x:y",
    f"{STORE}/~root/x",
    f"{STORE}/$HOME",
    # folders, doubled slashes, nothing
    f"{STORE}/",
    f"{STORE}//x",
    f"{STORE}/x/",
    f"{STORE}/x//y",
    "",
    # other schemes
    "file:/etc/passwd",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data",
    "https://acme-models.s3.amazonaws.com/registry/x",
    "/etc/passwd",
    "registry/x",
    # what cannot be seen, or looks like something else
    f"{STORE}/x\n",
    f"{STORE}/x y",
    f"{STORE}/x\x00",
    f"{STORE}/x\u202e",
    f"{STORE}/\uff0e\uff0e/x",
    f" {GOOD_URI}",
    f"{GOOD_URI} ",
    f"{STORE}/" + "a/" * MAX_KEY + "a",
]


@pytest.mark.parametrize("uri", HOSTILE, ids=lambda uri: ascii(uri)[:60])
def test_a_hostile_card_cannot_make_a_runner_fetch_from_elsewhere(uri: str) -> None:
    """Not another bucket, a twin of the prefix, `..`, an escape, a fragment, or `file:` in an S3 registry."""
    with pytest.raises(BadInput) as caught:
        key_in(STORE, uri)
    assert caught.value.remedy


def test_a_uri_into_the_store_is_read() -> None:
    assert key_in(STORE, GOOD_URI) == "runs/run-1/artifacts/model.safetensors"


@pytest.mark.parametrize(
    "uri", ["s3://acme-models/registry/x", "file:/srv/store/../x", "file:/srv/store-evil/x", "file:x"]
)
def test_a_folder_store_keeps_its_bounds_too(uri: str) -> None:
    with pytest.raises(BadInput):
        key_in("file:/srv/store", uri)


@pytest.mark.parametrize(
    "key", ["", "/", "a//b", "/a", "a/", "..", "a/..", "a/../b", ".", "-a", "a/-b", "a b", "é", "a\n"]
)
def test_a_key_has_plain_segments(key: str) -> None:
    with pytest.raises(BadInput, match="is not a path that a store accepts"):
        check_key(key)
    with pytest.raises(BadInput):
        artifact_key("run-1", key)


def test_a_key_is_bounded_and_the_error_too() -> None:
    assert check_key("a" * MAX_KEY)
    with pytest.raises(BadInput) as caught:
        check_key("a" * (MAX_KEY + 1))
    assert len(caught.value.message) < 200


@given(st.text("ab.-_/%#?:\\ \n", max_size=12), st.text("ab./-", max_size=6))
@settings(max_examples=250, derandomize=True, deadline=None)
def test_whatever_is_let_through_is_the_store_itself_a_slash_and_plain_segments(tail: str, twin: str) -> None:
    uri = STORE + twin + tail
    try:
        key = key_in(STORE, uri)
    except BadInput:
        return
    assert uri == f"{STORE}/{key}"
    assert all(part and part.strip(".") and part[0] != "-" for part in key.split("/"))


@given(st.from_regex(r"[A-Za-z0-9_.+@=,/-]{1,30}", fullmatch=True))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_every_path_that_a_card_may_hold_is_one_that_a_store_accepts(path: str) -> None:
    try:
        TypeAdapter(FilePath).validate_python(path)
    except ValidationError:
        return
    assert artifact_key("run-1", path) == f"runs/run-1/artifacts/{path}"
