"""Writing one object to S3: at once if it is small, else in parts in parallel, hashed in the pass that reads it.

S3 checks each request by a checksum of its own kind: the sha256, known anyhow, for a whole object, CRC32 for a part
(both are taken by AWS, rclone and moto; the last two do not look at them). It refuses a key that is taken
(`If-None-Match: *`).
"""

import base64
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from modelbook.adapters.parallel import Budget, Crew, Joint
from modelbook.adapters.s3_errors import code_of, field
from modelbook.adapters.s3_unfinished import PartThere, Unfinished, unfinished_upload
from modelbook.adapters.source_file import Source
from modelbook.adapters.store import Progress, Stored
from modelbook.core.digests import hex_of
from modelbook.errors import StoreError

PART_SIZE = 8 * 1024 * 1024
PARALLEL_PARTS = 8
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
    """Writes objects into one bucket. All its uploads share one crew of threads and one budget of memory."""

    def __init__(self, bucket: str, part_size: int, parallel: int) -> None:
        self._bucket = bucket
        self._part_size = part_size
        self._crew = Crew(parallel)
        self._budget = Budget(parallel + 1)

    def send(self, client: Any, name: str, source: Source, progress: Progress | None) -> Sent:
        """Write `source` as the object `name` (the whole key in the bucket), if there is none of that name.

        Nothing becomes visible unless all was read and sent. Raises what botocore and `field` raise, and what
        `source` does.
        """
        if source.size <= self._part_size:
            return self._at_once(client, name, source, progress)
        return self._in_parts(client, name, source, progress)

    def _at_once(self, client: Any, name: str, source: Source, progress: Progress | None) -> Sent:
        held = self._budget.take(1)
        try:
            data = b"".join(source.chunks(self._part_size))
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
        finally:
            self._budget.give(held)
        if progress:
            progress(stored.size)
        return Sent(stored, taken=False, confirmed=answer.get("ChecksumSHA256") == checksum)

    def _in_parts(self, client: Any, name: str, source: Source, progress: Progress | None) -> Sent:
        target = {"Bucket": self._bucket, "Key": name}
        found = unfinished_upload(client, target)
        for _ in range(_BEGINNINGS):
            if not found:
                created = client.create_multipart_upload(**target, ChecksumAlgorithm="CRC32")
                found = Unfinished(field(created, "UploadId"), {})
            with suppress(OtherUpload):
                return self._upload(_Upload(client, target | {"UploadId": found.id}, found.parts, progress), source)
            found = None
        raise StoreError(
            "others end each upload to this key that is begun",
            where=f"s3://{self._bucket}/{name}",
            remedy="Find out who else writes it, or aborts what is unfinished there, then run the command again.",
        )

    def _upload(self, upload: "_Upload", source: Source) -> Sent:
        try:
            with upload.joint:
                self._read_parts(upload, source)
                upload.joint.wait()
                parts = upload.parts()
                stored = source.stored()
                answer = upload.complete(parts)
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

    def _read_parts(self, upload: "_Upload", source: Source) -> None:
        size = self._size_of_parts(source.size)
        chunks = source.chunks(size)
        for number in range(1, -(-source.size // size) + 1):
            held = self._budget.take(-(-size // self._part_size))
            try:
                part = next(chunks, b"")
            except BaseException:
                self._budget.give(held)
                raise
            upload.joint.hand(self._crew, partial(upload.send, number, part, partial(self._budget.give, held)))
            if upload.joint.stopped or not part:  # `source.stored` will say why it is short
                return

    def _size_of_parts(self, size: int) -> int:
        least = -(-size // MOST_PARTS)
        return self._part_size if least <= self._part_size else -(-least // _MIB) * _MIB


class _Upload:
    """One multipart upload that S3 has begun, and the parts of it that are on their way."""

    def __init__(
        self, client: Any, target: dict[str, str], there: Mapping[int, PartThere], progress: Progress | None
    ) -> None:
        self._client = client
        self._target = target
        self._there = there
        self._progress = progress
        self._parts: dict[int, dict[str, Any]] = {}
        self._errors: list[BaseException] = []
        self._moved: list[int] = []
        self.joint = Joint()

    def send(self, number: int, part: bytes, give_back: Callable[[], None]) -> None:
        """Send one part, on a thread of the crew, unless S3 has it; calls `give_back` when it is no longer needed."""
        try:
            if not self.joint.stopped:
                checksum = base64.b64encode(zlib.crc32(part).to_bytes(4, "big")).decode()
                there = self._there.get(number)
                if there and not there.holds(part, checksum):
                    raise OtherUpload
                if there:
                    etag = there.etag
                else:
                    answer = self._client.upload_part(
                        **self._target, PartNumber=number, Body=part, ChecksumCRC32=checksum
                    )
                    etag = field(answer, "ETag")
                self._parts[number] = {"PartNumber": number, "ETag": etag, "ChecksumCRC32": checksum}
                if self._progress:
                    self._progress(len(part))
                self._moved.append(len(part))
        except BaseException as error:  # noqa: BLE001 - `parts` raises it
            # Somebody else may have taken up this very upload, and have completed or aborted it.
            self._errors.append(OtherUpload() if code_of(error) == "NoSuchUpload" else error)
            self.joint.stopped = True
        finally:
            give_back()

    def parts(self) -> list[dict[str, Any]]:
        """What S3 said of each part, in their order, when all have ended; raises the first error of any."""
        if self._errors:
            raise self._errors[0]
        return [self._parts[number] for number in sorted(self._parts)]

    def take_back_progress(self) -> None:
        """Report that nothing of what was reported counts."""
        if self._progress:
            self._progress(-sum(self._moved))

    def complete(self, parts: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Make the object visible; None if its name is taken."""
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
