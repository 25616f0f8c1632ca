"""A folder as the store: the embedded default, and what the demo uses.

An object is a read-only file whose path below the root is its key. What is being written lies in `.tmp~`, a name
that no key can have, and gets its own name by a hard link when it is whole: that fails if the name is taken.
"""

import errno
import fcntl
import os
import secrets
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from modelbook.adapters.directory_walk import folder, info_in, listed, made_folder
from modelbook.adapters.file_bytes import read_at, write_all
from modelbook.adapters.file_errors import explained
from modelbook.adapters.landing import land
from modelbook.adapters.ranges import Fill
from modelbook.adapters.source_file import Source, SourceBytes, SourceFile
from modelbook.adapters.store import CHUNK, ObjectInfo, Progress, Stored
from modelbook.adapters.store_contract import (
    accept_present,
    accept_same,
    check_promised,
    no_such_object,
    not_deleted,
    whole,
)
from modelbook.core.storage import check_key, uri_of
from modelbook.errors import StoreError

TEMPORARY = ".tmp~"
_PART = ".part"
_ATTEMPTS = 20  # a store that deletes may take away an empty folder that another writer has just made
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


class _Unfinished(NamedTuple):
    folder: int  # open descriptor of the temporary folder
    name: str
    out: int  # open descriptor of the file itself


