"""How fetched bytes reach a folder: hashed on the way, under a temporary name until they are known to be right.

Ranges are written as they arrive, each where it belongs, so what a killed process left may have holes. What lies before
the first of them is taken up again. The file system knows where that is, so there is no record that could lie: what is
taken up is hashed like what follows it, and if the whole is wrong then, all of it is fetched anew.
"""

import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from threading import Lock

from modelbook.adapters.file_bytes import begin_writing_out, read_at, sync, write_at
from modelbook.adapters.file_errors import explained
from modelbook.adapters.ranges import RANGE, After, Fill, in_order
from modelbook.adapters.store import Progress
from modelbook.adapters.store_contract import not_as_promised
from modelbook.core.digests import hex_of, prefixed
from modelbook.errors import IntegrityError, Interrupted, StoreError

PART = ".modelbook-*.part"  # the names, as a pattern, of files that wait here to be whole
_WORTH_BEGINNING = 1024 * 1024  # bytes of one file
_WRITTEN_OUT = 64 * 1024 * 1024  # bytes
_BLOCK = 4096  # bytes: no file system's is larger than what a range ends with
Opener = Callable[[], AbstractContextManager[Fill]]
"""Opens the object of the promised size, for as long as its block lasts. Raises IntegrityError for another size."""


def land(
    opened: Opener,
    target: Path,
    *,
    digest: str,
    size: int,
    where: str,
    progress: Progress | None = None,
    synced: bool = True,
) -> None:
    """Write the object that `opened` gives to `target`, which appears only if it is `size` bytes with `digest`.

    Folders above `target` are made; what stood at `target` is replaced. Whatever ends this early (other bytes, a full
    disk), nothing new is left behind, unless it is a kill, Ctrl-C or the store: then the next call goes on with the
    ranges that had arrived. `where` is the URI that an IntegrityError names. Not `synced`, it is for `sync_below`, when
    the whole folder is there, to make it outlive a power cut: one wait for the disk instead of two a file.
    """
    with _folder(target.parent), explained(target, "write"), _part(target, digest) as (out, temporary):
        landing = _Landing(out, digest, size, where, progress)
        try:
            landing.take_up()
            if not landing.completed(opened):
                landing.begin_anew()
                landing.completed(opened)
            if synced:
                os.fsync(out)
            elif size >= _WORTH_BEGINNING:
                begin_writing_out(out)  # while others are fetched
            temporary.replace(target)
            if synced:
                sync(target.parent)
        except BaseException as error:
            if landing.arrived < RANGE or not may_go_on(error):
                with suppress(OSError):
                    temporary.unlink()
            raise


def is_part(path: str) -> bool:
    """Whether a file is one that waits to be whole, by its path with slashes."""
    return fnmatch(path.rpartition("/")[2], PART)


def may_go_on(error: BaseException) -> bool:
    """Whether what had arrived before this ended a fetch is of use to whoever tries again."""
    if isinstance(error, KeyboardInterrupt | Interrupted):
        return True
    disk = isinstance(error.__cause__, OSError) or isinstance(error, OSError)
    return isinstance(error, StoreError) and not isinstance(error, IntegrityError) and not disk


@contextmanager
def _part(target: Path, digest: str) -> Iterator[tuple[int, Path]]:
    """The temporary file, open, and alone in the hand of this process: by a name that the next one finds again."""
    known = part_beside(target, hex_of(digest)[:32])
    descriptor = os.open(known, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        temporary = known
        if not _is_ours(descriptor, known):  # the same bytes are on their way to another name here
            os.close(descriptor)
            temporary = part_beside(target)
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        yield descriptor, temporary
    finally:
        os.close(descriptor)


def part_beside(target: Path, name: str | None = None) -> Path:
    """A temporary name beside `target`: one that nothing has, unless it is to be found again by a name of 32 digits."""
    return target.parent / PART.replace("*", name or secrets.token_hex(16))


def _is_ours(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except (BlockingIOError, FileNotFoundError):
        return False


class _Landing:
    """One file that is being written: what arrived of it from its start, hashed while it is written."""

    def __init__(self, out: int, digest: str, size: int, where: str, progress: Progress | None) -> None:
        self.arrived = 0
        self._seen = hashlib.sha256()
        self._writing = Lock()
        self._unbegun = 0
        self._out, self._digest, self._size, self._where, self._progress = out, digest, size, where, progress

    def take_up(self) -> None:
        """Hash what is in the file already, from a process that was killed: as many whole ranges as have no hole."""
        there = os.fstat(self._out).st_size
        if there > self._size:
            os.ftruncate(self._out, 0)
            return
        data = min(_first_hole(self._out, there), there)
        self._pass(partial(read_at, self._out), data if data == self._size else data - data % RANGE)

    def completed(self, opened: Opener) -> bool:
        """Fetch what is missing. False where the whole is not as promised, for what had been taken up; raises
        IntegrityError where nothing had, and what `opened` and what it gives raise.
        """
        taken_up = self.arrived > 0
        if self.arrived < self._size or not taken_up:
            with opened() as fill:
                _reserve(self._out, self._size)
                self._pass(fill, self._size, self._write)
        actual = prefixed(self._seen.hexdigest())
        if actual != self._digest and not taken_up:
            raise not_as_promised(self._where, f"{self._digest} was promised, {actual} is there")
        return actual == self._digest

    def begin_anew(self) -> None:
        """Forget what arrived."""
        os.ftruncate(self._out, 0)
        self._seen = hashlib.sha256()
        self._moved(-self.arrived)

    def _pass(self, fill: Fill, end: int, after: After | None = None) -> None:
        for view in in_order(fill, self.arrived, end, after=after):
            self._seen.update(view)
            self._moved(len(view))

    def _write(self, at: int, view: memoryview) -> None:
        with self._writing:  # the kernel lets one at a time, and those that wait there spin
            write_at(self._out, at, view)
            self._unbegun += len(view)
            due = self._unbegun >= _WRITTEN_OUT
            if due:
                self._unbegun = 0
        if due:
            begin_writing_out(self._out)  # else all the disk's work is waited for at the end

    def _moved(self, count: int) -> None:
        self.arrived += count
        if self._progress:
            self._progress(count)


def _reserve(out: int, size: int) -> None:
    """Let the file system give a large file its place at once, so that a full disk is told now, and writing is cheaper.

    Only where what is reserved still reads as a hole: what arrived must be told from it. Raises OSError.
    """
    if size <= RANGE or not hasattr(os, "posix_fallocate"):
        return
    there = os.fstat(out).st_size
    try:
        if there == 0:
            os.posix_fallocate(out, 0, _BLOCK)  # where the C library has to write zeros for it, they are few
            if os.fstat(out).st_blocks == 0 or _first_hole(out, _BLOCK) != 0:
                os.ftruncate(out, 0)
                return
            os.posix_fallocate(out, 0, size)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}:
            raise


def _first_hole(descriptor: int, end: int) -> int:
    """Where a file has no data for the first time; `end` where it has no hole, or its file system tells of none."""
    if not end:
        return 0
    try:
        return os.lseek(descriptor, 0, os.SEEK_HOLE)
    except OSError:
        return end


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """`folder` exists inside the block; if the block fails, the folders that were made for it go again."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        with explained(folder, "make this folder"):
            folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for made in missing:
            with suppress(OSError):  # not empty: another file landed there meanwhile
                made.rmdir()
        raise
