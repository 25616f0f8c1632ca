"""A bucket as the store: any server that speaks S3, found by the standard AWS variables.

AWS_ENDPOINT_URL_S3 names another server than Amazon's (then addressed by path), AWS_REGION the region
(us-east-1 if unset). boto3 is imported when the first request is made.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path
from typing import Any

from modelbook.adapters.landing import land
from modelbook.adapters.ranges import RANGE, Fill
from modelbook.adapters.s3_client import LazyClient
from modelbook.adapters.s3_errors import code_of, explained_s3, field, status_of
from modelbook.adapters.s3_reading import RemoteObject, stream_object
from modelbook.adapters.s3_unfinished import discard_uploads
from modelbook.adapters.s3_upload import PART_SIZE, Uploader
from modelbook.adapters.source_file import Source, SourceBytes, SourceFile
from modelbook.adapters.store import ObjectInfo, Progress, Stored
from modelbook.adapters.store_contract import (
    accept_present,
    accept_same,
    check_promised,
    is_key,
    no_such_object,
    not_deleted,
    whole,
)
from modelbook.core.storage import check_key, uri_of
from modelbook.errors import IntegrityError, StoreError

DELETE_BATCH = 1000  # S3's own limit for one request


class S3Store:
    """The objects under one prefix of one bucket. Safe to use from several threads at once.

    Where the server honours `If-None-Match: *` (AWS, MinIO, R2, Ceph; not `rclone serve s3`), exactly one of
    several writers of a key wins. Elsewhere only the check before each write protects what is there.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        uri: str,
        *,
        part_size: int = PART_SIZE,
        client: LazyClient | None = None,
    ) -> None:
        """`prefix` has no slash at its ends and may be empty; `uri` is what policy.yaml calls the store.

        Objects larger than `part_size` bytes go in parts. Stores on one server may share one `client`.
        """
        self.uri = uri.rstrip("/")
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._client = client or LazyClient(self.uri)
        self._uploader = Uploader(bucket, part_size)
        self._bucket_seen = False

    def put_file(
        self, key: str, source: Path, *, digest: str | None = None, progress: Progress | None = None
    ) -> Stored:
        """See `Store.put_file`."""
        with SourceFile(source, digest) as file:
            return self._put(key, file, progress)

    def put_bytes(self, key: str, data: bytes, *, named: bool = False) -> Stored:
        """See `Store.put_bytes`."""
        return self._put(key, SourceBytes(data), None, named=named)

    def read_bytes(self, key: str, *, limit: int) -> bytes:
        """See `Store.read_bytes`."""
        return whole(self.stream(key), limit, uri_of(self.uri, key))

    def stream(self, key: str) -> Generator[bytes]:
        """See `Store.stream`."""
        where = uri_of(self.uri, key)
        with explained_s3(where):
            yield from stream_object(self._client.get(), self._bucket, self._prefix + key, where)

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
        """See `Store.fetch`."""
        where, name = uri_of(self.uri, key), self._prefix + key

        @contextmanager
        def opened() -> Iterator[Fill]:
            etag = None
            if not 0 < size <= RANGE:
                with explained_s3(where):
                    there = self._head(name)
                    if there is None:
                        raise no_such_object(where)
                    check_promised(field(there, "ContentLength"), size, where)
                    etag = field(there, "ETag")
            remote = RemoteObject(self._client.get(), self._bucket, name, where, size, etag)

            def fill(at: int, view: memoryview) -> None:
                with explained_s3(where):
                    remote.fill(at, view)

            yield fill

        land(opened, target, digest=digest, size=size, where=where, progress=progress, synced=synced)

    def stat(self, key: str) -> ObjectInfo | None:
        """See `Store.stat`."""
        with explained_s3(uri_of(self.uri, key)):
            answer = self._head(self._prefix + key)
            if answer is None:
                return None
            return ObjectInfo(key, field(answer, "ContentLength"), field(answer, "LastModified").astimezone(UTC))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `Store.list`. Objects whose name no key can have (an empty "folder", say) are passed over."""
        with explained_s3(self.uri):
            pages = self._client.get().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                self._check_listing(page)
                for each in page.get("Contents", ()):
                    key = each["Key"].removeprefix(self._prefix)
                    if is_key(key):
                        yield ObjectInfo(key, each["Size"], each["LastModified"].astimezone(UTC))

    def delete(self, keys: Iterable[str]) -> None:
        """See `Store.delete`."""
        rest = iter(keys)
        failed: dict[str, str] = {}
        while batch := [{"Key": self._prefix + check_key(key)} for key in islice(rest, DELETE_BATCH)]:
            with explained_s3(self.uri):
                answer = self._client.get().delete_objects(
                    Bucket=self._bucket, Delete={"Objects": batch, "Quiet": True}
                )
            for each in answer.get("Errors", ()):
                reason = f"{each.get('Code')} {each.get('Message', '')}".strip()
                failed[each["Key"].removeprefix(self._prefix)] = reason
        if failed:
            raise not_deleted(self.uri, failed)

    def discard_unfinished(self, before: datetime) -> int:
        """See `Store.discard_unfinished`."""
        with explained_s3(self.uri):
            return discard_uploads(self._client.get(), self._bucket, self._prefix, before)

    def refuses_to_overwrite(self, key: str) -> bool:
        """Whether the server keeps what lies at `key` from a second writer. Leaves a few bytes there."""
        with explained_s3(uri_of(self.uri, key)):
            for data in (b"written once\n", b"written over\n"):
                sent = self._uploader.send(self._client.get(), self._prefix + key, SourceBytes(data), None)
        return sent.taken

    def ahead(self) -> float:
        """By how many seconds the server's clock is ahead of this machine's: its answers are dated to the second."""
        with explained_s3(self.uri):
            answer = self._client.get().list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
            self._check_listing(answer)
            dated = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        there = parsedate_to_datetime(dated) if dated else datetime.now(UTC)
        return (there - datetime.now(UTC)).total_seconds()

    def _put(self, key: str, source: Source, progress: Progress | None, *, named: bool = False) -> Stored:
        where = uri_of(self.uri, key)
        # Servers that ignore the condition would overwrite; and it saves sending what is there already.
        present = None if named else self.stat(key)
        if present is not None:
            return accept_present(present, self.stream(key), source, where, progress)
        with explained_s3(where):
            sent = self._uploader.send(self._client.get(), self._prefix + key, source, progress)
        if sent.taken:
            return self._settle(key, sent.stored, where, named=named)
        if not sent.confirmed:
            self._check_size(key, sent.stored, where)
        return sent.stored

    def _settle(self, key: str, stored: Stored, where: str, *, named: bool) -> Stored:
        """S3 says that the key is taken: by another writer, or by this one, whose first answer was lost."""
        present = self.stat(key)
        if present is None:
            raise StoreError(
                "another writer is writing this key at this moment",
                where=where,
                remedy="Wait for it to finish, then run the command again.",
            )
        if named and present.size == stored.size:
            return stored
        return accept_same(self.stream(key), stored, where)

    def _check_size(self, key: str, stored: Stored, where: str) -> None:
        """A server that takes S3's checksums without looking at them would hide a body that was cut."""
        written = self.stat(key)
        if written is None or written.size != stored.size:
            there = "nothing" if written is None else f"{written.size} bytes"
            raise IntegrityError(
                f"the server accepted {stored.size} bytes, and {there} can be read",
                where=where,
                remedy="Remove this object from the bucket by hand, then run the command again.",
            )

    def _check_listing(self, page: dict[str, Any]) -> None:
        """An answer that is no listing reads as an empty one, and whoever deletes must not be told that."""
        if not page.get("Name") or (page.get("IsTruncated") and not page.get("NextContinuationToken")):
            raise StoreError(
                "the server's answer is not a whole listing",
                where=self.uri,
                remedy="Check AWS_ENDPOINT_URL_S3 and the proxy settings: something else may have answered.",
            )

    def _head(self, name: str) -> dict[str, Any] | None:
        client = self._client.get()
        try:
            answer: dict[str, Any] = client.head_object(Bucket=self._bucket, Key=name)
        except Exception as error:
            if not status_of(error):
                raise
            if status_of(error) == 404 and self._bucket_seen:
                return None
            return self._head_explained(name)
        self._bucket_seen = True
        return answer

    def _head_explained(self, name: str) -> dict[str, Any] | None:
        """An answer to HEAD has no body, so it cannot say whether key or bucket is missing, or why it is
        denied.
        """
        client = self._client.get()
        try:
            client.get_object(Bucket=self._bucket, Key=name, Range="bytes=0-0")["Body"].close()
        except Exception as error:
            if code_of(error) != "NoSuchKey":
                raise
            self._bucket_seen = True
            return None
        answer: dict[str, Any] = client.head_object(Bucket=self._bucket, Key=name)
        return answer
