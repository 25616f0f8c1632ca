"""Bytes that were pulled before, on this machine, by their digest: what is here already is not fetched again.

    <cache>/sha256/ab/<64 hex>

A cache is never believed: an entry is hashed each time it is used, and one that was spoilt goes. What is handed out is
a copy that shares the disk's blocks where the file system can (a reflink: Btrfs, XFS), else the same file under another
name (a hard link), which is read-only for that reason: whoever means to change it makes a copy of his own. From one
disk to another it is copied.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from modelbook.adapters.file_bytes import read_at
from modelbook.adapters.landing import PART, part_beside
from modelbook.adapters.ranges import in_order
from modelbook.adapters.store import Progress, Store
from modelbook.adapters.user_cache import user_cache
from modelbook.core.digests import hex_of, prefixed
from modelbook.errors import BadInput

WORTH = 1024 * 1024  # bytes: a smaller file is fetched sooner than it is looked after
MOST = 50 * 10**9
_UNITS = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"([0-9]{1,9}) ?(|kB|MB|GB|TB)")
_NAME = re.compile(r"[0-9a-f]{64}")
_FICLONE = 0x40049409  # Linux's ioctl for a reflink
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


class Entry(NamedTuple):
    """One file in the cache: its digest, its size in bytes, when it was last used (UTC), and where it lies."""

    digest: str
    size: int
    used: datetime
    path: Path


def size_of(text: str, where: str) -> int:
    """Bytes of `10GB` and the like, in powers of ten. Raises BadInput for anything else; `where` is what said it."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise BadInput(
            f"{text!r} is not a size", where=where, remedy="Write a whole number and kB, MB, GB or TB: 50GB."
        )
    return int(found[1]) * _UNITS[found[2]]


def open_cache() -> "BlobCache":
    """The cache of this user: where MODELBOOK_CACHE puts it, as large as MODELBOOK_CACHE_SIZE lets it be (0: none)."""
    folder = os.environ.get("MODELBOOK_CACHE")
    most = os.environ.get("MODELBOOK_CACHE_SIZE")
    return BlobCache(
        Path(folder) if folder else user_cache(),
        MOST if most is None else size_of(most, "MODELBOOK_CACHE_SIZE"),
    )


class BlobCache:
    """The files below one folder, at most `most` bytes of them. For several threads and several processes at once."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self.most = most

    def fetch(
        self,
        store: Store,
        key: str,
        target: Path,
        *,
        digest: str,
        size: int,
        progress: Progress | None = None,
        synced: bool = True,
    ) -> None:
        """As `Store.fetch`, from the cache if the bytes are in it; what had to be fetched is in it then."""
        if size < WORTH or size > self.most or not store.uri.startswith("s3:"):  # a folder is as near as the cache is
            store.fetch(key, target, digest=digest, size=size, progress=progress, synced=synced)
        elif not self._brought(target, digest, size, progress):
            store.fetch(key, target, digest=digest, size=size, progress=progress, synced=synced)
            with suppress(OSError):  # no place, no right: the pull itself is done
                self._keep(target, digest, size)

    def entries(self) -> list[Entry]:
        """All that is in it, what was used longest ago first."""
        found = []
        for path in self.folder.glob("sha256/??/*"):
            with suppress(FileNotFoundError):
                about = path.stat(follow_symlinks=False)
                if _NAME.fullmatch(path.name) and stat.S_ISREG(about.st_mode):
                    used = datetime.fromtimestamp(about.st_mtime, UTC)
                    found.append(Entry(prefixed(path.name), about.st_size, used, path))
        return sorted(found, key=lambda one: (one.used, one.digest))

    def is_good(self, entry: Entry, progress: Progress | None = None) -> bool:
        """Whether an entry holds what its name says; one that does not is removed."""
        with _opened(entry.path) as descriptor:
            good = descriptor is not None and _hashed(descriptor, entry.size, progress) == entry.digest
        if not good:
            self.remove(entry)
        return good

    def remove(self, entry: Entry) -> None:
        """Remove an entry. Files that were pulled of it stay."""
        entry.path.unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        name = hex_of(digest)
        return self.folder / "sha256" / name[:2] / name

    def _brought(self, target: Path, digest: str, size: int, progress: Progress | None) -> bool:
        """Put the entry at `target`, if there is one and it is good."""
        path = self._path(digest)
        with _opened(path) as descriptor:
            if descriptor is None:
                return False
            moved: list[int] = []

            def report(count: int) -> None:
                moved.append(count)
                if progress:
                    progress(count)

            with suppress(OSError):  # nothing here may end a pull that can do without
                if os.fstat(descriptor).st_size != size or _hashed(descriptor, size, report) != digest:
                    path.unlink()
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    _share(descriptor, path, target)
                    os.utime(path)
                    return True
        if progress and moved:
            progress(-sum(moved))
        return False

    def _keep(self, file: Path, digest: str, size: int) -> None:
        path = self._path(digest)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two that make room at once would both remove
            for left in self.folder.glob(f"sha256/??/{PART}"):
                left.unlink()  # by a process that was killed here
            entries = self.entries()
            total = sum(one.size for one in entries)
            for one in entries:
                if total + size <= self.most:
                    break
                self.remove(one)
                total -= one.size
            with file.open("rb") as source:
                _share(source.fileno(), file, path)
            os.utime(path)


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        yield None
        return
    try:
        yield descriptor if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


def _hashed(descriptor: int, size: int, progress: Progress | None) -> str:
    seen = hashlib.sha256()
    try:
        for view in in_order(partial(read_at, descriptor), 0, size):
            seen.update(view)
            if progress:
                progress(len(view))
    except OSError:
        return "unreadable"
    return prefixed(seen.hexdigest())


def _share(source: int, path: Path, target: Path) -> None:
    """Let `target` be the open file `source`, which lies at `path`: by a reflink, a hard link, or a copy."""
    temporary = part_beside(target)
    try:
        if not _reflinked(source, temporary) and not _linked(source, path, temporary):
            with temporary.open("xb") as out, open(source, "rb", closefd=False) as whole:
                whole.seek(0)
                shutil.copyfileobj(whole, out, WORTH)
                os.fsync(out.fileno())
        temporary.replace(target)
    finally:
        # Also after renaming a link over another link to the same file, which changes nothing and leaves both.
        temporary.unlink(missing_ok=True)


def _reflinked(source: int, temporary: Path) -> bool:
    with temporary.open("xb") as out:
        try:
            fcntl.ioctl(out, _FICLONE, source)
        except OSError:
            temporary.unlink()
            return False
        os.fsync(out.fileno())
        return True


def _linked(source: int, path: Path, temporary: Path) -> bool:
    try:
        os.link(path, temporary, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return False
    if not os.path.samestat(os.fstat(source), temporary.stat(follow_symlinks=False)):
        raise FileNotFoundError(errno.ENOENT, "another file stands there by now", str(path))
    os.fchmod(source, 0o444)
    return True
