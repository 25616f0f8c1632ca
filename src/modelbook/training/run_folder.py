"""A run's private folder on this machine: what has happened and is not yet in the store.

Everything passes through it, so that a process that is killed loses nothing that it had handed over.
`events.jsonl` takes the log, line by line; `outbox/` takes files, each lot in a folder of its own that
appears when it is whole; `end.jsonl` says how the attempt ended, until that joins the log.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from modelbook.core.digests import prefixed
from modelbook.core.records import StoredFile
from modelbook.core.runs.run_log import Event, RunEnded, Stored, decode, encode
from modelbook.errors import BadInput, Refused, StoreError
from modelbook.training.run_config import FILE_NAME

MAX_EVENT = 1024 * 1024  # bytes
_CHUNK = 1024 * 1024
_EVENT, _END, _OWNER = "event.jsonl", "end.jsonl", "owner"
LOCK = "lock"
"""Locked by the training process that delivers."""
FILES = "files"
"""The folder of a lot in which its files lie."""


class RunFolder:
    """Open while a process works on the run. Safe for threads, and for forked processes."""

    def __init__(self, path: Path) -> None:
        """Make the folder, or open the one that is there. Raises StoreError if that fails."""
        self.path = path
        self.outbox = path / "outbox"
        self._rejected = path / "rejected"
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.outbox.mkdir(exist_ok=True)
            # Kept open: the log survives a training that deletes the folder.
            self._log = os.open(path / "events.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _cannot("make", path, error) from None
        self._guard = threading.Lock()
        self._lots = 0
        self._owner: int | None = None

    @classmethod
    def claim(cls, path: Path, config: str) -> "RunFolder":
        """Make the folder, with the run's configuration in it, and own it until it is closed.

        It appears whole, so that of two processes one gets it. Raises Refused if it is there already.
        """
        unborn = path.with_name(f".{path.name}.{os.getpid()}.{time.time_ns()}")
        try:
            unborn.mkdir(mode=0o700, parents=True)
            owner = os.open(unborn / _OWNER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(owner, fcntl.LOCK_EX)
            (unborn / FILE_NAME).write_text(config, encoding="utf-8")
            unborn.rename(path)
        except OSError as error:
            shutil.rmtree(unborn, ignore_errors=True)
            if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
                raise Refused(
                    "another process has just begun this attempt, on this machine",
                    where=str(path),
                    remedy="Let it end, or start this training as a run of its own.",
                ) from None
            raise _cannot("make", path, error) from None
        folder = cls(path)
        folder._owner = owner
        return folder

    @staticmethod
    def in_use(path: Path) -> bool:
        """Whether the process that began the attempt lives, or the training process that it started."""
        return not (_free(path / _OWNER, fcntl.flock) and _free(path / LOCK, fcntl.lockf))

    def close(self) -> None:
        """Close the log's file, and own the folder no more."""
        os.close(self._log)
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None

    def remove(self) -> None:
        """Delete the folder; everything in it is in the store."""
        shutil.rmtree(self.path, ignore_errors=True)

    def after_fork(self) -> None:
        """To be called in a forked child: another thread of the parent may have held the guard."""
        self._guard = threading.Lock()

    def append(self, event: Event) -> None:
        """Add one event to the log.

        Raises BadInput if it is too large or cannot be written as JSON, StoreError if the disk is full.
        """
        try:
            line = encode([event])
        except ValueError as error:
            raise BadInput(f"cannot be written as JSON: {error}") from None
        if len(line) > MAX_EVENT:
            raise BadInput(
                f"one entry of a run's log may take {MAX_EVENT} bytes, and this one takes {len(line)}",
                remedy="Store what is large as a file: run.log_artifact(path).",
            )
        with self._guard:
            before = self.log_size()
            try:
                # One write, so that lines of two processes never mix.
                if os.write(self._log, line) == len(line):
                    return
                os.ftruncate(self._log, before)
                raise OSError("the disk is full")
            except OSError as error:
                raise _cannot("write to", self.path / "events.jsonl", error) from None

    def log_size(self) -> int:
        """Bytes in the log."""
        return os.fstat(self._log).st_size

    def read_log(self, offset: int, limit: int) -> bytes:
        """Whole lines from `offset` on: about `limit` bytes, at least one line, nothing if there is none."""
        data = os.pread(self._log, max(limit, MAX_EVENT), offset)
        end = data.rfind(b"\n", 0, limit)
        return data[: (end if end >= 0 else data.find(b"\n")) + 1]

    def repair(self) -> None:
        """Cut off a last line that is not whole. Only for when the process that wrote it is dead."""
        size = self.log_size()
        tail = os.pread(self._log, MAX_EVENT, max(0, size - MAX_EVENT))
        if tail and not tail.endswith(b"\n"):
            os.ftruncate(self._log, size - len(tail) + tail.rfind(b"\n") + 1)

    def events(self) -> list[Event]:
        """The events of the log so far."""
        chunks, offset = [], 0
        while data := self.read_log(offset, _CHUNK):
            chunks.append(data)
            offset += len(data)
        return decode(b"".join(chunks), str(self.path / "events.jsonl"))

    def write_end(self, end: RunEnded) -> None:
        """Keep how the attempt ended. The folder is made again if the training deleted it."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.path / _END).write_bytes(encode([end]))
        except OSError as error:
            raise _cannot("write to", self.path, error) from None

    def read_end(self) -> RunEnded | None:
        """How the attempt ended, or None if that is not known yet."""
        try:
            [end] = decode((self.path / _END).read_bytes(), str(self.path / _END))
        except FileNotFoundError:
            return None
        return end if isinstance(end, RunEnded) else None

    def reject(self, lot: Path) -> None:
        """Set a lot aside that the store will never take."""
        self._rejected.mkdir(exist_ok=True)
        lot.rename(self._rejected / lot.name)

    def drop(self, lot: Path) -> None:
        """Delete a lot. It is gone at once, so that another process never meets half of it."""
        going = lot.with_name(f".{lot.name}.gone")
        with suppress(FileNotFoundError):
            lot.rename(going)
        shutil.rmtree(going, ignore_errors=True)

    def rejected(self) -> list[Path]:
        """The lots that were set aside."""
        return sorted(self._rejected.iterdir()) if self._rejected.is_dir() else []

    def stage(self, fill: Callable[[Path], Stored | None]) -> None:
        """Put a lot of files into the outbox: `fill` writes them into the folder that it is given.

        The event that it returns joins the log once they are in the store. If it raises or returns None, there
        is no lot.
        """
        with self._guard:
            self._lots += 1
            # In order of time, as `lots` gives them, and unique among the processes of this run.
            name = f"{time.time_ns():020d}-{os.getpid()}-{self._lots}"
        unfinished = self.outbox / f".{name}"
        try:
            (unfinished / FILES).mkdir(parents=True)
            if event := fill(unfinished / FILES):
                (unfinished / _EVENT).write_bytes(encode([event]))
                unfinished.rename(self.outbox / name)
        except OSError as error:
            raise _cannot("write to", self.outbox, error) from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def lots(self) -> Iterator[tuple[Path, Stored]]:
        """The lots that are whole, oldest first: the folder and the event."""
        try:
            names = sorted(entry.name for entry in self.outbox.iterdir() if not entry.name.startswith("."))
        except FileNotFoundError:  # the training deleted the folder: what was in it is gone
            return
        for name in names:
            lot = self.outbox / name
            try:
                [event] = decode((lot / _EVENT).read_bytes(), str(lot / _EVENT))
            except FileNotFoundError:  # another process of this run delivered it meanwhile
                continue
            if isinstance(event, Stored):
                yield lot, event


def _free(path: Path, lock: Callable[[int, int], object]) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def copy_in(source: Path, target: Path, path: str) -> StoredFile:
    """Copy a regular file to `target`, hashed on the way; `path` is its name in the store.

    Raises BadInput for what is no regular file: a symlink may lead anywhere.
    """
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if source.is_symlink():
            raise _no_file("is a symbolic link", source) from None
        reason = (
            "there is no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        )
        raise _no_file(reason, source) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_file("is not a regular file", source)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        return write_in(iter(lambda: file.read(_CHUNK), b""), target, path)


def write_in(chunks: Iterable[bytes], target: Path, path: str) -> StoredFile:
    """Write `chunks` to `target`, hashed on the way; `path` is its name in the store."""
    digest, size = hashlib.sha256(), 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    return StoredFile(path=path, size=size, digest=prefixed(digest.hexdigest()))


def measure(file: Path, path: str) -> StoredFile:
    """Size and digest of a file that lies in place; `path` is its name in the store."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return StoredFile(path=path, size=file.stat().st_size, digest=prefixed(digest))


def _no_file(reason: str, source: Path) -> BadInput:
    return BadInput(reason, where=str(source), remedy="Name a regular file that this process may read.")


def _cannot(verb: str, path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot {verb} the run's folder: {error.strerror or error}",
        where=str(path),
        remedy="Free some space, or check the rights to the folder.",
    )
