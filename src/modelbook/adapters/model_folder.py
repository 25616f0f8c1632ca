"""Reads a folder that should be a model: every path in it, no link followed, and the digests that matter."""

import hashlib
import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path

from modelbook.adapters.file_errors import explained
from modelbook.adapters.parallel import move_all
from modelbook.adapters.store import CHUNK, Progress
from modelbook.core.digests import prefixed
from modelbook.core.verifying.found import Found


def list_folder(folder: Path) -> dict[str, Found]:
    """Everything in the folder by its path below it, without digests. A link is told and never entered."""
    found: dict[str, Found] = {}
    with explained(folder, "list"):
        for above, folders, files in os.walk(folder, onerror=_raise):
            for name in sorted(folders + files):
                path = Path(above, name)
                about = path.lstat()
                if stat.S_ISDIR(about.st_mode):
                    continue
                kind = {stat.S_IFREG: "file", stat.S_IFLNK: "link"}.get(stat.S_IFMT(about.st_mode), "other")
                shown = os.fsencode(path.relative_to(folder).as_posix()).decode(errors="backslashreplace")
                found[shown] = Found(kind, about.st_size)
    return found


def _raise(error: OSError) -> None:
    raise error


def hash_files(folder: Path, listed: dict[str, Found], sizes: Collection[int], progress: Progress) -> dict[str, Found]:
    """The same with the digest of every file that has one of these sizes; no other can be one that is wanted."""
    # No card lists a path with a backslash, and one whose bytes are no UTF-8 is shown with them.
    paths = [path for path, one in listed.items() if one.kind == "file" and one.size in sizes and "\\" not in path]

    def task(path: str) -> Callable[[Progress], str]:
        return lambda report: _digest(folder / path, report)

    digests = move_all([task(path) for path in paths], progress=progress)
    return listed | {
        path: Found("file", listed[path].size, digest) for path, digest in zip(paths, digests, strict=True)
    }


def _digest(path: Path, report: Progress) -> str:
    digest = hashlib.sha256()
    with explained(path, "read"):
        # It was a file when it was listed; should a link or a pipe stand there now, that neither leads away nor waits.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                report(len(chunk))
    return prefixed(digest.hexdigest())


def read_small(path: Path, limit: int) -> bytes | None:
    """The bytes of a small file, at most one more than `limit`; None where there is none, or it is no plain file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if path.is_symlink():
            return None
        with explained(path, "read"):
            raise error
    with os.fdopen(descriptor, "rb") as file, explained(path, "read"):
        return file.read(limit + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
