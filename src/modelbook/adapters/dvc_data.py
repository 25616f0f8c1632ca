"""Data that DVC tracks, found on this machine: in its cache, else in the workspace beside the pointer file."""

import configparser
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from modelbook.adapters.data_folder import FoundFile, found_files
from modelbook.adapters.file_errors import explained
from modelbook.adapters.source_file import SourceFile
from modelbook.adapters.store import CHUNK
from modelbook.core.dataset import DvcSource
from modelbook.core.exchange.dvc import (
    DIR,
    ContentMd5,
    DvcPointer,
    ListedFile,
    cache_paths,
    read_listing,
    read_pointer,
    write_listing,
)
from modelbook.errors import BadInput

SUFFIX = ".dvc"


class DvcData:
    """The data that one pointer file names. A folder's listing is held in memory: DVC keeps it as one document."""

    def __init__(self, pointer: Path, top: Path) -> None:
        """Read the pointer file. Its path is recorded from `top`; its name alone where it lies outside.

        Raises BadInput where it is none, or where its folder's listing is not on this machine.
        """
        with explained(pointer, "read"):
            self._pointer = read_pointer(pointer.read_bytes(), str(pointer))
        self._file = pointer
        here = pointer.absolute().parent
        home = next((folder for folder in (here, *here.parents) if (folder / SUFFIX).is_dir()), here)
        self._workspace = Path(os.path.normpath(here / self._pointer.below / self._pointer.path))
        if not self._workspace.is_relative_to(home):
            raise BadInput(
                f"tracks {self._pointer.path!r}, which lies outside its repository",
                where=str(pointer),
                remedy="Name a copy of it.",
            )
        self._caches = _caches(home)
        place, top = pointer.resolve(), top.resolve()
        self.source = DvcSource(
            pointer=place.relative_to(top).as_posix() if place.is_relative_to(top) else place.name,
            md5=self._pointer.md5,
            path=self._pointer.path,
        )
        self._listed = self._listing() if self._pointer.is_folder else None

    def files(self) -> Iterator[FoundFile]:
        """Every file, by path, with the md5 that it must have. Raises BadInput where one is not on this machine."""
        if self._listed is None:
            yield self._found(ListedFile(self._workspace.name, self._pointer.md5), self._workspace)
            return
        for listed in self._listed:
            yield self._found(listed, self._workspace / listed.path)

    def _found(self, listed: ListedFile, beside: Path) -> FoundFile:
        # The cache first: it holds what the pointer names, whatever became of the workspace since.
        file = self._cached(listed.md5) or (beside.resolve() if beside.is_file() else None)
        if file is None:
            raise self._missing(listed.path)
        return FoundFile(listed.path, file, file.stat().st_size, md5=listed.md5, text_md5=self._pointer.text_md5)

    def _cached(self, md5: str) -> Path | None:
        places = (cache / path for cache in self._caches for path in cache_paths(md5))
        return next((place for place in places if place.is_file()), None)

    def _listing(self) -> list[ListedFile]:
        place = self._cached(self._pointer.md5)
        if place:
            data = place.read_bytes()
            listed = read_listing(data, str(place))
        elif self._workspace.is_dir():
            listed = [ListedFile(file.path, _md5(file.file, self._pointer)) for file in found_files(self._workspace)]
            data = write_listing(listed)
        else:
            raise self._missing(self._pointer.path)
        if hashlib.md5(data, usedforsecurity=False).hexdigest() + DIR != self._pointer.md5:
            raise BadInput(
                f"is not the folder that {self._file} names: its files are others",
                where=str(place or self._workspace),
                remedy=f"Run `dvc fetch {self._file}`, or `dvc add` the folder again.",
            )
        return listed

    def _missing(self, path: str) -> BadInput:
        return BadInput(
            f"{path} is not on this machine, neither in DVC's cache nor beside the pointer file",
            where=str(self._file),
            remedy=f"Run `dvc pull {self._file}` first.",
        )


def _caches(home: Path) -> list[Path]:
    """DVC's cache folder: the one that the repository's settings name (those of this machine first), else its own."""
    folders = []
    for name in ("config.local", "config"):
        settings = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            settings.read(home / SUFFIX / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise BadInput("is no settings file of DVC", where=str(home / SUFFIX / name), remedy=str(error)) from None
        if told := settings.get("cache", "dir", fallback="").strip("'\""):
            folders.append(Path(os.path.normpath(home / SUFFIX / os.path.expanduser(told))))  # noqa: PTH111 - never fails
    return [*folders[:1], home / SUFFIX / "cache"]


def _md5(file: Path, pointer: DvcPointer) -> str:
    seen = ContentMd5(text_md5=pointer.text_md5)
    with SourceFile(file) as source:
        for chunk in source.chunks(CHUNK):
            seen.update(bytes(chunk))
        source.stored()
    return seen.hexdigest()
