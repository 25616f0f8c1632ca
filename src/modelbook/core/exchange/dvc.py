"""DVC's own files: the pointer (`.dvc`) that names data by their md5, and the listing (`.dir`) of a folder's files.

Source: https://dvc.org/doc/user-guide/project-structure. What DVC before 3.0 wrote is read too: it says no `hash`, lies
elsewhere in the cache, and does not count the line ends of text in the md5.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from modelbook.core.dataset import check_data_path
from modelbook.core.strict_yaml import YamlError, read
from modelbook.errors import BadInput

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_BLOCK = 1024 * 1024  # bytes: DVC asks of each such block anew whether it is text
_LOOK = 512  # bytes at a block's beginning that decide it
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"
_MOST_ODD = 0.3  # of those bytes may be no text

DIR = ".dir"


@dataclass(frozen=True)
class DvcPointer:
    """What a `.dvc` file tracks: `path`, from the folder `below` (itself from the pointer's), and its md5.

    The md5 of a folder ends in `.dir`. `text_md5` says that line ends of text do not count in it.
    """

    path: str
    md5: str
    below: str = "."
    text_md5: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it tracks a folder."""
        return self.md5.endswith(DIR)


class ListedFile(NamedTuple):
    """A file in a DVC folder."""

    path: str
    md5: str


def read_pointer(data: bytes, where: str) -> DvcPointer:
    """The one output of a `.dvc` file. Raises BadInput where it is none, or tracks what is not kept by md5."""
    try:
        document = read(data).data
    except YamlError as error:
        raise BadInput(error.message, where=where, line=error.line) from None
    outs = document.get("outs") if isinstance(document, dict) else None
    if not isinstance(outs, list) or not all(isinstance(out, dict) for out in outs):
        raise BadInput(
            "is not a DVC pointer file: it has no `outs`", where=where, remedy="Name one that `dvc add` made."
        )
    if len(outs) != 1:
        raise BadInput(
            f"tracks {len(outs)} outputs, and a dataset is one", where=where, remedy="Track each by its own."
        )
    out: dict[str, Any] = outs[0]
    path, md5, kind = out.get("path"), out.get("md5"), out.get("hash")
    if not isinstance(path, str) or not isinstance(md5, str) or not _MD5.fullmatch(md5) or kind not in {None, "md5"}:
        raise BadInput(
            "tracks nothing by md5", where=where, remedy="Only data that `dvc add` put into DVC's cache are read."
        )
    below = document.get("wdir", ".")
    if not path or path.startswith("/") or "://" in path or not isinstance(below, str) or below.startswith("/"):
        raise BadInput(f"tracks {path!r}, which is no path in its repository", where=where, remedy="Name a copy of it.")
    return DvcPointer(path, md5, below, text_md5=kind is None)


def cache_paths(md5: str) -> tuple[str, str]:
    """Where DVC's cache keeps an object: since 3.0, and before."""
    place = f"{md5[:2]}/{md5[2:]}"
    return f"files/md5/{place}", place


def read_listing(data: bytes, where: str) -> list[ListedFile]:
    """The files that a `.dir` object lists, by path. Raises BadInput for anything else."""
    try:
        rows = [(each["relpath"], each["md5"]) for each in json.loads(data)]
        well_formed = all(isinstance(path, str) and _MD5.fullmatch(md5) and not md5.endswith(DIR) for path, md5 in rows)
    except (ValueError, TypeError, KeyError, RecursionError):
        well_formed = False
    if not well_formed:
        raise BadInput("is not a folder of DVC", where=where, remedy="Fetch it again: `dvc fetch`.")
    for path, _ in rows:
        check_data_path(path, where)
    return sorted(ListedFile(path, md5) for path, md5 in rows)


def write_listing(files: Iterable[ListedFile]) -> bytes:
    """The `.dir` object of a folder, byte for byte as DVC writes it, so that its md5 is that of the folder."""
    return json.dumps([{"md5": file.md5, "relpath": file.path} for file in sorted(files)], sort_keys=True).encode()


class ContentMd5:
    """The md5 by which DVC names a file. Hand it the file in chunks of whole MiB, the last of any size."""

    def __init__(self, *, text_md5: bool) -> None:
        self._text_md5 = text_md5
        self._hash = hashlib.md5(usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        """Take the next chunk."""
        if not self._text_md5:
            self._hash.update(chunk)
            return
        for start in range(0, len(chunk), _BLOCK):
            block = chunk[start : start + _BLOCK]
            self._hash.update(block.replace(b"\r\n", b"\n") if _is_text(block[:_LOOK]) else block)

    def hexdigest(self) -> str:
        """32 hex digits."""
        return self._hash.hexdigest()


def _is_text(beginning: bytes) -> bool:
    odd = len(beginning.translate(None, _TEXT))
    return b"\x00" not in beginning and odd <= _MOST_ODD * len(beginning)
