"""Files of a store in a folder that appears when all of them are there, and outlives a power cut."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from modelbook.adapters.blob_cache import open_cache
from modelbook.adapters.file_bytes import sync, sync_below
from modelbook.adapters.file_errors import explained
from modelbook.adapters.landing import PART, is_part, may_go_on
from modelbook.adapters.model_folder import hash_files, list_folder
from modelbook.adapters.parallel import move_all
from modelbook.adapters.store import Progress, Store
from modelbook.commands._console import progress
from modelbook.errors import BadInput, Refused

WORKERS = 8  # a small file is all waiting for S3's answer


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` that becomes `target` when the block succeeds, and goes away when it does not.

    A kill, Ctrl-C and a store that fails leave it, and the next block for the same target has it again, with what had
    arrived (see `fetch_all`).
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadInput(
            "something is here already", where=str(target), remedy="Name another folder, or remove this one."
        )
    with unfinished_folder(target) as scratch:
        try:
            yield scratch
        except BaseException as error:
            if not may_go_on(error):
                shutil.rmtree(scratch, ignore_errors=True)
            raise
        become(scratch, target)


@contextmanager
def unfinished_folder(target: Path) -> Iterator[Path]:
    """The folder beside `target` where a pull works until all is there. Raises Refused if another process is at it."""
    target = target.absolute()
    folder = target.parent / f".{target.name}.unfinished"
    with explained(folder, "make this folder"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(descriptor), folder.stat()):
                raise BlockingIOError  # it was just renamed: that pull is at its end
        except (BlockingIOError, FileNotFoundError):
            raise Refused(
                "another process is pulling to this place", where=str(target), remedy="Wait for its end."
            ) from None
        yield folder
    finally:
        os.close(descriptor)


def become(scratch: Path, target: Path) -> None:
    """Let `scratch`, in which all is there by now, be `target`: on the disk, before it has that name."""
    for part in scratch.rglob(PART):
        part.unlink()  # of something that was not wanted any more
    scratch.chmod(0o755)
    sync_below(scratch)
    scratch.replace(target)
    sync(target.absolute().parent)


def fetch_all(store: Store, label: str, files: list[tuple[str, str, str, int]], folder: Path) -> None:
    """Fetch every (key, path, digest, size) into `folder`, some at a time, and remove whatever else it holds.

    What is there already, from a pull that was ended, is hashed and not fetched again. `become` sees to it that all
    outlives a power cut.
    """
    cache = open_cache()
    with progress(label, sum(size for *_, size in files)) as moved:
        there = _kept(folder, {path: (digest, size) for _, path, digest, size in files}, moved)

        def task(key: str, path: str, digest: str, size: int) -> Callable[[Progress], None]:
            return lambda report: cache.fetch(
                store, key, folder / path, digest=digest, size=size, progress=report, synced=False
            )

        move_all([task(*file) for file in files if file[1] not in there], workers=WORKERS, progress=moved)


def _kept(folder: Path, wanted: Mapping[str, tuple[str, int]], moved: Progress) -> set[str]:
    """The paths in `folder` that hold what is wanted (digest and size, by path). What else is there goes."""
    listed = list_folder(folder)
    same = {path: one for path, one in listed.items() if path in wanted and one.size == wanted[path][1]}
    hashed = hash_files(folder, same, {one.size for one in same.values()}, moved)
    kept = {path for path, one in hashed.items() if one.digest == wanted[path][0]}
    moved(-sum(hashed[path].size for path in hashed.keys() - kept if hashed[path].digest))
    for path in listed.keys() - kept:
        if not is_part(path):  # a file that is to go on
            (folder / path).unlink(missing_ok=True)
    return kept
