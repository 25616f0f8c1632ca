"""The dataset card: one immutable dataset version. The list of its files is a manifest in the store."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from modelbook.core.digests import Digest
from modelbook.core.names import Name, Version
from modelbook.core.records import Frozen, Size, StoredFile, Tag, Text, Timestamp
from modelbook.errors import BadInput


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


def write_manifest(files: Iterable[StoredFile]) -> bytes:
    """One JSON object a line (`path`, `size`, `digest`), sorted by path, so that equal folders give equal bytes."""
    ordered = sorted(files, key=lambda file: file.path)
    return b"".join(file.model_dump_json().encode() + b"\n" for file in ordered)


def read_manifest(data: bytes, where: str) -> Iterator[StoredFile]:
    """The files of a manifest, in order. Raises BadInput for a line that is not one of them."""
    previous = ""
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            file = StoredFile.model_validate_json(line)
        except ValidationError as error:
            raise BadInput(error.errors()[0]["msg"], where=where, line=number) from None
        if file.path <= previous:
            raise BadInput(f"{file.path!r} stands twice or out of order", where=where, line=number)
        previous = file.path
        yield file
