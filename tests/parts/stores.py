"""Places to keep objects, each with a way in beside the store: to plant what a store must find, and to look at it."""

import uuid
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.s3_client import LazyClient
from modelbook.adapters.s3_store import S3Store
from modelbook.adapters.store import Store
from tests.parts.fault_proxy import FaultProxy
from tests.parts.s3 import S3Server

PART = 1000  # bytes: small, so that small tests cross the boundaries of parts
KEY = "runs/r1/artifacts/model.safetensors"
BODY = bytes(range(256)) * 10  # 2560 bytes: three parts


@cache
def _client(endpoint: str) -> LazyClient:
    """Making a client takes boto3 a tenth of a second, and no test needs one of its own."""
    return LazyClient(endpoint)


class Place(Protocol):
    """Where one store keeps its objects."""

    store: Store

    def plant(self, name: str, data: bytes) -> None:
        """Write `data` behind the store's back; `name` begins where the store's keys do, `../` leads outside."""

    def unfinished(self) -> list[str]:
        """What half-written writes left behind."""

    def present(self) -> dict[str, bytes]:
        """All objects in the store, read behind its back."""


def source(folder: Path, data: bytes) -> Path:
    """A file with `data` to put into a store."""
    path = folder / "source.bin"
    path.write_bytes(data)
    return path


class FolderPlace:
    """A DirectoryStore in a new folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "store"
        self.store: Store = DirectoryStore(self.folder, "file:store")

    def plant(self, name: str, data: bytes) -> None:
        """See `Place.plant`."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # what a store wrote is read-only
        path.write_bytes(data)

    def unfinished(self) -> list[str]:
        """See `Place.unfinished`."""
        return [str(path) for path in self.folder.rglob("*.part")]

    def present(self) -> dict[str, bytes]:
        """See `Place.present`."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}


class BucketPlace:
    """An S3Store with small parts in a new bucket of `server`, under the prefix `team/models`."""

    prefix = "team/models"

    @property
    def folder(self) -> Path:
        """Where `rclone serve s3` keeps the objects."""
        return self.server.folder / self.bucket / self.prefix

    def __init__(self, server: S3Server, endpoint: str | None = None) -> None:
        """The store speaks to `endpoint` (a proxy), or to the server itself."""
        self.server = server
        self.endpoint = endpoint or server.endpoint
        self.client: Any = server.client
        self.bucket = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=self.bucket)
        self.store: Store = self.new_store()

    def new_store(self, part_size: int = PART) -> S3Store:
        """Another store of the same place: another process, as far as S3 can tell."""
        uri = f"s3://{self.bucket}/{self.prefix}"
        client = _client(self.endpoint)
        return S3Store(self.bucket, self.prefix, uri, part_size=part_size, client=client)

    def new_client(self) -> Any:
        """The client that a store of this place has."""
        return _client(self.endpoint).get()

    def plant(self, name: str, data: bytes) -> None:
        """See `Place.plant`."""
        outside = name.startswith("../")
        key = name.removeprefix("../") if outside else f"{self.prefix}/{name}"
        self.client.put_object(Bucket=self.bucket, Key=key, Body=data)

    def unfinished(self) -> list[str]:
        """See `Place.unfinished`."""
        try:
            answer = self.client.list_multipart_uploads(Bucket=self.bucket)
        except self.client.exceptions.NoSuchUpload:  # rclone's way to say that there are none
            return []
        return [each["Key"] for each in answer.get("Uploads", ())]

    def present(self) -> dict[str, bytes]:
        """See `Place.present`."""
        found = {}
        pages = self.client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + "/"):
            for each in page.get("Contents", ()):
                answer = self.client.get_object(Bucket=self.bucket, Key=each["Key"])
                with answer["Body"] as body:
                    found[each["Key"].removeprefix(self.prefix + "/")] = body.read()
        return found


Faulty = tuple[BucketPlace, FaultProxy]
