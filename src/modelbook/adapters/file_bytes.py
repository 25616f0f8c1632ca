"""The bytes of files that are open: all of them read or written, and on the disk when that is asked for."""

import errno
import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from modelbook.adapters.file_errors import explained
from modelbook.adapters.parallel import move_all
from modelbook.adapters.store import Progress

_WRITTEN_AT_ONCE = 64 * 1024  # bytes
_SYNCED_AT_ONCE = 8
_SYNC_FILE_RANGE_WRITE = 2  # of Linux


def write_all(out: int, data: bytes | memoryview) -> None:
    """Write all of `data` to the file descriptor `out`; a raw write may take less than it was given."""
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


def filled(descriptor: int, at: int, view: memoryview) -> bool:
    """Fill `view` with the bytes of a file from byte `at` on; False where it ends before."""
    while view and (count := os.preadv(descriptor, [view], at)):
        at, view = at + count, view[count:]
    return not view


def read_at(descriptor: int, at: int, view: memoryview) -> None:
    """As `filled`. Raises OSError where the file ends before."""
    if not filled(descriptor, at, view):
        raise OSError(errno.EIO, "it became shorter while it was read")


def write_at(out: int, at: int, view: memoryview) -> None:
    """As `write_all`, from byte `at` of the file on, wherever others write at the same time.

    In small pieces: for a large one, Linux gathers memory in large blocks, which may take it five times as long, and
    keeps everybody else from writing to this file meanwhile.
    """
    while view:
        count = os.pwrite(out, view[:_WRITTEN_AT_ONCE], at)
        at, view = at + count, view[count:]


def begin_writing_out(out: int) -> None:
    """Let Linux begin to bring to the disk what was written to a file so far, and wait for none of it.

    What is not there when `os.fsync` is called later is waited for then; that call alone promises anything.
    """
    call = _sync_file_range()
    if call:
        call(out, 0, 0, _SYNC_FILE_RANGE_WRITE)  # to the end of the file; should it fail, the later call says so


@cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    from ctypes import CDLL, c_int, c_int64, c_uint

    call = getattr(CDLL(None), "sync_file_range", None)
    if call:
        call.argtypes = (c_int, c_int64, c_int64, c_uint)
    return call


def sync(path: Path) -> None:
    """Make the bytes of a file, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_below(folder: Path) -> None:
    """`sync` everything below a folder, and the folder. Raises StoreError."""
    for above, _, names in os.walk(folder):
        with explained(above, "write"):
            # At the same time: the file system then writes its own book once for many.
            move_all([partial(_sync_one, Path(above, name)) for name in names], workers=_SYNCED_AT_ONCE)
            sync(Path(above))


def _sync_one(path: Path, _: Progress) -> None:
    sync(path)
