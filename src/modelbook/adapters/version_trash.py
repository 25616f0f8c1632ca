"""Deleting in a bucket that keeps versions: a marker hides an object; its bytes stay beneath until they are purged."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from modelbook.adapters.s3_errors import code_of, explained_s3
from modelbook.adapters.trash import BucketTrash


class _Version(NamedTuple):
    id: str
    marker: bool
    latest: bool
    modified: datetime


class _Locked(Exception):
    """The bucket does not let go of a version."""


class VersionTrash(BucketTrash):
    """In a bucket with versions a deletion is a marker, and the bytes stay beneath it until they are purged."""

    how = "marked as deleted: the bucket keeps versions, so their bytes stay, and cost, until they are purged"

    def put_aside(self, keys: Sequence[str]) -> dict[str, str]:
        """See `Trash.put_aside`: the bucket does it."""
        return {}

    def bring_back(self, key: str) -> bool:
        """See `Trash.bring_back`: the markers go, or the latest version is written anew where they may not."""
        if self._store.stat(key) is not None:
            return True
        found = self._versions(key)
        latest = next((one for one in found if not one.marker), None)  # S3 lists the newest first
        if latest is None:
            return False
        for one in (one for one in found if one.marker):
            try:
                self._delete(key, one)
            except _Locked:
                source = {"Bucket": self._bucket, "Key": self._prefix + key, "VersionId": latest.id}
                with explained_s3(f"{self._store.uri}/{key}"):
                    self._client.get().copy(source, self._bucket, self._prefix + key)
                break
        return True

    def purge(self, keys: Sequence[str], ended: datetime) -> dict[str, str]:
        """See `Trash.purge`. What a retention or a legal hold of the bucket locks stays, and is told.

        What was written since the plan ended stays too, and so does what was brought back: it is the latest.
        """

        def delete(key: str) -> str | None:
            try:
                for one in self._versions(key):
                    if one.modified <= ended and (one.marker or not one.latest):
                        self._delete(key, one)
            except _Locked:
                return "locked by the bucket, or s3:DeleteObjectVersion is missing"
            return None

        return self._each(delete, keys)

    def discard(self, keys: Sequence[str]) -> dict[str, str]:
        """See `Trash.discard`: there are none, and what is gone again by now is another plan's."""
        return {}

    def _delete(self, key: str, version: _Version) -> None:
        with explained_s3(f"{self._store.uri}/{key}"):
            try:
                self._client.get().delete_object(Bucket=self._bucket, Key=self._prefix + key, VersionId=version.id)
            except Exception as error:
                if code_of(error) in {"AccessDenied", "ObjectLocked", "InvalidRequest"}:
                    raise _Locked from error
                raise

    def _versions(self, key: str) -> list[_Version]:
        """The versions of an object and its deletion markers, as S3 has them at one moment, the newest first."""
        found = list[_Version]()
        with explained_s3(f"{self._store.uri}/{key}"):
            pages = self._client.get().get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + key):
                listed: list[tuple[bool, dict[str, Any]]] = [(False, one) for one in page.get("Versions", [])]
                listed += [(True, one) for one in page.get("DeleteMarkers", [])]
                own = [(marker, one) for marker, one in listed if one["Key"] == self._prefix + key]
                found += [
                    _Version(one["VersionId"], marker, bool(one["IsLatest"]), one["LastModified"])
                    for marker, one in own
                ]
                if listed and not own:
                    break  # what follows are keys that begin with this one
        return sorted(found, key=lambda one: (one.latest, one.modified), reverse=True)