class DirectoryStore:
    """The objects in one folder. Safe to use from several threads and several processes at once."""

    def __init__(self, root: Path, uri: str) -> None:
        """`root` is the folder (made by the first write), `uri` what policy.yaml calls it."""
        self.root = root
        self.uri = uri.rstrip("/")

    def put_file(
        self, key: str, source: Path, *, digest: str | None = None, progress: Progress | None = None
    ) -> Stored:
        """See `Store.put_file`."""
        with SourceFile(source, digest) as file:
            return self._put(key, file, progress)

    def put_bytes(self, key: str, data: bytes, *, named: bool = False) -> Stored:
        """See `Store.put_bytes`."""
        return self._put(key, SourceBytes(data), None, named=named)

    def read_bytes(self, key: str, *, limit: int) -> bytes:
        """See `Store.read_bytes`."""
        return whole(self.stream(key), limit, uri_of(self.uri, key))

    def stream(self, key: str) -> Generator[bytes]:
        """See `Store.stream`."""
        with self._opened(key) as descriptor:
            while chunk := _read(descriptor, self._path(key)):
                yield chunk

    @contextmanager
    def _opened(self, key: str) -> Iterator[int]:
        """An open descriptor of the object."""
        path = self._path(key)
        with self._above(key) as above, explained(path, "read"):
            if above is None or info_in(above, path.name, key, path) is None:
                raise no_such_object(uri_of(self.uri, key), self._hint())
            # Not blocking: should a named pipe take the file's place, nobody waits for its other end.
            descriptor = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=above)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def fetch(
        self,
        key: str,
        target: Path,
        *,
        digest: str,
        size: int,
        progress: Progress | None = None,
        synced: bool = True,
    ) -> None:
        """See `Store.fetch`."""
        path, where = self._path(key), uri_of(self.uri, key)

        @contextmanager
        def opened() -> Iterator[Fill]:
            with self._opened(key) as descriptor:
                check_promised(os.fstat(descriptor).st_size, size, where)
                yield partial(_fill, descriptor, path)

        land(opened, target, digest=digest, size=size, where=where, progress=progress, synced=synced)

    def stat(self, key: str) -> ObjectInfo | None:
        """See `Store.stat`."""
        path = self._path(key)
        with self._above(key) as above, explained(path, "look at"):
            return None if above is None else info_in(above, path.name, key, path)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `Store.list`."""
        return listed(self.root, prefix)

    def delete(self, keys: Iterable[str]) -> None:
        """See `Store.delete`. Folders that become empty go too."""
        failed = {}
        for key in keys:
            try:
                self._remove(key)
            except StoreError as error:
                failed[key] = error.message
        if failed:
            raise not_deleted(self.uri, failed)

    def discard_unfinished(self, before: datetime) -> int:
        """See `Store.discard_unfinished`."""
        count = 0
        with folder(self.root, [TEMPORARY]) as temporary, explained(self.root / TEMPORARY, "clean"):
            if temporary is None:
                return 0
            with os.scandir(temporary) as entries:
                for each in entries:
                    with suppress(FileNotFoundError):  # its writer finished meanwhile
                        written = each.stat(follow_symlinks=False).st_mtime
                        if each.name.endswith(_PART) and written < before.timestamp():
                            os.unlink(each.name, dir_fd=temporary)
                            count += 1
        return count

    def _put(self, key: str, source: Source, progress: Progress | None, *, named: bool = False) -> Stored:
        path, where = self._path(key), uri_of(self.uri, key)
        present = self.stat(key)
        if present is not None and named and present.size == source.size:
            return source.stored()
        if present is not None:
            return accept_present(present, self.stream(key), source, where, progress)
        with self._unfinished() as unfinished:
            for chunk in source.chunks(CHUNK):
                with explained(path, "write"):
                    write_all(unfinished.out, chunk)
                if progress:
                    progress(len(chunk))
            stored = source.stored()
            with explained(path, "write"):
                os.fchmod(unfinished.out, 0o444)
                os.fsync(unfinished.out)
                published = self._publish(unfinished, key)
        return stored if published else accept_same(self.stream(key), stored, where)

    @contextmanager
    def _unfinished(self) -> Iterator[_Unfinished]:
        """A new file in the temporary folder; that name of it is gone when the block ends, whatever ends it."""
        name = secrets.token_hex(16) + _PART
        with ExitStack() as stack:
            with explained(self.root / TEMPORARY, "make this folder"):
                temporary = stack.enter_context(made_folder(self.root, [TEMPORARY]))
            try:
                with explained(self.root / TEMPORARY, "write"):
                    out = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=temporary)
                try:
                    yield _Unfinished(temporary, name, out)
                finally:
                    with suppress(OSError):  # whether the bytes are safe, fsync has said
                        os.close(out)
            finally:
                with suppress(OSError):  # it was renamed, or a later `discard_unfinished` finds it
                    os.unlink(name, dir_fd=temporary)

    def _publish(self, unfinished: _Unfinished, key: str) -> bool:
        """Give the finished file its name, durably; False if the name is taken."""
        *parts, name = key.split("/")
        attempts = 0
        while True:
            try:
                with made_folder(self.root, parts) as above:
                    if not _name_if_free(unfinished, above, name):
                        return False
                    os.fsync(above)
                    return True
            except FileNotFoundError:
                attempts += 1
                if attempts == _ATTEMPTS:
                    raise

    def _remove(self, key: str) -> None:
        path = self._path(key)
        with self._above(key) as above:
            if above is None:
                return
            with explained(path, "delete"), suppress(FileNotFoundError, IsADirectoryError):
                os.unlink(path.name, dir_fd=above)
        parts = key.split("/")[:-1]
        with suppress(OSError):  # the first folder that is not empty ends it
            while parts:
                name = parts.pop()
                with folder(self.root, parts) as above:
                    if above is None:
                        return
                    os.rmdir(name, dir_fd=above)

    def _path(self, key: str) -> Path:
        return self.root.joinpath(check_key(key))

    def _above(self, key: str) -> AbstractContextManager[int | None]:
        return folder(self.root, check_key(key).split("/")[:-1])

    def _hint(self) -> str | None:
        if self.root.is_dir():
            return None
        return f"The folder {self.root} does not exist: is it the store that policy.yaml means?"


def _read(descriptor: int, path: Path) -> bytes:
    with explained(path, "read"):
        return os.read(descriptor, CHUNK)


def _fill(descriptor: int, path: Path, at: int, view: memoryview) -> None:
    with explained(path, "read"):
        read_at(descriptor, at, view)


def _name_if_free(unfinished: _Unfinished, above: int, name: str) -> bool:
    try:
        os.link(unfinished.name, name, src_dir_fd=unfinished.folder, dst_dir_fd=above)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _rename_if_free(unfinished, above, name)
    return True


def _rename_if_free(unfinished: _Unfinished, above: int, name: str) -> bool:
    """Where there are no hard links: rename if the name is free, alone among all writers of this store.

    The lock is the kernel's, so that a writer who is killed leaves none behind.
    """
    lock = os.open("lock", os.O_RDWR | os.O_CREAT, 0o666, dir_fd=unfinished.folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            os.stat(name, dir_fd=above, follow_symlinks=False)
            return False
        os.rename(unfinished.name, name, src_dir_fd=unfinished.folder, dst_dir_fd=above)
        return True
    finally:
        os.close(lock)
