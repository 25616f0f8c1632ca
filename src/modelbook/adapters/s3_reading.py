"""Reading one object from S3 as a stream that survives broken connections."""

import time
from collections.abc import Generator
from contextlib import closing
from typing import Any

from modelbook.adapters.s3_errors import NotS3, code_of, field
from modelbook.adapters.store_contract import no_such_object
from modelbook.errors import IntegrityError, StoreError

READ_SIZE = 1024 * 1024
ATTEMPTS = 5  # broken connections in a row, without ENOUGH_PROGRESS between them
ENOUGH_PROGRESS = 8 * 1024 * 1024
_FIRST_PAUSE = 0.1


def stream_object(client: Any, bucket: str, name: str, where: str) -> Generator[bytes]:
    """The object `name` of `bucket` in chunks of at most `READ_SIZE` bytes.

    A connection that breaks is opened again from where it stopped. Raises ObjectMissing, IntegrityError if
    the object became another meanwhile, StoreError after too many breaks, and what botocore and `field`
    raise for the first request.
    """
    from botocore.exceptions import HTTPClientError, IncompleteReadError

    answer = _open(client, bucket, name, where)
    try:
        size, etag = field(answer, "ContentLength"), field(answer, "ETag")
    except NotS3:
        answer["Body"].close()
        raise
    offset = safe = breaks = 0
    while True:
        try:
            with closing(answer["Body"]) as body:
                while chunk := body.read(READ_SIZE):
                    offset += len(chunk)
                    yield chunk
            if offset == size:
                return
            reason = "it ended early"
        except (HTTPClientError, IncompleteReadError) as error:
            reason = str(error)
        breaks = 1 if offset - safe >= ENOUGH_PROGRESS else breaks + 1
        safe = offset if breaks == 1 else safe
        if breaks == ATTEMPTS:
            raise StoreError(
                f"the connection broke {breaks} times, the last time at byte {offset} of {size}: {reason}",
                where=where,
                remedy="Check the network and the proxy settings, then run the command again.",
            )
        time.sleep(_FIRST_PAUSE * 2 ** (breaks - 1))
        answer = _reopen(client, bucket, name, where, offset, etag)


def _open(client: Any, bucket: str, name: str, where: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = client.get_object(Bucket=bucket, Key=name)
    except Exception as error:
        if code_of(error) == "NoSuchKey":
            raise no_such_object(where) from None
        raise
    return answer


def _reopen(client: Any, bucket: str, name: str, where: str, offset: int, etag: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = client.get_object(Bucket=bucket, Key=name, Range=f"bytes={offset}-", IfMatch=etag)
    except Exception as error:
        if code_of(error) in ("PreconditionFailed", "NoSuchKey", "InvalidRange", "412", "416"):
            raise _became_another(where) from None
        raise
    if answer.get("ETag") != etag:  # not every server heeds If-Match
        answer["Body"].close()
        raise _became_another(where)
    # Not the status: rclone answers a range with 200.
    if not str(answer.get("ContentRange", "")).startswith(f"bytes {offset}-"):
        answer["Body"].close()
        raise StoreError(
            f"the connection broke at byte {offset}, and the server cannot resume there (it ignores Range)",
            where=where,
            remedy="Run the command again, or use a server that answers range requests.",
        )
    return answer


def _became_another(where: str) -> IntegrityError:
    return IntegrityError(
        "the object became another one, or went away, while it was read",
        where=where,
        remedy="Objects of a store never change. Find out who else writes to the bucket, then run it again.",
    )
