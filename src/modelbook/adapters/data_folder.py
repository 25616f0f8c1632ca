"""The files of a folder in the order of a manifest, with one folder's names in memory at a time."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from modelbook.adapters.file_errors import explained
from modelbook.core.dataset import check_data_path
from modelbook.errors import BadInput


class Stamp(NamedTuple):
    """What of a file changes whenever its content does, and when that was last (nanoseconds since the epoch)."""

    text: str
    changed: int


class FoundFile(NamedTuple):
    """A regular file: its path inside the dataset, where it lies, its size in bytes.

    `md5` is what somebody else said of it, with `text_md5` if line ends do not count in that.
    """

    path: str
    file: Path
    size: int
    stamp: Stamp | None = None
    md5: str | None = None
    text_md5: bool = False


def found_files(path: Path) -> Iterator[FoundFile]:
    """The file at `path`, or every one below it, by path. `.git` is left out, and so are empty folders.

    Raises BadInput for a symbolic link or anything else that is no regular file, and for a name that no manifest can
    hold; StoreError for a folder that cannot be read.
    """
    if path.is_symlink():
        raise BadInput("a symbolic link cannot be added", where=str(path), remedy="Name what it points to.")
    if path.is_file():
        name = path.resolve().name
        info = path.stat()
        yield FoundFile(check_data_path(name, str(path)), path, info.st_size, stamp_of(info))
    elif path.is_dir():
        yield from _below(path, "")
    else:
        raise BadInput("no such file or folder", where=str(path))


def _below(folder: Path, prefix: str) -> Iterator[FoundFile]:
    with explained(folder, "list"), os.scandir(folder) as entries:
        # "a.b" comes before "a/c": a folder sorts by its name and the slash that follows it in every path.
        names = sorted(f"{each.name}/" if each.is_dir(follow_symlinks=False) else each.name for each in entries)
    for name in names:
        place = prefix + name
        if name.rstrip("/") == ".git":  # in a submodule it is a file
            continue
        if name.endswith("/"):
            yield from _below(folder / name, place)
            continue
        file = folder / name
        check_data_path(place, str(file))
        with explained(file, "look at"):
            info = file.lstat()
        if not stat.S_ISREG(info.st_mode):
            remedy = "Replace the link by what it points to."
            raise BadInput("only regular files can be in a dataset", where=str(file), remedy=remedy)
        yield FoundFile(place, file, info.st_size, stamp_of(info))


def stamp_of(info: os.stat_result) -> Stamp:
    """The stamp of a file from what the file system says of it."""
    parts = (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
    return Stamp(":".join(map(str, parts)), max(info.st_mtime_ns, info.st_ctime_ns))
