"""The dataset card: one immutable dataset version. The list of its files is a manifest in the store.

A manifest has one JSON object a line, in order of the paths, so that equal folders give equal bytes, and so that two
of them, or one and a folder, are compared as they stream by: none of this holds more than a line of each in memory.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Protocol, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from modelbook.core.names import Name, Version
from modelbook.core.records import Digest, Frozen, Size, Tag, Text, Timestamp
from modelbook.errors import BadInput

MAX_PATH = 1000  # characters
# A name that is not UTF-8 comes from the file system with lone surrogates in it, which no JSON can hold.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")


class Manifest(Frozen):
    """The manifest object: where it lies, its size in bytes, its digest."""

    uri: Annotated[str, Field(min_length=6, max_length=2000)]
    size: Size
    digest: Digest


class DvcSource(Frozen):
    """The DVC pointer file that a version was made from: its path, the md5 in it, and the path that it tracks."""

    pointer: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    md5: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}(\.dir)?$")]
    path: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class DatasetCard(Frozen):
    """`datasets/<dataset>/versions/<n>/card.yaml`. `files` and `size` sum up what the manifest lists."""

    format: Literal["modelbook/dataset/v1"] = "modelbook/dataset/v1"
    dataset: Name
    version: Version
    created: Timestamp
    description: Text | None = None
    source: Text | None = None
    license: Text | None = None
    citation: Text | None = None
    creator: Text | None = None
    dvc: DvcSource | None = None
    tags: tuple[Tag, ...] = ()
    files: Annotated[int, Field(ge=1)]
    size: Size
    manifest: Manifest


def _plain_path(path: str) -> str:
    parts = path.split("/")
    # git runs what the settings in a folder `.git` say, wherever somebody looks at the data with it.
    if any(part.lower() in {"", ".", "..", ".git"} for part in parts) or _UNSAFE.search(path) or len(path) > MAX_PATH:
        raise ValueError(
            "not a path below the dataset's folder: no '..', '.git', empty part, control character or '\\\\'"
        )
    return path


def check_data_path(path: str, where: str) -> str:
    """`path` itself, if a file of a dataset may have it. Raises BadInput, which names the file `where`, otherwise."""
    try:
        return _plain_path(path)
    except ValueError:
        raise BadInput(
            "a file of this name cannot be in a dataset",
            where=ascii(where)[1:-1],
            remedy="Rename it: not '.git'; UTF-8 without control characters and '\\'; in its path at most "
            f"{MAX_PATH} characters.",
        ) from None


class DataFile(Frozen):
    """A file of a dataset: any name that a folder can hold and that leads nowhere else; size in bytes, digest."""

    path: Annotated[str, AfterValidator(_plain_path)]
    size: Size
    digest: Digest


def manifest_line(file: DataFile) -> bytes:
    """One line of a manifest: a JSON object with `path`, `size` and `digest`."""
    return file.model_dump_json().encode() + b"\n"


def read_manifest(lines: Iterable[bytes], where: str) -> Iterator[DataFile]:
    """The files of a manifest, in order. Raises BadInput for a line that is not one of them."""
    previous = ""
    for number, line in enumerate(lines, start=1):
        try:
            file = DataFile.model_validate_json(line)
        except ValidationError as error:
            raise BadInput(error.errors()[0]["msg"], where=where, line=number) from None
        if file.path <= previous:
            raise BadInput(f"{file.path!r} stands twice or out of order", where=where, line=number)
        previous = file.path
        yield file


class Placed(Protocol):
    """What has a path inside a dataset."""

    @property
    def path(self) -> str:
        """Relative to the dataset's folder, with `/`."""
        ...


Left = TypeVar("Left", bound=Placed)
Right = TypeVar("Right", bound=Placed)


def side_by_side(left: Iterable[Left], right: Iterable[Right]) -> Iterator[tuple[Left | None, Right | None]]:
    """Two lists, each in order of its paths, merged: a path that both have comes as one pair, else one side is None."""
    lefts, rights = iter(left), iter(right)
    one, other = next(lefts, None), next(rights, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.path < other.path):
            yield one, None
            one = next(lefts, None)
        elif one is None or other.path < one.path:
            yield None, other
            other = next(rights, None)
        else:
            yield one, other
            one, other = next(lefts, None), next(rights, None)
