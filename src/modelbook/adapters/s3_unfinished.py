"""What a killed writer left of an upload in parts: asked of S3 itself, so that no record of it can lie."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from modelbook.adapters.s3_errors import code_of, status_of
from modelbook.core.pruning.stored import stored_at

_MD5 = re.compile(r'"?([0-9a-f]{32})"?')


@dataclass(frozen=True)
class PartThere:
    """One part that S3 has: its size in bytes, its ETag, and its CRC32 in base 64 where S3 tells it."""

    size: int
    etag: str
    crc32: str | None

    def holds(self, part: memoryview, crc32: str) -> bool:
        """Whether it is `part`, by everything that S3 tells of it: an MD5 or a checksum at least.

        With encryption by KMS an ETag is no MD5. Then a part is sent again rather than believed by 32 bits alone.
        """
        md5 = _MD5.fullmatch(self.etag)
        if self.size != len(part) or self.crc32 not in (None, crc32) or not md5:
            return False
        return md5[1] == hashlib.md5(part, usedforsecurity=False).hexdigest()


class Unfinished(NamedTuple):
    """An upload that S3 has begun, and its parts by number."""

    id: str
    parts: Mapping[int, PartThere]


def unfinished_upload(client: Any, target: Mapping[str, str]) -> Unfinished | None:
    """The latest upload to this `Bucket` and `Key` that nobody completed, if it has parts and can be seen.

    Credentials without the right to list uploads begin anew each time.
    """
    try:
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=target["Bucket"], Prefix=target["Key"])
        begun = [
            (each["Initiated"], each["UploadId"])
            for page in pages
            for each in page.get("Uploads", ())
            if each["Key"] == target["Key"]
        ]
        if not begun:
            return None
        found = max(begun)[1]
        parts: dict[int, PartThere] = {}
        for page in client.get_paginator("list_parts").paginate(**target, UploadId=found):
            for each in page.get("Parts", ()):
                parts[each["PartNumber"]] = PartThere(each["Size"], each["ETag"], each.get("ChecksumCRC32"))
    except Exception as error:
        # What was completed or aborted meanwhile, what this server does not know, what these credentials may not see.
        if not status_of(error) and not code_of(error):
            raise
        return None
    return Unfinished(found, parts) if parts else None


def discard_uploads(client: Any, bucket: str, prefix: str, before: datetime) -> int:
    """Abort the store's own uploads to which nothing was added since `before` (UTC): how many.

    Where the store is a whole bucket, others may upload there too: theirs are left. Raises what boto3 raises.
    """
    count = 0
    pages = iter(client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix))
    while page := _unless_gone(lambda: next(pages, None)):
        for each in page.get("Uploads", ()):
            if each["Initiated"] < before and stored_at(each["Key"].removeprefix(prefix)).part != "foreign":
                target = {"Bucket": bucket, "Key": each["Key"], "UploadId": each["UploadId"]}
                count += bool(_unless_gone(partial(_abort, client, target, before)))
    return count


def _abort(client: Any, target: Mapping[str, str], before: datetime) -> bool:
    pages = client.get_paginator("list_parts").paginate(**target)
    if any(part.get("LastModified", before) > before for page in pages for part in page.get("Parts", ())):
        return False  # a slow one is no dead one
    client.abort_multipart_upload(**target)
    return True


def _unless_gone(ask: Callable[[], Any]) -> Any:
    """What it gives; None for an upload that was finished meanwhile. rclone says that of a bucket without any, too."""
    try:
        return ask()
    except Exception as error:
        if code_of(error) != "NoSuchUpload":
            raise
        return None
