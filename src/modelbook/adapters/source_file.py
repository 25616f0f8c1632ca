"""A file that goes into a store: read once, hashed on the way, and caught if it changes meanwhile."""

import hashlib
import os
import stat
from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Self

from modelbook.adapters.file_bytes import filled
from modelbook.adapters.file_errors import explained, store_error
from modelbook.adapters.ranges import After, in_order
from modelbook.adapters.store import CHUNK, Stored
from modelbook.core.digests import digest_of, prefixed
from modelbook.errors import BadInput, StoreError


class SourceFile:
    """One regular file, open from `with` to the end of its block.

    `size` is its size in bytes when it was opened. Raises BadInput if there is no such file, StoreError if it
    cannot be read, changes while it is read, or is not (any more) the one whose `digest` was promised.
    """

    def __init__(self, path: Path, digest: str | None = None) -> None:
        self.path = path
        self._promised = digest

    def __enter__(self) -> Self:
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):  # before open: a named pipe would block it
                raise BadInput(
                    "is not a regular file",
                    where=str(self.path),
                    remedy="Name a file, not a folder or a device.",
                )
            self._file = self.path.open("rb", buffering=0)
        except (FileNotFoundError, NotADirectoryError):
            raise BadInput("there is no such file", where=str(self.path), remedy="Check the path.") from None
        except OSError as error:
            raise store_error(error, self.path, "read") from error
        self._before = os.fstat(self._file.fileno())
        self.size = self._before.st_size
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def chunks(self, length: int, after: After | None = None) -> Generator[memoryview]:
        """The file from its start in chunks of `length` bytes (the last may be less), hashed on the way.

        Each is good until the next is asked for. Another thread may do something with it meanwhile: `after`.
        """
        self._hash = hashlib.sha256()
        self._read = 0
        for chunk in in_order(self._fill, 0, self.size, after=after, step=length):
            self._hash.update(chunk)
            self._read += len(chunk)
            yield chunk

    def stored(self) -> Stored:
        """Digest and size of what `chunks` read. StoreError unless that is the whole, unchanged file."""
        now = os.fstat(self._file.fileno())
        same = (now.st_size, now.st_mtime_ns) == (self.size, self._before.st_mtime_ns)
        digest = prefixed(self._hash.hexdigest())
        if not same or self._read != self.size or digest != (self._promised or digest):
            raise self._changed()
        return Stored(digest, self.size)

    def _changed(self) -> StoreError:
        return StoreError(
            "changed while it was read; nothing was stored",
            where=str(self.path),
            remedy="Let the program that writes this file finish, then run the command again.",
        )

    def _fill(self, at: int, view: memoryview) -> None:
        with explained(self.path, "read"):
            whole = filled(self._file.fileno(), at, view)
        if not whole:
            raise self._changed()


class SourceBytes:
    """As `SourceFile`, for what is in memory already."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def chunks(self, length: int, after: After | None = None) -> Generator[memoryview]:
        """The bytes in chunks of `length` (the last may be shorter)."""
        return in_order(self._fill, 0, self.size, after=after, step=length)

    def _fill(self, at: int, view: memoryview) -> None:
        view[:] = memoryview(self._data)[at : at + len(view)]

    def stored(self) -> Stored:
        """Digest and size."""
        return Stored(digest_of(self._data), self.size)


Source = SourceFile | SourceBytes


def measured(source: Source) -> Stored:
    """Digest and size of the whole of `source`."""
    for _ in source.chunks(CHUNK):
        pass
    return source.stored()
