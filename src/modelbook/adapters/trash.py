"""Deleting what can be brought back: an object is put aside before it goes, and purged days later.

Three ways, chosen by what the store can: a folder renames; a bucket copies to `trash/<plan>/` on the server and deletes
then; a bucket with versions only marks, and keeps the bytes as an older version.
"""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Protocol

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.directory_walk import folder, made_folder
from modelbook.adapters.file_errors import explained
from modelbook.adapters.parallel import move_all
from modelbook.adapters.s3_client import LazyClient
from modelbook.adapters.s3_errors import code_of, explained_s3
from modelbook.adapters.store import Progress, Store
from modelbook.core.pruning.stored import TRASH
from modelbook.core.storage import check_key
from modelbook.errors import StoreError

TRIES = 4
FIRST_PAUSE = 0.2  # seconds; four times as long each time
_COPY_AT_ONCE = 5 * 1024**3  # bytes: S3 copies larger objects in parts alone, which not every server can
_PART = 512 * 1024 * 1024
_AT_ONCE = 16  # requests: most of one is waiting


class Trash(Protocol):
    """Where the objects of one plan are put aside. Each method can be repeated; errors are StoreErrors."""

    how: str

    def put_aside(self, keys: Sequence[str]) -> dict[str, str]:
        """See to it that the bytes of these survive their deletion, where they are; by key why some cannot."""
        ...

    def remove(self, keys: Sequence[str]) -> None:
        """Take away what was put aside."""
        ...

    def bring_back(self, key: str) -> bool:
        """Put an object back where it was; False where nothing of it is left."""
        ...

    def purge(self, keys: Sequence[str], ended: datetime) -> dict[str, str]:
        """Delete for good what was put aside until the plan `ended`; by key why something could not be."""
        ...

    def discard(self, keys: Sequence[str]) -> dict[str, str]:
        """Delete the copies of what was brought back; by key why something could not be."""
        ...


def place(plan: str, key: str) -> str:
    """Where an object lies that was put aside: `trash/<plan>/objects/<key>`."""
    return f"{TRASH}{plan}/objects/{check_key(key)}"


class CannotCopy(StoreError):
    """The server does not copy this object, and will not the next time."""


class FolderTrash:
    """In a folder, one rename takes an object away whole, and one brings it back."""

    how = "renamed into trash/"

    def __init__(self, store: DirectoryStore, plan: str) -> None:
        self._store = store
        self._plan = plan

    def put_aside(self, keys: Sequence[str]) -> dict[str, str]:
        """See `Trash.put_aside`: nothing to do, since a rename loses no byte."""
        return {}

    def remove(self, keys: Sequence[str]) -> None:
        """See `Trash.remove`."""
        for key in keys:
            self._move(key, place(self._plan, key))
            self._tidy(key.split("/")[:-1])

    def bring_back(self, key: str) -> bool:
        """See `Trash.bring_back`. It is as young as anything that was just written."""
        if self._store.stat(key) is None:
            # Where that fails, another one may just have done it.
            if not self._move(place(self._plan, key), key) and self._store.stat(key) is None:
                return False
            os.utime(self._store.root / key)
        return True

    def purge(self, keys: Sequence[str], ended: datetime) -> dict[str, str]:
        """See `Trash.purge`."""
        return self.discard(keys)

    def discard(self, keys: Sequence[str]) -> dict[str, str]:
        """See `Trash.discard`."""
        self._store.delete([place(self._plan, key) for key in keys])
        return {}

    def _tidy(self, parts: list[str]) -> None:
        """Take away the folders that are empty now; the first that is not ends it."""
        with suppress(OSError):
            while parts:
                name = parts.pop()
                with folder(self._store.root, parts) as above:
                    if above is None:
                        return
                    os.rmdir(name, dir_fd=above)

    def _move(self, source: str, target: str) -> bool:
        root = self._store.root
        (*above, name), (*below, new) = source.split("/"), target.split("/")
        with folder(root, above) as here, explained(root / source, "move"):
            if here is None:
                return False
            with made_folder(root, below) as there:
                try:
                    os.rename(name, new, src_dir_fd=here, dst_dir_fd=there)
                except FileNotFoundError:
                    return False
                os.fsync(there)
        return True


