"""DVC's pointer files, listings and md5s, as DVC writes them."""

import hashlib

import pytest

from modelbook.core.exchange.dvc import (
    ContentMd5,
    DvcPointer,
    ListedFile,
    cache_paths,
    read_listing,
    read_pointer,
    write_listing,
)
from modelbook.errors import BadInput

MD5 = "b1946ac92492d2347c6235b4d2611184"
FILE = f"outs:\n- md5: {MD5}\n  size: 6\n  hash: md5\n  path: data.csv\n"


def test_a_pointer_to_a_file_and_one_to_a_folder() -> None:
    assert read_pointer(FILE.encode(), "p") == DvcPointer("data.csv", MD5)
    folder = FILE.replace(MD5, f"{MD5}.dir").replace("  hash", "  nfiles: 3\n  hash").replace("data.csv", "images")
    pointer = read_pointer(f"wdir: ../data\nfrozen: true\n{folder}".encode(), "p")
    assert pointer == DvcPointer("images", f"{MD5}.dir", "../data")
    assert pointer.is_folder


def test_a_pointer_of_dvc_before_3_says_no_hash() -> None:
    old = f"md5: {MD5}\nouts:\n- md5: {MD5}\n  size: 6\n  path: data.csv\n  cache: true\n"
    assert read_pointer(old.encode(), "p") == DvcPointer("data.csv", MD5, text_md5=True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("outs", "deps", "no `outs`"),
        ("outs:\n-", "outs:\n- path: more\n-", "tracks 2 outputs"),
        (MD5, "b1946ac", "nothing by md5"),
        (MD5, f"../../{MD5}", "nothing by md5"),
        ("hash: md5", "hash: etag", "nothing by md5"),
        ("path: data.csv", "path: 7", "nothing by md5"),
        ("data.csv", "/etc/passwd", "no path in its repository"),
        ("data.csv", "s3://bucket/data", "no path in its repository"),
        ("- md5", "- &a md5", "anchor"),
        (FILE, "[1, 2", "expected"),
        (FILE, "", "no `outs`"),
    ],
)
def test_what_is_no_pointer_is_refused(old: str, new: str, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        read_pointer(FILE.replace(old, new).encode(), "data.dvc")
    assert caught.value.where == "data.dvc"


def test_a_folder_s_md5_is_that_of_its_listing() -> None:
    """The three md5s and the bytes were written by DVC 3.67."""
    empty, one, other = (
        "d41d8cd98f00b204e9800998ecf8427e",
        "b026324c6904b2a9cb4b88d6d61c81d1",
        "e20942bc0763636e19c18b95bb194501",
    )
    files = [ListedFile("sub/ü b.txt", other), ListedFile("empty", empty), ListedFile("a.txt", one)]
    data = write_listing(files)
    assert hashlib.md5(data, usedforsecurity=False).hexdigest() == "64e46e2e0df96f1720adefbbe284e54f"
    assert read_listing(data, "d") == sorted(files)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{}x", b"[1]", b'[{"md5": "x", "relpath": "a"}]', b'[{"relpath": "a"}]', b'{"a": 1}', b"[" * 10**5),
        f'[{{"md5": "{MD5}", "relpath": 1}}]'.encode(),
    ],
)
def test_a_listing_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="not a folder of DVC"):
        read_listing(data, "d")


@pytest.mark.parametrize("path", ["../a", "/a", "a\\\\b", "a//b"])
def test_a_listing_leads_nowhere_else(path: str) -> None:
    with pytest.raises(BadInput):
        read_listing(f'[{{"md5": "{MD5}", "relpath": "{path}"}}]'.encode(), "d")


def md5(data: bytes, *, text_md5: bool) -> str:
    seen = ContentMd5(text_md5=text_md5)
    seen.update(data)
    return seen.hexdigest()


@pytest.mark.parametrize(
    ("data", "counted"),
    [
        (b"x\r\ny\r\n", b"x\ny\n"),
        (b"x\ry", b"x\ry"),
        (b"\x00x\r\n", b"\x00x\r\n"),
        (b"\xff\xff\r\n", b"\xff\xff\r\n"),
        (b"mostly text\xff\r\n", b"mostly text\xff\n"),
        (b"", b""),
        (b"x" * (2**20 - 1) + b"\r\n", b"x" * (2**20 - 1) + b"\r\n"),
    ],
    ids=["text", "no line end", "zero byte", "odd bytes", "few odd bytes", "empty", "across two blocks"],
)
def test_before_3_line_ends_of_text_did_not_count(data: bytes, counted: bytes) -> None:
    plain = [hashlib.md5(each, usedforsecurity=False).hexdigest() for each in (data, counted)]
    assert md5(data, text_md5=False) == plain[0]
    assert md5(data, text_md5=True) == plain[1]


def test_where_the_cache_keeps_an_object() -> None:
    assert cache_paths(MD5) == (f"files/md5/b1/{MD5[2:]}", f"b1/{MD5[2:]}")
