"""From the URI in policy.yaml to the store behind it."""

import re
from pathlib import Path

from modelbook.adapters.store import Store
from modelbook.core.storage import check_key
from modelbook.errors import BadInput

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LONGEST_PREFIX = 120  # S3 allows 1024 bytes for prefix and key together
_REMEDY = "Write `file:path/of/a/folder` (relative to the repository, or absolute) or `s3://bucket/prefix`."


def open_store(uri: str, *, base: Path) -> Store:
    """The store at `uri`: `file:<path>`, where a relative path begins at `base`, or `s3://<bucket>[/<prefix>]`.

    Nothing is read or written yet. Raises BadInput for anything else.
    """
    if not uri.isprintable() or any(each in uri for each in "#?%\\"):
        raise BadInput("has characters that a store's URI cannot have", where=repr(uri), remedy=_REMEDY)
    if uri.startswith("file:"):
        return _directory(uri, base)
    if uri.startswith("s3://"):
        return _bucket(uri)
    raise BadInput("is not a store that Modelbook knows", where=uri, remedy=_REMEDY)


def _directory(uri: str, base: Path) -> Store:
    from modelbook.adapters.directory_store import DirectoryStore

    path = uri.removeprefix("file:")
    if path.startswith("//") and not path.startswith("///"):
        raise BadInput("names a host; a folder store lies on this machine", where=uri, remedy=_REMEDY)
    if not path.strip("/.") or path.startswith("~"):
        raise BadInput("names no folder of its own", where=uri, remedy=_REMEDY)
    return DirectoryStore(base / path.replace("///", "/", 1), uri)


def _bucket(uri: str) -> Store:
    from modelbook.adapters.s3_store import S3Store

    bucket, _, prefix = uri.removeprefix("s3://").rstrip("/").partition("/")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise BadInput(f"{bucket!r} is not the name of a bucket", where=uri, remedy=_REMEDY)
    if prefix:
        check_key(prefix)
    if len(prefix) > _LONGEST_PREFIX:
        raise BadInput(f"has a prefix of more than {_LONGEST_PREFIX} characters", where=uri, remedy=_REMEDY)
    return S3Store(bucket, prefix, uri)
