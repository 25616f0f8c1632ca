"""Walking a folder by open descriptors, so that no symbolic link in it leads anywhere else.

A check by path ("is this a link?") can be outrun by whoever may write in the folder; a descriptor opened
without following links cannot.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from modelbook.adapters.file_errors import explained, store_error
from modelbook.adapters.store import ObjectInfo
from modelbook.adapters.store_contract import is_key
from modelbook.errors import StoreError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class LinkMet(StoreError):
    """A symbolic link stands where an object or a folder of the store should."""


@contextmanager
def folder(root: Path, parts: Sequence[str]) -> Iterator[int | None]:
    """An open descriptor of the folder `parts` below `root`, or None where there is no such folder.

    `root` itself may be a symbolic link, nothing below it may: that raises LinkMet.
    """
    descriptor = _walk(root, parts, create=False)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def made_folder(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """As `folder`; what is missing is made, and what is made below `root` survives a power cut.

    Raises FileNotFoundError if somebody takes a folder away between its making and its opening.
    """
    descriptor = _walk(root, parts, create=True)
    if descriptor is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def info_in(above: int, name: str, key: str, path: Path) -> ObjectInfo | None:
    """Size and time of the regular file `name` in the open folder `above`; None where there is none.

    Raises LinkMet for a symbolic link.
    """
    try:
        found = os.stat(name, dir_fd=above, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found.st_mode):
        raise _link(path)
    if not stat.S_ISREG(found.st_mode):
        return None
    return ObjectInfo(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def listed(root: Path, prefix: str) -> Iterator[ObjectInfo]:
    """All objects below `root` whose key begins with `prefix`, in key order, with one folder at a time in memory.

    Links, temporary files and everything else whose name no key can have are passed over.
    """
    base, _, begin = prefix.rpartition("/")
    if "/" in prefix and not is_key(base):
        return
    parts = base.split("/") if base else []
    with ExitStack() as stack:
        top = None
        with suppress(LinkMet):
            top = stack.enter_context(folder(root, parts))
        if top is not None:
            yield from _below(top, root, base + "/" if base else "", begin)


def _below(above: int, root: Path, base: str, begin: str) -> Iterator[ObjectInfo]:
    with explained(root / base, "list"), os.scandir(above) as entries:
        found = [(each.name, each.is_dir(follow_symlinks=False)) for each in entries if each.name.startswith(begin)]
    # "a.b" comes before "a/c": a folder sorts by its name and the slash that follows it in every key.
    for name in sorted(f"{name}/" if is_folder else name for name, is_folder in found):
        key = base + name
        if not is_key(key.rstrip("/")):
            continue
        if not name.endswith("/"):
            info = None
            with explained(root / key, "look at"), suppress(LinkMet):
                info = info_in(above, name, key, root / key)
            if info:
                yield info
            continue
        inner = _child(above, name[:-1], root / key, create=False)
        if inner is not None:
            try:
                yield from _below(inner, root, key, "")
            finally:
                os.close(inner)


def _walk(root: Path, parts: Sequence[str], *, create: bool) -> int | None:
    descriptor = _root(root, create)
    for depth, part in enumerate(parts, 1):
        if descriptor is None:
            break
        above = descriptor
        try:
            descriptor = _child(above, part, root.joinpath(*parts[:depth]), create)
        finally:
            os.close(above)
    return descriptor


def _root(root: Path, create: bool) -> int | None:
    with explained(root, "open the store's folder"):
        if create:
            root.mkdir(parents=True, exist_ok=True)
        try:
            return os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return None


def _child(above: int, name: str, path: Path, create: bool) -> int | None:
    try:
        with suppress(FileNotFoundError):
            return os.open(name, _FOLDER, dir_fd=above)
        if not create:
            return None
        with suppress(FileExistsError):  # another writer made it
            os.mkdir(name, dir_fd=above)
        os.fsync(above)
        return os.open(name, _FOLDER, dir_fd=above)
    except FileNotFoundError:
        raise  # as `made_folder` says
    except NotADirectoryError as error:
        if path.is_symlink():  # only to say it well: nothing was followed
            raise _link(path) from None
        if not create:
            return None  # a file stands there, so no object can lie below it
        raise store_error(error, path, "write") from error
    except OSError as error:
        raise store_error(error, path, "write" if create else "read") from error


def _link(path: Path) -> LinkMet:
    return LinkMet(
        "is a symbolic link, and a store follows none: it could lead anywhere",
        where=str(path),
        remedy="Put the file or folder itself in its place.",
    )
