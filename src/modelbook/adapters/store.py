"""What a store is: objects written once, verified on read. Two implementations hold to one contract.

`modelbook.adapters.directory_store` keeps them in a folder, `modelbook.adapters.s3_store` in a bucket.
Keys are those of `modelbook.core.storage`; digests are `sha256:<hex>`; sizes are bytes.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

CHUNK = 8 * 1024 * 1024  # bytes in memory at once when an object is streamed

Progress = Callable[[int], None]
"""Called with the number of bytes that moved since the last call, from any thread."""


class ObjectInfo(NamedTuple):
    """One object: its key, size in bytes and time of writing (UTC)."""

    key: str
    size: int
    modified: datetime


class Stored(NamedTuple):
    """What was written: digest and size in bytes."""

    digest: str
    size: int


class Store(Protocol):
    """Objects written once and never changed.

    Every method raises `StoreError` (its subclasses where they fit) with the object's URI, or the path that
    the file system refused, in `where`. All methods may be called from several threads at once. An exception
    that `progress` raises ends the transfer, and nothing of it is visible.
    """

    @property
    def uri(self) -> str:
        """The store's URI as policy.yaml writes it, without a slash at the end."""
        ...

    def put_file(
        self, key: str, source: Path, *, digest: str | None = None, progress: Progress | None = None
    ) -> Stored:
        """Write the file in one pass, hashed while it is read; visible whole or not at all.

        The same bytes under the same key are accepted again; other bytes raise `ObjectExists`. A source that
        is no readable regular file raises `BadInput`, one that changes while it is read `StoreError`; so does one
        that has another digest than `digest`, before anything of it is visible.
        """
        ...

    def put_bytes(self, key: str, data: bytes, *, named: bool = False) -> Stored:
        """As `put_file`, for what is in memory.

        `named` says that their digest is in the key: then nobody need ask before whether the key is free, and what has
        their size there is taken for them, unread.
        """
        ...

    def read_bytes(self, key: str, *, limit: int) -> bytes:
        """The whole object; `IntegrityError` if it has more than `limit` bytes, `ObjectMissing` if there is none."""
        ...

    def stream(self, key: str) -> Generator[bytes]:
        """The object in chunks of at most `CHUNK` bytes; closing the generator closes what is behind it.

        Errors, `ObjectMissing` too, come with the first chunk that is asked for.
        """
        ...

    def fetch(
        self,
        key: str,
        target: Path,
        *,
        digest: str,
        size: int,
        progress: Progress | None = None,
        synced: bool = True,
    ) -> None:
        """Write the object to `target`, hashed while it arrives; it appears only if it is what was promised.

        Raises `IntegrityError` for other bytes or another size, and leaves nothing behind. What a kill, Ctrl-C or the
        store ended goes on, the next time, with what had arrived: it waits beside `target`, under a temporary name.
        Not `synced`, it outlives a power cut only when the caller sees to that (`file_bytes.sync_below`).
        """
        ...

    def stat(self, key: str) -> ObjectInfo | None:
        """The object's size and time, or None where there is none."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """All objects whose key begins with `prefix`, in key order; nothing that is half-written."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove the objects; a key that is gone already is no error.

        A key that cannot be removed does not stop the others; a `StoreError` names such keys at the end.
        """
        ...

    def discard_unfinished(self, before: datetime) -> int:
        """Remove what killed writers began before `before` (UTC) and left half-written; how many it was."""
        ...
