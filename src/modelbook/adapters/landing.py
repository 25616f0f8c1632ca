"""How fetched bytes reach a folder: hashed on the way, under a temporary name until they are known to be right.

What a killed process had fetched is taken up again. It lies in order from the first byte, so it needs no record of its
own: it is hashed like what follows it, and if the whole is wrong then, all of it is fetched anew.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from modelbook.adapters.file_errors import explained
from modelbook.adapters.parallel import Crew
from modelbook.adapters.store import CHUNK, Progress
from modelbook.core.digests import hex_of, prefixed
from modelbook.errors import IntegrityError, StoreError

WORTH_KEEPING = 8 * 1024 * 1024  # bytes: less is fetched again sooner than it is looked after
_HASHERS = Crew(8)

Read = Callable[[int], Generator[bytes]]
"""The object from the byte of this number on."""


def land(read: Read, target: Path, *, digest: str, size: int, where: str, progress: Progress | None) -> None:
    """Write what `read` gives to `target`, which appears only if it is `size` bytes with `digest`.

    Folders above `target` are made; what stood at `target` is replaced. Whatever ends this early (other bytes, a full
    disk, Ctrl-C), nothing new is left behind, except by a kill, or where the store fails after `WORTH_KEEPING` bytes:
    then the next call goes on from there. `where` is the URI that an IntegrityError names.
    """
    with _folder(target.parent), explained(target, "write"), _part(target, digest) as (out, temporary):
        landing = _Landing(out, size, where, progress)
        try:
            landing.take_up()
            if landing.arrived > size or not _is_whole(landing, read, digest):
                landing.begin_anew()
                landing.fetch(read)
                landing.check(digest)
            os.fsync(out)
            temporary.replace(target)
            _sync_folder(target.parent)
        except BaseException:
            if not (landing.store_failed and landing.arrived >= WORTH_KEEPING):
                with suppress(OSError):
                    temporary.unlink()
            raise


def _is_whole(landing: "_Landing", read: Read, digest: str) -> bool:
    """Fetch the rest. False where what had been taken up is wrong; raises IntegrityError where nothing had."""
    taken_up = landing.arrived > 0
    try:
        landing.fetch(read)
        landing.check(digest)
    except IntegrityError:
        if taken_up:
            return False
        raise
    return True


@contextmanager
def _part(target: Path, digest: str) -> Iterator[tuple[int, Path]]:
    """The temporary file, open, and alone in the hand of this process: by a name that the next one finds again."""
    known = target.parent / f".modelbook-{hex_of(digest)[:32]}.part"
    descriptor = os.open(known, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        temporary = known
        if not _is_ours(descriptor, known):  # the same bytes are on their way to another name here
            os.close(descriptor)
            temporary = target.parent / f".modelbook-{secrets.token_hex(16)}.part"
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        yield descriptor, temporary
    finally:
        os.close(descriptor)


def _is_ours(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except (BlockingIOError, FileNotFoundError):
        return False


class _Landing:
    """One file that is being written: what arrived of it, hashed while it is written."""

    def __init__(self, out: int, size: int, where: str, progress: Progress | None) -> None:
        self.arrived = 0
        self.store_failed = False
        self._seen = hashlib.sha256()
        self._hashed: SimpleQueue[None] = SimpleQueue()
        self._out, self._size, self._where, self._progress = out, size, where, progress

    def take_up(self) -> None:
        """Hash what is in the file already, from a process that was killed."""
        while chunk := os.read(self._out, CHUNK):
            self._seen.update(chunk)
            self._moved(len(chunk))

    def begin_anew(self) -> None:
        """Forget what arrived."""
        os.ftruncate(self._out, 0)
        os.lseek(self._out, 0, os.SEEK_SET)
        self._seen = hashlib.sha256()
        self._moved(-self.arrived)

    def fetch(self, read: Read) -> None:
        """Write what is missing. Raises IntegrityError for more than was promised, and what the store raises."""
        if 0 < self.arrived == self._size:
            return
        with closing(read(self.arrived)) as chunks:
            while chunk := self._following(chunks):
                if self.arrived + len(chunk) > self._size:
                    how = f"(at least {self.arrived + len(chunk)})"
                    raise _wrong(self._where, f"it is larger than the {self._size} bytes that were promised {how}")
                _HASHERS.hand(partial(self._hash, chunk))
                try:
                    write_all(self._out, chunk)
                finally:
                    self._hashed.get()
                self._moved(len(chunk))

    def check(self, digest: str) -> None:
        """Raise IntegrityError unless what arrived is what was promised."""
        if self.arrived != self._size:
            raise _wrong(self._where, f"{self._size} bytes were promised, {self.arrived} are there")
        actual = prefixed(self._seen.hexdigest())
        if actual != digest:
            raise _wrong(self._where, f"{digest} was promised, {actual} is there")

    def _following(self, chunks: Generator[bytes]) -> bytes:
        try:
            return next(chunks, b"")
        except StoreError as error:
            self.store_failed = not isinstance(error, IntegrityError)
            raise

    def _hash(self, data: bytes) -> None:
        self._seen.update(data)
        self._hashed.put(None)

    def _moved(self, count: int) -> None:
        self.arrived += count
        if self._progress:
            self._progress(count)


def _wrong(where: str, how: str) -> IntegrityError:
    return IntegrityError(
        f"the bytes are not those that were promised: {how}; nothing was kept",
        where=where,
        remedy="The object was damaged or replaced. Restore it from a backup, or use another version.",
    )


def write_all(out: int, data: bytes) -> None:
    """Write all of `data` to the file descriptor `out`; a raw write may take less than it was given."""
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


def _sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
