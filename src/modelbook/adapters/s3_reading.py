"""Reading one object from S3, as one stream or in ranges that arrive in parallel; both survive broken connections."""

import time
from collections import deque
from collections.abc import Generator
from contextlib import closing, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from modelbook.adapters.parallel import Crew, Joint
from modelbook.adapters.s3_errors import NotS3, code_of, field
from modelbook.adapters.store_contract import no_such_object
from modelbook.errors import IntegrityError, StoreError

READ_SIZE = 1024 * 1024
RANGE = 8 * 1024 * 1024  # bytes of one range
AHEAD = 4  # ranges of one object that are in memory or on their way
ATTEMPTS = 5  # broken connections in a row, without ENOUGH_PROGRESS between them
ENOUGH_PROGRESS = 8 * 1024 * 1024
_FIRST_PAUSE = 0.1
_LOOK_UP_SECONDS = 0.1  # as in `parallel`: a signal just before a wait does not end the wait

Arrived = list[bytes] | BaseException


def stream_object(client: Any, bucket: str, name: str, where: str) -> Generator[bytes]:
    """The object `name` of `bucket` in chunks of at most `READ_SIZE` bytes.

    A connection that breaks is opened again from where it stopped. Raises ObjectMissing, IntegrityError if
    the object became another meanwhile, StoreError after too many breaks, and what botocore and `field`
    raise for the first request.
    """
    answer = _open(client, bucket, name, where)
    size, etag = _about(answer)
    yield from _Reader(client, bucket, name, where, size, etag).chunks(0, size, answer)


def stream_ranges(
    client: Any, bucket: str, name: str, where: str, crew: Crew, *, start: int = 0, length: int = RANGE
) -> Generator[bytes]:
    """As `stream_object`, from byte `start`, with up to `AHEAD` ranges of `length` bytes on their way at once.

    All ranges are pinned to the ETag of the first answer, so that they are pieces of one object.
    """
    try:
        answer = _open(client, bucket, name, where, f"bytes={start}-{start + length - 1}")
    except Exception as error:
        if code_of(error) in ("InvalidRange", "416"):
            raise _became_another(where) from None
        raise
    size, etag = _about(answer)
    total = str(answer.get("ContentRange", "")).rpartition("/")[2]
    if not total.isdigit():
        # No range at all: an empty object, or a server that sends the whole of it and no matter what was asked.
        whole = _Reader(client, bucket, name, where, size, etag).chunks(0, size, answer)
        with closing(whole):
            yield from _without(whole, start)
        return
    reader = _Reader(client, bucket, name, where, int(total), etag)
    ends = [(at, min(at + length, reader.size)) for at in range(start, reader.size, length)]
    waiting: deque[SimpleQueue[Arrived]] = deque()
    joint = Joint()
    with joint:
        for number, (begin, end) in enumerate(ends):
            box: SimpleQueue[Arrived] = SimpleQueue()
            first = answer if number == 0 else None
            joint.hand(crew, partial(_collect, reader, begin, end, first, joint, box))
            waiting.append(box)
            if len(waiting) == AHEAD:
                yield from _next(waiting)
        while waiting:
            yield from _next(waiting)


def _collect(
    reader: "_Reader", begin: int, end: int, answer: dict[str, Any] | None, joint: Joint, box: "SimpleQueue[Arrived]"
) -> None:
    """Read one range into memory, on a thread of a crew."""
    kept = []
    try:
        with closing(reader.chunks(begin, end, answer)) as chunks:
            for chunk in chunks:
                kept.append(chunk)
                if joint.stopped:
                    return
        box.put(kept)
    except BaseException as error:  # noqa: BLE001 - `_next` raises it
        box.put(error)


def _next(waiting: "deque[SimpleQueue[Arrived]]") -> Generator[bytes]:
    """The range that comes next, when it is there."""
    box = waiting.popleft()
    while True:
        with suppress(Empty):
            arrived = box.get(timeout=_LOOK_UP_SECONDS)
            break
    if isinstance(arrived, BaseException):
        raise arrived
    arrived.reverse()
    while arrived:
        yield arrived.pop()


def _without(chunks: Generator[bytes], start: int) -> Generator[bytes]:
    for chunk in chunks:
        if start < len(chunk):
            yield chunk[start:]
        start = max(0, start - len(chunk))


class _Reader:
    """One object as it was at the first answer: `size` bytes with the tag `etag`."""

    def __init__(self, client: Any, bucket: str, name: str, where: str, size: int, etag: str) -> None:
        self.size = size
        self._client, self._bucket, self._name, self._where, self._etag = client, bucket, name, where, etag

    def chunks(self, offset: int, end: int, answer: dict[str, Any] | None) -> Generator[bytes]:
        """The bytes from `offset` up to `end`; `answer` is that to the first request, if it was made already."""
        from botocore.exceptions import HTTPClientError, IncompleteReadError

        safe, breaks = offset, 0
        answer = answer or self._reopen(offset, end)
        while True:
            try:
                with closing(answer["Body"]) as body:
                    while offset < end and (chunk := body.read(min(READ_SIZE, end - offset))):
                        offset += len(chunk)
                        yield chunk
                if offset == end:
                    return
                reason = "it ended early"
            except (HTTPClientError, IncompleteReadError) as error:
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


def _open(client: Any, bucket: str, name: str, where: str, span: str | None = None) -> dict[str, Any]:
    asked = {"Bucket": bucket, "Key": name} | ({"Range": span} if span else {})
    try:
        answer: dict[str, Any] = client.get_object(**asked)
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
