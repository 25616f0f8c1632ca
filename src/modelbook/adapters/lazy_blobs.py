"""Blobs of a repository whose bytes are read when they are asked for: their names alone often tell enough.

Git names a blob by its contents, so whoever knows what was made of a name need not read it again.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType

from modelbook.adapters.git import Repository, missing_object
from modelbook.adapters.git_process import GitTalk
from modelbook.errors import ForgeError


class LazyBlobs(Mapping[str, bytes]):
    """The bytes of blobs by object id, kept once they are read: for one thread, and for processes that fork off.

    A git process stays to answer, one in each process that asks; to leave the block ends it. Raises ForgeError where
    the repository lacks a blob that it should have.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._known: dict[str, None] = {}
        self._read: dict[str, bytes] = {}
        self._asked: dict[int, GitTalk] = {}  # by the process that asks

    def add(self, oids: Iterable[str]) -> None:
        """Know of these blobs too. A partial clone fetches those that it has not, all at once."""
        new = dict.fromkeys(oids)
        self._repository.bring(new)
        self._known |= new

    def read(self, oids: Iterable[str]) -> None:
        """Read those of `oids` that are known of: quicker than one by one, and what forks off later has them."""
        self._read |= self._repository.blobs(oid for oid in oids if oid in self._known and oid not in self._read)

    def __getitem__(self, oid: str) -> bytes:
        if oid not in self._read:
            if oid not in self._known:
                raise KeyError(oid)
            self._read[oid] = self._answer(oid)
        return self._read[oid]

    def __contains__(self, oid: object) -> bool:
        return oid in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _answer(self, oid: str) -> bytes:
        if os.getpid() not in self._asked:
            self._asked[os.getpid()] = GitTalk(["cat-file", "--batch"], self._repository.root)
        talk, root = self._asked[os.getpid()], self._repository.root
        with suppress(BrokenPipeError):  # what git does not answer says it too
            talk.ask(oid.encode() + b"\n")
        head = talk.answer.readline().split()
        if len(head) == 2:  # its name, and that it is missing
            raise missing_object(oid, root)
        size = int(head[2]) if head else 0
        data: bytes = talk.answer.read(size + 1)
        if len(data) != size + 1:
            remedy = "See what is wrong with the repository: `git fsck`."
            raise ForgeError(f"git ended before it had read object {oid}", where=str(root), remedy=remedy)
        return data[:size]

    def __enter__(self) -> "LazyBlobs":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if talk := self._asked.pop(os.getpid(), None):
            talk.end()


class LazyFiles(Mapping[str, bytes]):
    """Files by path, of which `oids` has the object id of each."""

    def __init__(self, oids: Mapping[str, str], blobs: LazyBlobs) -> None:
        self._oids = oids
        self._blobs = blobs

    def __getitem__(self, path: str) -> bytes:
        return self._blobs[self._oids[path]]

    def __contains__(self, path: object) -> bool:
        return path in self._oids

    def __iter__(self) -> Iterator[str]:
        return iter(self._oids)

    def __len__(self) -> int:
        return len(self._oids)
