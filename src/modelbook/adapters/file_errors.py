"""What the file system refused, in words that a person can act upon."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelbook.errors import StoreError

_REMEDIES = {
    errno.ENOSPC: "The disk is full. Free some space, then run it again; nothing half-written is left.",
    errno.EDQUOT: "The disk quota is used up. Free some space, then run the command again.",
    errno.EFBIG: "The file is larger than this file system or this process may write (see `ulimit -f`).",
    errno.EACCES: "Give the user who runs this the right to read and write there, or name another folder.",
    errno.EPERM: "Give the user who runs this the right to read and write there, or name another folder.",
    errno.EROFS: "The file system is mounted read-only. Mount it for writing, or name another folder.",
    errno.ENOTDIR: "A file stands where a folder is needed. Move it away, or name another folder.",
    errno.EISDIR: "A folder stands where a file is needed. Move it away, or name another path.",
    errno.ENAMETOOLONG: "The path is longer than this file system allows. Use shorter names.",
    errno.ELOOP: "A symbolic link stands on the way, and none is followed here. Replace it by what it names.",
    errno.EMFILE: "Too many files are open at once. Raise the limit (`ulimit -n`), or run less in parallel.",
    errno.EIO: "The disk reported a fault. Look at the system's log before you trust what is on it.",
}
_ELSE = "Look at the folder's owner, its free space and its mount, then run the command again."


def store_error(error: OSError, path: Path | str, doing: str) -> StoreError:
    """The StoreError for `error`, which the file system raised at `path` while `doing` (as in "write")."""
    reason = error.strerror or str(error)
    return StoreError(f"cannot {doing}: {reason}", where=str(path), remedy=_REMEDIES.get(error.errno or 0, _ELSE))


@contextmanager
def explained(path: Path | str, doing: str) -> Iterator[None]:
    """Inside the block, every OSError becomes a StoreError that names `path` and says what to do."""
    try:
        yield
    except OSError as error:
        raise store_error(error, path, doing) from error
