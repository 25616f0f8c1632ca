"""What a safetensors file must be before anything is loaded from it, judged from its bytes alone.

Layout (https://huggingface.co/docs/safetensors): 8 bytes of header length (little-endian), a JSON header,
then the tensors' bytes without a gap. This reader refuses all that the safetensors library refuses, and also
duplicate names, names that read as paths, and a file without a tensor.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from modelbook.core.findings import Finding
from modelbook.core.listed import many
from modelbook.errors import BadInput

HEADER_LIMIT = 100_000_000  # bytes; the library's own limit
_MAX_NAME = 1000
_MAX_COUNT = 2**64 - 1

DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
}  # fmt: skip
"""Bits of one element, by dtype."""


class TensorInfo(NamedTuple):
    """One tensor: name, dtype, shape, and where its bytes lie in the file (`stop` is excluded)."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


class WeightsError(BadInput):
    """A weight file that must not be used; `findings` holds everything that is wrong with it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        super().__init__(first.message, where=first.path or None, remedy=first.remedy)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        shown = [str(finding) for finding in self.findings[:20]]
        more = len(self.findings) - len(shown)
        return "\n".join([*shown, f"… and {more} more"] if more else shown)


def name_problem(name: str) -> str | None:
    """What is wrong with a tensor's name, or None. Tools write tensors to files of that name."""
    if not name:
        return "is empty"
    if len(name) > _MAX_NAME:
        return f"is {len(name)} characters long (at most {_MAX_NAME})"
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in name):
        return "holds a control character"
    if name[0] in "/\\~" or re.match(r"[A-Za-z]:[/\\]", name):
        return "is an absolute path"
    if ".." in re.split(r"[/\\]", name):
        return "climbs out of its folder by '..'"
    return None


def header_size(head: bytes, file_size: int, path: str = "") -> int:
    """How many bytes of the file its header takes, the 8 of its length included. Needs the first 8 bytes.

    Raises WeightsError where that cannot be.
    """
    if file_size < 10 or len(head) < 8:
        _refuse(path, f"is {file_size} bytes long, which is too short for a safetensors file")
    length = int.from_bytes(head[:8], "little")
    if length > HEADER_LIMIT:
        _refuse(path, f"claims a header of {length} bytes, and {HEADER_LIMIT} is the limit: no safetensors file")
    if 8 + length > file_size:
        _refuse(path, f"is cut short: the header ends at byte {8 + length}, the file at byte {file_size}")
    return 8 + length


def parse_header(head: bytes, file_size: int, path: str = "") -> list[TensorInfo]:
    """The tensors of a safetensors file, in the order of their bytes.

    `head` is the beginning of the file, at least `header_size` bytes; `file_size` is in bytes; `path` is for
    the findings. Raises WeightsError with all findings, ValueError if `head` is shorter than that.
    """
    size = header_size(head, file_size, path)
    if len(head) < size:
        raise ValueError(f"the header takes {size} bytes, and {len(head)} were handed in")
    document, doubles = _read_json(head[8:size], path)
    problems = [f"the header has the key {key!r} twice" for key in doubles]
    problems += _metadata_problems(document.pop("__metadata__", {}))
    tensors = []
    for name, entry in document.items():
        found, tensor = _tensor(name, entry, size)
        problems += found
        if tensor:
            tensors.append(tensor)
    if not document:
        problems.append("holds no tensor")
    if not problems:
        tensors.sort(key=lambda tensor: (tensor.start, tensor.stop))
        problems = _layout_problems(tensors, size, file_size)
    if problems:
        raise WeightsError([_finding(path, problem) for problem in problems])
    return tensors


def _read_json(text: bytes, path: str) -> tuple[dict[str, Any], list[str]]:
    doubles: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            keys = [key for key, _ in pairs]
            doubles.extend(sorted({key for key in keys if keys.count(key) > 1}))
        return made

    try:
        # The library wants the brace first, so that no other format can begin with these bytes.
        document = json.loads(text.decode(), object_pairs_hook=once) if text[:1] == b"{" else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        _refuse(path, "has a header that is no JSON object: no safetensors file")
    return document, doubles


def _metadata_problems(metadata: object) -> list[str]:
    if isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values()):
        return []
    return ["has a __metadata__ that is not an object of strings"]


def _tensor(name: str, entry: Any, data_start: int) -> tuple[list[str], TensorInfo | None]:
    """The problems of one header entry, and the tensor if there are none but its name."""
    label = f"tensor {name[:80]!r}"
    problems = [f"{label}: its name {problem}"] if (problem := name_problem(name)) else []
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        return [*problems, f"{label}: expected exactly dtype, shape and data_offsets"], None
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        return [*problems, f"{label}: {str(dtype)[:40]!r} is no dtype that is known"], None
    if not _counts(shape):
        return [*problems, f"{label}: its shape is not a list of natural numbers"], None
    if not _counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        return [*problems, f"{label}: its data_offsets are not a begin and an end"], None
    bits = DTYPE_BITS[dtype]
    for extent in shape:
        bits *= extent
        if bits > _MAX_COUNT:
            return [*problems, f"{label}: its shape {shape[:8]} overflows"], None
    begin, end = offsets
    if bits != 8 * (end - begin):
        wants = f"{bits / 8:g} bytes by its shape and dtype"
        return [*problems, f"{label}: {wants}, {end - begin} by its data_offsets"], None
    return problems, TensorInfo(name, dtype, tuple(shape), data_start + begin, data_start + end)


def _counts(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item <= _MAX_COUNT for item in value)


def _layout_problems(tensors: list[TensorInfo], data_start: int, file_size: int) -> list[str]:
    problems, expected, before = [], data_start, None
    for tensor in tensors:
        if tensor.start < expected:
            problems.append(f"tensor {tensor.name!r}: its bytes overlap those of {before!r}")
        elif tensor.start > expected:
            problems.append(f"tensor {tensor.name!r}: {tensor.start - expected} bytes before it belong to no tensor")
        expected, before = max(expected, tensor.stop), tensor.name
    if expected > file_size:
        problems.append(f"tensor {before!r}: its bytes end at {expected}, the file at {file_size}: it is cut short")
    elif expected < file_size:
        problems.append(f"{many(file_size - expected, 'byte')} after the last tensor belong to no tensor")
    return problems


def _finding(path: str, message: str) -> Finding:
    return Finding(path, None, "weights", message, "Save the weights again with safetensors.")


def _refuse(path: str, message: str) -> NoReturn:
    raise WeightsError([_finding(path, message)])
