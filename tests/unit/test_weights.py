import json
import math
from typing import Any, cast

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.runs.non_finite import NonFinite, NonFiniteScan
from modelbook.core.runs.weights import DTYPE_BITS, HEADER_LIMIT, WeightsError, header_size, parse_header

ONE = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


def file_of(header: object, data: bytes = b"\0" * 8) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def problems(file: bytes) -> str:
    with pytest.raises(WeightsError) as caught:
        parse_header(file, len(file), "model.safetensors")
    return str(caught.value)


def read_by_library(file: bytes) -> list[tuple[str, Any]]:
    return cast("list[tuple[str, Any]]", safetensors.deserialize(file))  # type: ignore[no-untyped-call]


def library_accepts(file: bytes) -> bool:
    try:
        read_by_library(file)
    except safetensors.SafetensorError:
        return False
    return True


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9._/]{0,12}", fullmatch=True).filter(lambda name: ".." not in name),
        st.tuples(
            st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.uint16, np.bool_, np.int64]),
            st.lists(st.integers(0, 4), max_size=3),
        ),
        min_size=1,
        max_size=6,
    ),
    st.one_of(st.none(), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)),
)
def test_what_the_library_saves_is_read_as_the_library_reads_it(
    shapes: dict[str, tuple[type, list[int]]], metadata: dict[str, str] | None
) -> None:
    arrays: dict[str, np.ndarray] = {name: np.zeros(shape, dtype) for name, (dtype, shape) in shapes.items()}
    file = safetensors.numpy.save(arrays, metadata)
    ours = {tensor.name: tensor for tensor in parse_header(file, len(file))}
    theirs = dict(read_by_library(file))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert list(tensor.shape) == theirs[name]["shape"]
        assert tensor.dtype == theirs[name]["dtype"]
        assert file[tensor.start : tensor.stop] == bytes(theirs[name]["data"])


entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "U8", "BF16", "F4", "F99", 7]),
        "shape": st.lists(st.sampled_from([0, 1, 2, 3, 2**40, -1, True, 1.0, None]), max_size=3),
        "data_offsets": st.lists(st.sampled_from([0, 1, 4, 8, 12, 16, 2**63]), max_size=3),
    }
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), entries, min_size=1, max_size=3), st.integers(0, 20))
def test_well_named_tensors_pass_exactly_where_the_library_accepts_them(header: dict[str, object], size: int) -> None:
    file = file_of(header, b"\0" * size)
    try:
        parse_header(file, len(file))
        refused = ""
    except WeightsError as error:
        refused = str(error)
    assert library_accepts(file) == (not refused)


@settings(max_examples=300)
@given(st.integers(0, 200), st.integers(0, 255))
def test_one_changed_byte_never_passes_where_the_library_refuses(at: int, value: int) -> None:
    file = bytearray(safetensors.numpy.save({"a": np.ones(3), "b": np.ones((2, 2), np.float16)}))
    file[at % len(file)] = value
    try:
        parse_header(bytes(file), len(file))
    except WeightsError:
        return
    assert library_accepts(bytes(file))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "too short"),
        (b"\1\0\0\0\0\0\0\0{", "too short"),
        ((HEADER_LIMIT + 1).to_bytes(8, "little") + b"{}", "is the limit"),
        ((90).to_bytes(8, "little") + b"{}", "cut short: the header ends at byte 98"),
        (file_of(b"[]", b""), "no JSON object"),
        (file_of(b" " + json.dumps(ONE).encode()), "no JSON object"),
        (file_of(b'{"a":' * 5000, b""), "no JSON object"),
        (file_of(b'{"a": ' + b"9" * 5000 + b"}", b""), "no JSON object"),
        (file_of(b"{\xff}", b""), "no JSON object"),
        (file_of({}, b""), "holds no tensor"),
        (file_of({"__metadata__": {"a": "b"}}, b""), "holds no tensor"),
        (file_of(ONE | {"__metadata__": {"a": 1}}), "__metadata__"),
        (
            file_of(
                b'{"w": {"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
                b' "w": {"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
            ),
            "has the key 'w' twice",
        ),
        (
            file_of(b'{"w": {"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}'),
            "has the key 'dtype' twice",
        ),
        (file_of({"../etc/passwd": ONE["w"]}), "climbs out of its folder"),
        (file_of({"a\\..\\b": ONE["w"]}), "climbs out of its folder"),
        (file_of({"/etc/passwd": ONE["w"]}), "is an absolute path"),
        (file_of({"C:\\x": ONE["w"]}), "is an absolute path"),
        (file_of({"a\x1b[2J": ONE["w"]}), "holds a control character"),
        (file_of({"a\u202eb": ONE["w"]}), "holds a control character"),
        (file_of({"": ONE["w"]}), "is empty"),
        (file_of({"w" * 2000: ONE["w"]}), "2000 characters"),
        (file_of({"w": ONE["w"] | {"dtype": "PICKLE"}}), "tensor 'w': 'PICKLE' is no dtype"),
        (file_of({"w": ONE["w"] | {"extra": 1}}), "exactly dtype, shape"),
        (file_of({"w": ONE["w"] | {"shape": [2.0]}}), "its shape is not"),
        (file_of({"w": ONE["w"] | {"shape": [True, 2]}}), "its shape is not"),
        (file_of({"w": ONE["w"] | {"shape": [2**40, 2**40, 0]}}), "overflows"),
        (file_of({"w": ONE["w"] | {"shape": [3]}}), "12 bytes by its shape and dtype, 8 by"),
        (file_of({"w": ONE["w"] | {"data_offsets": [8, 0]}}), "are not a begin and an end"),
        (
            file_of(
                {
                    "a": {"dtype": "U8", "shape": [6], "data_offsets": [0, 6]},
                    "b": {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]},
                }
            ),
            "tensor 'b': its bytes overlap those of 'a'",
        ),
        (
            file_of(
                {
                    "a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
                    "b": {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]},
                }
            ),
            "tensor 'b': 2 bytes before it belong to no tensor",
        ),
        (file_of(ONE, b"\0" * 9), "1 byte after the last tensor"),
        (file_of(ONE, b"\0" * 7), "it is cut short"),
    ],
)
def test_a_file_that_is_not_plain_weights_is_refused_and_the_finding_says_why(file: bytes, words: str) -> None:
    assert words in problems(file)


