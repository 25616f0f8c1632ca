"""Manifests: read line by line, compared as they stream by."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.dataset import DataFile, check_data_path, manifest_line, read_manifest, side_by_side
from modelbook.errors import BadInput
from tests.made_fields import digest


def file(path: str, text: str = "x") -> DataFile:
    return DataFile(path=path, size=len(text), digest=digest(text))


class At(NamedTuple):
    path: str
    value: int


def test_a_manifest_reads_back_as_it_was_written() -> None:
    files = [file("a b/ü.txt"), file("a/b\u2028c"), file("z")]
    assert list(read_manifest(map(manifest_line, files), "m")) == files


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (manifest_line(file("a")), "twice or out of order"),
        (manifest_line(file("A")), "twice or out of order"),
        (manifest_line(file("b")).replace(b"b", b"../b"), "not a path below"),
        (manifest_line(file("b")).replace(b"b", b"/b", 1), "not a path below"),
        (manifest_line(file("b")).replace(b'"size":1', b'"size":"1"'), "integer"),
        (b"{\n", "JSON"),
        (json.dumps({"path": "b"}).encode(), "required"),
    ],
    ids=["twice", "order", "above", "absolute", "type", "json", "missing"],
)
def test_a_line_that_is_wrong_is_named(second: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        list(read_manifest([manifest_line(file("a")), second], "the manifest"))
    assert (caught.value.where, caught.value.line) == ("the manifest", 2)


@pytest.mark.parametrize(
    "path", ["a\nb", "a\\b", "a\x7f", "\udce9", "../a", "a//b", "", "x" * 1001, "a/.git/config", ".Git"]
)
def test_a_path_that_leads_elsewhere_or_cannot_be_written_is_refused(path: str) -> None:
    with pytest.raises(BadInput):
        check_data_path(path, path)


trees = st.dictionaries(st.text(alphabet="ab./", min_size=1, max_size=4), st.integers(0, 2), max_size=8)


@given(trees, trees)
def test_two_sorted_lists_are_compared_as_two_mappings_are(left: dict[str, int], right: dict[str, int]) -> None:
    lists = [[At(path, tree[path]) for path in sorted(tree)] for tree in (left, right)]
    pairs = list(side_by_side(*lists))
    found = [((one or other).path, one and one.value, other and other.value) for one, other in pairs if one or other]  # type: ignore[union-attr]  # one of them is there
    assert found == [(path, left.get(path), right.get(path)) for path in sorted(left | right)]


def test_no_more_is_read_than_what_is_asked_for() -> None:
    def endless() -> Iterator[At]:
        number = 0
        while True:
            yield At(f"{number:09d}", number)
            number += 1

    pairs = side_by_side(endless(), endless())
    assert [next(pairs)[0] for _ in range(3)] == [At(f"{n:09d}", n) for n in range(3)]
