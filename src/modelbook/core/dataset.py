"""The dataset card: one immutable dataset version. The list of its files is a manifest in the store."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from modelbook.core.digests import Digest
from modelbook.core.names import Name, Version
from modelbook.core.records import Frozen, Size, Tag, Text, Timestamp
from modelbook.errors import BadInput

MAX_PATH = 1000  # characters
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")


class Manifest(Frozen):
    """The manifest object: where it lies, its size in bytes, its digest."""

    uri: Annotated[str, Field(min_length=6, max_length=2000)]
    size: Size
    digest: Digest


class DatasetCard(Frozen):
    """`datasets/<dataset>/versions/<n>/card.yaml`. `files` and `size` sum up what the manifest lists."""

    format: Literal["modelbook/dataset/v1"] = "modelbook/dataset/v1"
    dataset: Name
    version: Version
    created: Timestamp
    description: Text | None = None
    source: Text | None = None
    tags: tuple[Tag, ...] = ()
    files: Annotated[int, Field(ge=1)]
    size: Size
    manifest: Manifest


def _plain_path(path: str) -> str:
    parts = path.split("/")
    if any(part in {"", ".", ".."} for part in parts) or _UNSAFE.search(path) or len(path) > MAX_PATH:
        raise ValueError(
            "not a path below the dataset's folder: no '..', no empty part, no control character or '\\\\'"
        )
    return path


class DataFile(Frozen):
    """A file of a dataset: any name that a folder can hold and that leads nowhere else; size in bytes, digest."""

    path: Annotated[str, AfterValidator(_plain_path)]
    size: Size
    digest: Digest


def manifest_line(file: DataFile) -> bytes:
    """One line of a manifest: a JSON object with `path`, `size` and `digest`."""
    return file.model_dump_json().encode() + b"\n"


def write_manifest(lines: Iterable[tuple[str, bytes]]) -> bytes:
    """The manifest of (path, line) pairs, sorted by path, so that equal folders give equal bytes."""
    return b"".join(line for _, line in sorted(lines))


def read_manifest(data: bytes, where: str) -> Iterator[DataFile]:
    """The files of a manifest, in order. Raises BadInput for a line that is not one of them."""
    previous = ""
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            file = DataFile.model_validate_json(line)
        except ValidationError as error:
            raise BadInput(error.errors()[0]["msg"], where=where, line=number) from None
        if file.path <= previous:
            raise BadInput(f"{file.path!r} stands twice or out of order", where=where, line=number)
        previous = file.path
        yield file


@dataclass(frozen=True)
class DataDiff:
    """What differs between two dataset versions, by path."""

    added: tuple[DataFile, ...]
    removed: tuple[DataFile, ...]
    changed: tuple[tuple[DataFile, DataFile], ...]
    same: int


def diff(old: Iterable[DataFile], new: Iterable[DataFile]) -> DataDiff:
    """Compare two manifests."""
    before = {file.path: file for file in old}
    added, changed, same = [], [], 0
    for file in new:
        was = before.pop(file.path, None)
        if was is None:
            added.append(file)
        elif was.digest != file.digest:
            changed.append((was, file))
        else:
            same += 1
    return DataDiff(tuple(added), tuple(before.values()), tuple(changed), same)
