"""A folder as the store whose process can be killed at any look or write, and whose listing can break off."""

from collections.abc import Iterator

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.store import ObjectInfo, Stored
from modelbook.errors import StoreError


class Killed(BaseException):
    """The process is gone."""


class Unsteady(DirectoryStore):
    """A folder whose process can be killed at any look or write, and whose listing can break off."""

    left: int | None = None
    page: int | None = None

    def step(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed

    def put_bytes(self, key: str, data: bytes, *, named: bool = False) -> Stored:
        self.step()
        return super().put_bytes(key, data, named=named)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self.step()
        for number, one in enumerate(super().list(prefix)):
            if self.page is not None and not prefix and number >= self.page:
                raise StoreError("a page of the listing failed")
            yield one
