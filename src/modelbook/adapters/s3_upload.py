"""Writing one object to S3: at once if it is small, else in parts in parallel, hashed in the pass that reads it.

S3 checks each request by a checksum of its own kind: the sha256, known anyhow, for a whole object, CRC32 for a part
(both are taken by AWS, rclone and moto; the last two do not look at them). It refuses a key that is taken
(`If-None-Match: *`).
"""

import base64
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any, NamedTuple

from zlib_ng.zlib_ng import crc32  # ten times as fast as zlib's

from modelbook.adapters.ranges import RANGE
from modelbook.adapters.s3_errors import code_of, field
from modelbook.adapters.s3_unfinished import PartThere, Unfinished, unfinished_upload
from modelbook.adapters.source_file import Source
from modelbook.adapters.store import Progress, Stored
from modelbook.core.digests import hex_of
from modelbook.errors import StoreError

PART_SIZE = RANGE
MOST_PARTS = 10_000  # S3's own limit for one object
_MIB = 1024 * 1024
_BEGINNINGS = 4  # of one object, where others end what was begun
_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
# After a lost answer botocore asks once more, and S3 no longer knows an upload that it has completed.
_TAKEN_OR_DONE = _TAKEN | {"NoSuchUpload"}


class OtherUpload(Exception):
    """The upload holds other bytes, or went away: it is somebody else's by now."""


class Sent(NamedTuple):
    """How a write ended. `stored` is what was read and sent."""

    stored: Stored
    taken: bool  # the key held something by then, perhaps these very bytes after a lost answer
    confirmed: bool  # the server answered with a checksum of what it wrote


class Uploader:
    """Writes objects into one bucket. What is in memory meanwhile is bounded for all transfers of a process."""

    def __init__(self, bucket: str, part_size: int) -> None:
        self._bucket = bucket
        self._part_size = part_size

    def send(self, client: Any, name: str, source: Source, progress: Progress | None) -> Sent:
        """Write `source` as the object `name` (the whole key in the bucket), if there is none of that name.

        Nothing becomes visible unless all was read and sent. Raises what botocore and `field` raise, and what
        `source` does.
        """
        if source.size <= self._part_size:
            return self._at_once(client, name, source, progress)
        return self._in_parts(client, name, source, progress)

    def _at_once(self, client: Any, name: str, source: Source, progress: Progress | None) -> Sent:
        with closing(source.chunks(self._part_size)) as chunks:
            data = next(chunks, memoryview(b""))
            stored = source.stored()
            checksum = base64.b64encode(bytes.fromhex(hex_of(stored.digest))).decode()
            try:
                answer = client.put_object(
                    Bucket=self._bucket, Key=name, Body=data, IfNoneMatch="*", ChecksumSHA256=checksum
                )
            except Exception as error:
                if code_of(error) not in _TAKEN:
                    raise
                return Sent(stored, taken=True, confirmed=False)
        if progress:
            progress(stored.size)
        return Sent(stored, taken=False, confirmed=answer.get("ChecksumSHA256") == checksum)

    def _in_parts(self, client: Any, name: str, source: Source, progress: Progress | None) -> Sent:
        target = {"Bucket": self._bucket, "Key": name}
        size = self._size_of_parts(source.size)
        found = unfinished_upload(client, target)
        for _ in range(_BEGINNINGS):
            if not found:
                created = client.create_multipart_upload(**target, ChecksumAlgorithm="CRC32")
                found = Unfinished(field(created, "UploadId"), {})
            upload = _Upload(client, target | {"UploadId": found.id}, size, found.parts, progress)
            with suppress(OtherUpload):
                return self._upload(upload, source)
            found = None
        raise StoreError(
            "others end each upload to this key that is begun",
            where=f"s3://{self._bucket}/{name}",
            remedy="Find out who else writes it, or aborts what is unfinished there, then run the command again.",
        )

    def _upload(self, upload: "_Upload", source: Source) -> Sent:
        try:
            for _ in source.chunks(upload.part_size, upload.send):
                pass
            stored = source.stored()
            answer = upload.complete()
        except OtherUpload:
            upload.take_back_progress()
            raise
        except BaseException:
            upload.abort()
            raise
        if answer is None:
            upload.abort()
            return Sent(stored, taken=True, confirmed=False)
        return Sent(stored, taken=False, confirmed=bool(answer.get("ChecksumCRC32")))

    def _size_of_parts(self, size: int) -> int:
        least = -(-size // MOST_PARTS)
        return self._part_size if least <= self._part_size else -(-least // _MIB) * _MIB


class _Upload:
    """One multipart upload that S3 has begun, and the parts of it that are on their way."""

    def __init__(
        self,
        client: Any,
        target: dict[str, str],
        part_size: int,
        there: Mapping[int, PartThere],
        progress: Progress | None,
    ) -> None:
        self.part_size = part_size
        self._client = client
        self._target = target
        self._there = there
        self._progress = progress
        self._parts: dict[int, dict[str, Any]] = {}
        self._moved: list[int] = []

    def send(self, at: int, part: memoryview) -> None:
        """Send the part that begins at byte `at`, unless S3 has it. Called from several threads at once."""
        number = at // self.part_size + 1
        checksum = base64.b64encode(crc32(part).to_bytes(4, "big")).decode()
        there = self._there.get(number)
        if there and not there.holds(part, checksum):
            raise OtherUpload
        if there:
            etag = there.etag
        else:
            try:
                answer = self._client.upload_part(**self._target, PartNumber=number, Body=part, ChecksumCRC32=checksum)
            except Exception as error:
                # Somebody else may have taken up this very upload, and have completed or aborted it.
                if code_of(error) == "NoSuchUpload":
                    raise OtherUpload from error
                raise
            etag = field(answer, "ETag")
        self._parts[number] = {"PartNumber": number, "ETag": etag, "ChecksumCRC32": checksum}
        if self._progress:
            self._progress(len(part))
        self._moved.append(len(part))

    def take_back_progress(self) -> None:
        """Report that nothing of what was reported counts."""
        if self._progress:
            self._progress(-sum(self._moved))

    def complete(self) -> dict[str, Any] | None:
        """Make the object visible; None if its name is taken."""
        parts = [self._parts[number] for number in sorted(self._parts)]
        try:
            answer: dict[str, Any] = self._client.complete_multipart_upload(
                **self._target, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except Exception as error:
            if code_of(error) not in _TAKEN_OR_DONE:
                raise
            return None
        return answer

    def abort(self) -> None:
        """Let S3 forget the parts, when none is on its way any more: it would keep one that comes later.

        An error here must not hide what ended the upload; retention cleans up.
        """
        with suppress(Exception):
            self._client.abort_multipart_upload(**self._target)
