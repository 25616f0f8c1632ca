"""Reading one object from S3, as one stream or in ranges; both survive broken connections."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from http.client import HTTPException
from typing import Any, TypeVar

from modelbook.adapters.s3_errors import NotS3, code_of, field
from modelbook.adapters.store_contract import check_promised, no_such_object
from modelbook.errors import IntegrityError, StoreError

READ_SIZE = 1024 * 1024
ATTEMPTS = 5  # broken connections in a row, without ENOUGH_PROGRESS between them
ENOUGH_PROGRESS = 8 * 1024 * 1024
_FIRST_PAUSE = 0.1
P = TypeVar("P", bytes, memoryview)


def stream_object(client: Any, bucket: str, name: str, where: str) -> Generator[bytes]:
    """The object `name` of `bucket` in chunks of at most `READ_SIZE` bytes.

    A connection that breaks is opened again from where it stopped. Raises ObjectMissing, IntegrityError if
    the object became another meanwhile, StoreError after too many breaks, and what botocore and `field`
    raise for the first request.
    """
    answer = _open(client, bucket, name, where)
    size, etag = _about(answer)
    yield from _Reader(client, bucket, name, where, size, etag).chunks(answer)


class RemoteObject:
    """An object of `size` bytes, for reading in ranges from several threads: all of them pieces of one object.

    `etag` pins them; it may be None where all is asked for at once, as an object of one range is.
    """

    def __init__(self, client: Any, bucket: str, name: str, where: str, size: int, etag: str | None) -> None:
        self._asked = (client, bucket, name, where)
        self._where, self._size, self._etag = where, size, etag

    def fill(self, at: int, view: memoryview) -> None:
        """Fill `view` with the bytes from `at` on. Raises what `stream_object` does."""
        answer, etag = None, self._etag
        if etag is None:
            answer = _open(*self._asked)
            there, etag = _about(answer)
            if there != self._size:
                answer["Body"].close()
                check_promised(there, self._size, self._where)
        _Reader(*self._asked, self._size, etag).fill(at, view, answer)


class _Reader:
    """One object as it was at the first answer: `size` bytes with the tag `etag`."""

    def __init__(self, client: Any, bucket: str, name: str, where: str, size: int, etag: str) -> None:
        self.size = size
        self._client, self._bucket, self._name, self._where, self._etag = client, bucket, name, where, etag

    def chunks(self, answer: dict[str, Any]) -> Generator[bytes]:
        """The whole object; `answer` is that to the first request."""

        def taken(body: Any, offset: int) -> bytes:
            chunk: bytes = body.read(min(READ_SIZE, self.size - offset))
            return chunk

        return self._pieces(0, self.size, answer, taken)

    def fill(self, at: int, view: memoryview, answer: dict[str, Any] | None) -> None:
        """Fill `view` with the bytes from `at` on; `answer` is that to the first request, if it was made already."""

        def taken(body: Any, offset: int) -> memoryview:
            room = view[offset - at :][:READ_SIZE]
            return room[: body.readinto(room)]

        for _ in self._pieces(at, at + len(view), answer, taken):
            pass

    def _pieces(
        self, offset: int, end: int, answer: dict[str, Any] | None, taken: Callable[[Any, int], P]
    ) -> Generator[P]:
        from botocore.exceptions import HTTPClientError, IncompleteReadError

        safe, breaks = offset, 0
        answer = answer or self._reopen(offset, end)
        while True:
            try:
                with closing(answer["Body"]) as body:
                    while offset < end and len(piece := taken(body, offset)):
                        offset += len(piece)
                        yield piece
                if offset == end:
                    return
                reason = "it ended early"
            except (HTTPClientError, IncompleteReadError, HTTPException, OSError) as error:
                reason = str(error)
            breaks = 1 if offset - safe >= ENOUGH_PROGRESS else breaks + 1
            safe = offset if breaks == 1 else safe
            if breaks == ATTEMPTS:
                raise StoreError(
                    f"the connection broke {breaks} times, the last time at byte {offset} of {self.size}: {reason}",
                    where=self._where,
                    remedy="Check the network and the proxy settings, then run the command again.",
                )
            time.sleep(_FIRST_PAUSE * 2 ** (breaks - 1))
            answer = self._reopen(offset, end)

    def _reopen(self, offset: int, end: int) -> dict[str, Any]:
        place = {"Bucket": self._bucket, "Key": self._name}
        try:
            answer: dict[str, Any] = self._client.get_object(
                **place, Range=f"bytes={offset}-{end - 1}", IfMatch=self._etag
            )
        except Exception as error:
            if code_of(error) in ("PreconditionFailed", "NoSuchKey", "InvalidRange", "412", "416"):
                raise _became_another(self._where) from None
            raise
        if answer.get("ETag") != self._etag:  # not every server heeds If-Match
            answer["Body"].close()
            raise _became_another(self._where)
        # Not the status: rclone answers a range with 200.
        if not str(answer.get("ContentRange", "")).startswith(f"bytes {offset}-"):
            answer["Body"].close()
            raise StoreError(
                f"the connection broke at byte {offset}, and the server cannot resume there (it ignores Range)",
                where=self._where,
                remedy="Run the command again, or use a server that answers range requests.",
            )
        return answer


def _about(answer: dict[str, Any]) -> tuple[int, str]:
    """Length and ETag of an answer."""
    try:
        return field(answer, "ContentLength"), field(answer, "ETag")
    except NotS3:
        answer["Body"].close()
        raise


def _open(client: Any, bucket: str, name: str, where: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = client.get_object(Bucket=bucket, Key=name)
    except Exception as error:
        if code_of(error) == "NoSuchKey":
            raise no_such_object(where) from None
        raise
    return answer


def _became_another(where: str) -> IntegrityError:
    return IntegrityError(
        "the object became another one, or went away, while it was read",
        where=where,
        remedy="Objects of a store never change. Find out who else writes to the bucket, then run it again.",
    )