class BucketTrash:
    """What the two ways in a bucket have in common."""

    def __init__(self, client: LazyClient, bucket: str, prefix: str, plan: str, store: Store) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._plan = plan
        self._store = store

    def remove(self, keys: Sequence[str]) -> None:
        """See `Trash.remove`. What fails is tried again."""
        with_retries(lambda: self._store.delete(keys))

    def _each(self, act: Callable[[str], str | None], keys: Sequence[str]) -> dict[str, str]:
        """Do something with each key, several at once; by key why it could not be, as `act` says."""

        def task(key: str, _moved: Progress) -> str | None:
            return act(key)

        told = move_all([partial(task, key) for key in keys], workers=_AT_ONCE)
        return {key: why for key, why in zip(keys, told, strict=True) if why}


class CopyTrash(BucketTrash):
    """In a bucket without versions the server copies each object, and the copy is looked at before anything goes."""

    how = "copied to trash/ by the server"

    def put_aside(self, keys: Sequence[str]) -> dict[str, str]:
        """See `Trash.put_aside`. What the server cannot copy, as what lies in an archive class, stays and is told."""

        def put(key: str) -> str | None:
            try:
                self._copy(key, place(self._plan, key))
            except CannotCopy as error:
                return error.message
            return None

        return self._each(put, keys)

    def bring_back(self, key: str) -> bool:
        """See `Trash.bring_back`."""
        if self._store.stat(key) is not None:
            return True
        return self._copy(place(self._plan, key), key)

    def purge(self, keys: Sequence[str], ended: datetime) -> dict[str, str]:
        """See `Trash.purge`."""
        return self.discard(keys)

    def discard(self, keys: Sequence[str]) -> dict[str, str]:
        """See `Trash.discard`."""
        self.remove([place(self._plan, key) for key in keys])
        return {}

    def _copy(self, source: str, target: str) -> bool:
        """Copy on the server. False where there is no such object."""
        from boto3.s3.transfer import TransferConfig

        there = self._store.stat(source)
        if there is None:
            return False
        copied = self._store.stat(target)
        if copied is None or copied.size != there.size:
            config = TransferConfig(multipart_threshold=_COPY_AT_ONCE, multipart_chunksize=_PART)
            what = {"Bucket": self._bucket, "Key": self._prefix + source}
            try:
                with explained_s3(f"{self._store.uri}/{target}"):
                    self._client.get().copy(what, self._bucket, self._prefix + target, Config=config)
            except KeyError as error:  # boto3's answer to a part without an ETag
                raise CannotCopy(
                    "the server cannot copy in parts",
                    where=f"{self._store.uri}/{source}",
                    remedy="Switch versions on for the bucket: then nothing has to be copied.",
                ) from error
            except StoreError as error:
                if code_of(error.__cause__ or error) == "InvalidObjectState":
                    raise CannotCopy("lies in an archive class", where=error.where, remedy=error.remedy) from error
                raise
            copied = self._store.stat(target)
        if copied is None or copied.size != there.size:
            raise StoreError(
                "the server's copy is not of the same size, so the object was left where it is",
                where=f"{self._store.uri}/{source}",
                remedy="Run it again; it continues.",
            )
        return True


def with_retries(act: Callable[[], None]) -> None:
    """Do it, several times where the store fails. Raises the last StoreError."""
    pause = FIRST_PAUSE
    for left in range(TRIES - 1, -1, -1):
        try:
            return act()
        except StoreError:
            if not left:
                raise
            time.sleep(pause)
            pause *= 4
