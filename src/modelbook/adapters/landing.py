"""How fetched bytes reach a folder: hashed on the way, under a temporary name until they are known to be right."""

import hashlib
import os
import secrets
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from modelbook.adapters.file_errors import explained
from modelbook.adapters.store import Progress
from modelbook.core.digests import prefixed
from modelbook.errors import IntegrityError


def land(
    chunks: Generator[bytes], target: Path, *, digest: str, size: int, where: str, progress: Progress | None
) -> None:
    """Write `chunks` to `target`, which appears only if they are `size` bytes with `digest`.

    Folders above `target` are made; what stood at `target` is replaced. Whatever ends this early (other
    bytes, a full disk, Ctrl-C), nothing new is left behind. `where` is the URI that an IntegrityError names.
    """
    with closing(chunks), _folder(target.parent):
        temporary = target.parent / f".modelbook-{secrets.token_hex(8)}.part"
        try:
            with explained(target, "write"):
                with temporary.open("xb", buffering=0) as out:
                    _copy_checked(chunks, out.fileno(), digest, size, where, progress)
                    os.fsync(out.fileno())
                temporary.replace(target)
                _sync_folder(target.parent)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


def _copy_checked(
    chunks: Generator[bytes], out: int, digest: str, size: int, where: str, progress: Progress | None
) -> None:
    seen = hashlib.sha256()
    arrived = 0
    for chunk in chunks:
        arrived += len(chunk)
        if arrived > size:
            raise _wrong(where, f"it is larger than the {size} bytes that were promised (at least {arrived})")
        seen.update(chunk)
        write_all(out, chunk)
        if progress:
            progress(len(chunk))
    if arrived != size:
        raise _wrong(where, f"{size} bytes were promised, {arrived} are there")
    actual = prefixed(seen.hexdigest())
    if actual != digest:
        raise _wrong(where, f"{digest} was promised, {actual} is there")


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
