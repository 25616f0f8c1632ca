"""A file that goes into a store: read once, hashed on the way, and caught if it changes meanwhile."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from modelbook.adapters.file_errors import explained, store_error
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

    def chunks(self, length: int) -> Iterator[bytes]:
        """The file from its start in chunks of `length` bytes (the last may be less), hashed on the way."""
        self._hash = hashlib.sha256()
        self._read = 0
        with explained(self.path, "read"):
            self._file.seek(0)
        while self._read < self.size:
            chunk = self._exactly(min(length, self.size - self._read))
            if not chunk:
                return  # it shrank; `stored` says so
            self._hash.update(chunk)
            self._read += len(chunk)
            yield chunk

    def stored(self) -> Stored:
        """Digest and size of what `chunks` read. StoreError unless that is the whole, unchanged file."""
        now = os.fstat(self._file.fileno())
        same = (now.st_size, now.st_mtime_ns) == (self.size, self._before.st_mtime_ns)
        digest = prefixed(self._hash.hexdigest())
        if not same or self._read != self.size or digest != (self._promised or digest):
            raise StoreError(
                "changed while it was read; nothing was stored",
                where=str(self.path),
                remedy="Let the program that writes this file finish, then run the command again.",
            )
        return Stored(digest, self.size)

    def _exactly(self, length: int) -> bytes:
        # A raw read may return less than asked (signals, 2 GiB limit), and a short part would break a
        # multipart upload.
        pieces = []
        with explained(self.path, "read"):
            while length and (piece := self._file.read(length)):
                pieces.append(piece)
                length -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class SourceBytes:
    """As `SourceFile`, for what is in memory already."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def chunks(self, length: int) -> Iterator[bytes]:
        """The bytes in chunks of `length` (the last may be shorter)."""
        for start in range(0, self.size, length):
            yield self._data[start : start + length]

    def stored(self) -> Stored:
        """Digest and size."""
        return Stored(digest_of(self._data), self.size)


Source = SourceFile | SourceBytes


def measured(source: Source) -> Stored:
    """Digest and size of the whole of `source`."""
    for _ in source.chunks(CHUNK):
        pass
    return source.stored()
