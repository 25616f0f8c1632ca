"""Which URIs policy.yaml may name as the store, and what they mean."""

from pathlib import Path

import pytest

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.open_store import open_store
from modelbook.adapters.s3_store import S3Store
from modelbook.errors import BadInput


@pytest.mark.parametrize(
    ("uri", "root"),
    [
        ("file:store", "/repository/store"),
        ("file:./store/", "/repository/./store"),
        ("file:../shared/store", "/repository/../shared/store"),
        ("file:/srv/store", "/srv/store"),
        ("file:///srv/store", "/srv/store"),
    ],
)
def test_a_folder(uri: str, root: str) -> None:
    store = open_store(uri, base=Path("/repository"))
    assert isinstance(store, DirectoryStore)
    assert store.root == Path(root)
    assert store.uri == uri.rstrip("/")


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://my.bucket-1/prefix", "s3://bucket/team/models/"])
def test_a_bucket(uri: str) -> None:
    store = open_store(uri, base=Path("/repository"))
    assert isinstance(store, S3Store)
    assert store.uri == uri.rstrip("/")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "store",
        "/srv/store",
        "https://bucket.s3.amazonaws.com",
        "gs://bucket",
        "S3://bucket",
        "file:",
        "file:/",
        "file:.",
        "file:./",
        "file:..",
        "file:../../",
        "file:~/store",
        "file:///",
        "file://host/store",
        "file:store#x",
        "file:st\nore",
        "file:a%20b",
        "s3://",
        "s3:///prefix",
        "s3://b",
        "s3://Bucket",
        "s3://bucket/../other",
        "s3://bucket//x",
        "s3://bucket/a?versionId=1",
        "s3://bucket/" + "x" * 121,
        "s3://key:secret@bucket",
    ],
)
def test_anything_else_is_bad_input(uri: str) -> None:
    with pytest.raises(BadInput) as refused:
        open_store(uri, base=Path("/repository"))
    assert refused.value.remedy


def test_relative_folders_of_one_repository_are_one_store(tmp_path: Path) -> None:
    open_store("file:store", base=tmp_path).put_bytes("a/b", b"x")
    assert (tmp_path / "store" / "a" / "b").read_bytes() == b"x"
    assert open_store(f"file:{tmp_path}/store", base=Path("/")).read_bytes("a/b", limit=1) == b"x"