def test_all_findings_come_at_once_and_name_the_file_and_the_tensors() -> None:
    text = problems(file_of({"../a": {"dtype": "F9", "shape": [], "data_offsets": []}, "b": 3}))
    assert text.count("model.safetensors: tensor") == 3
    assert "tensor '../a'" in text
    assert "tensor 'b'" in text


def test_the_header_can_be_read_in_two_steps() -> None:
    file = file_of(ONE)
    size = header_size(file[:8], len(file))
    assert [tensor.name for tensor in parse_header(file[:size], len(file))] == ["w"]
    with pytest.raises(ValueError, match="were handed in"):
        parse_header(file[: size - 1], len(file))


TORCH_FLOATS = [
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
    torch.complex64,
]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(TORCH_FLOATS),
    st.integers(1, 9),
    st.data(),
    st.sampled_from([math.nan, math.inf, -math.inf, 1.5]),
    st.integers(1, 23),
)
def test_the_scan_finds_what_torch_finds_however_the_bytes_are_cut(
    dtype: torch.dtype, length: int, data: st.DataObject, planted: float, cut: int
) -> None:
    index = data.draw(st.integers(0, length - 1))
    values = torch.linspace(-1, 1, length)
    values[index] = planted
    tensors = {
        "a.integers": torch.full((5,), -1, dtype=torch.int32),
        "b.floats": values.to(dtype),
        "c.floats": torch.ones(3, dtype=torch.float16),
    }
    file = safetensors.torch.save(tensors)
    scan = NonFiniteScan(parse_header(file, len(file)))
    for at in range(0, len(file), cut):
        scan.feed(file[at : at + cut])
    found = scan.finish()
    stored = tensors["b.floats"]
    seen = stored.to(torch.complex64 if stored.is_complex() else torch.float32)
    if torch.isfinite(seen).all():
        assert found is None
    else:
        assert found is not None
        assert (found.tensor, found.index) == ("b.floats", index)
        real = torch.view_as_real(seen)[index, 0] if seen.is_complex() else seen[index]
        assert found.kind == ("NaN" if real.isnan() else "infinity")


@pytest.mark.parametrize("dtype", ["F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"])
def test_every_code_of_the_eight_bit_floats_is_judged_as_torch_judges_it(dtype: str) -> None:
    names = {
        "F8_E5M2": torch.float8_e5m2,
        "F8_E4M3": torch.float8_e4m3fn,
        "F8_E8M0": torch.float8_e8m0fnu,
        "F8_E4M3FNUZ": torch.float8_e4m3fnuz,
        "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
    }
    values = torch.arange(256, dtype=torch.uint8).view(names[dtype]).to(torch.float32)
    for code in range(256):
        file = file_of({"w": {"dtype": dtype, "shape": [1], "data_offsets": [0, 1]}}, bytes([code]))
        scan = NonFiniteScan(parse_header(file, len(file)))
        scan.feed(file)
        assert (scan.finish() is None) == bool(torch.isfinite(values[code])), code


def test_the_first_finding_is_kept_and_reads_as_a_sentence() -> None:
    file = safetensors.numpy.save({"a": np.array([1, np.inf, np.nan]), "b": np.array([np.nan])})
    scan = NonFiniteScan(parse_header(file, len(file)))
    scan.feed(file)
    assert scan.finish() == NonFinite("a", 1, "infinity")
    assert str(scan.first) == "tensor 'a' holds infinity at element 1"


def test_a_scan_that_missed_bytes_gives_no_verdict() -> None:
    file = safetensors.numpy.save({"a": np.ones(4)})
    scan = NonFiniteScan(parse_header(file, len(file)))
    scan.feed(file[:-1])
    with pytest.raises(ValueError, match="were read of"):
        scan.finish()
    scan.feed(file[-1:])
    assert scan.finish() is None
    with pytest.raises(ValueError, match="more bytes"):
        scan.feed(b"\0")


def test_the_dtypes_are_those_of_the_library() -> None:
    for dtype, bits in DTYPE_BITS.items():
        file = file_of({"w": {"dtype": dtype, "shape": [8], "data_offsets": [0, bits]}}, b"\0" * bits)
        assert library_accepts(file), dtype
