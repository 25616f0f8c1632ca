"""A listing of a bucket from S3 Inventory (Parquet), for stores that are too large to be listed object by object.

DuckDB sorts it on disk, with a bound on its memory. It takes the extra `sql`.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from modelbook.adapters.extras import extra
from modelbook.adapters.store import ObjectInfo
from modelbook.adapters.store_contract import is_key
from modelbook.errors import BadInput

MEMORY = "256MB"
_ROWS = 10_000


def inventory_listing(manifest: Path, store: str, since: datetime) -> Iterator[ObjectInfo]:
    """The objects of `store` (its URI) as an inventory has them, in order of their keys.

    `manifest` is the inventory's manifest.json, with the files that it names in `data/` beside it. Raises BadInput
    where one is missing or not what the manifest says, it is another bucket's, or was made before `since`: part of an
    inventory is none, and of what was written to after an old one nobody would notice that it is young.
    """
    bucket, _, prefix = store.removeprefix("s3://").partition("/")
    files = _files(manifest, bucket, since)
    top = f"{prefix}/" if prefix else ""
    for name, size, modified in _rows(files, bucket, top):
        key = name.removeprefix(top)
        if is_key(key):
            yield ObjectInfo(key, size, datetime.fromtimestamp(modified / 1e6, UTC))


def _files(manifest: Path, bucket: str, since: datetime) -> list[str]:
    try:
        told = json.loads(manifest.read_bytes())
        source, form, listed = told["sourceBucket"], told["fileFormat"], told["files"]
        names = [(Path(one["key"]).name, one["MD5checksum"]) for one in listed]
        made = datetime.fromtimestamp(int(told["creationTimestamp"]) / 1000, UTC)
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(manifest)) from None
    except (ValueError, KeyError, TypeError, OverflowError):
        raise BadInput("is no manifest.json of an S3 Inventory", where=str(manifest)) from None
    if source != bucket or form != "Parquet":
        raise BadInput(f"is an inventory of {source} as {form}, and {bucket} as Parquet is wanted", where=str(manifest))
    if made < since:
        raise BadInput(
            f"is of {made:%Y-%m-%d %H:%M}, longer ago than the grace period",
            where=str(manifest),
            remedy="Fetch the latest one. Nothing was deleted.",
        )
    found = []
    for name, digest in names:
        path = manifest.parent / "data" / name
        if not path.is_file():
            raise BadInput("a file of the inventory is missing, and part of one is none", where=str(path))
        with path.open("rb") as file:
            if hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() != digest:
                raise BadInput("is not the file that the manifest names", where=str(path), remedy="Fetch it again.")
        found.append(str(path))
    if not found:
        raise BadInput("names no file, so it says nothing of the bucket", where=str(manifest))
    return found


def _rows(files: list[str], bucket: str, prefix: str) -> Iterator[tuple[str, int, int]]:
    duckdb = extra("duckdb", "sql", "an inventory")
    with tempfile.TemporaryDirectory(prefix="modelbook-inventory-") as scratch, duckdb.connect() as database:
        database.execute(f"SET memory_limit = '{MEMORY}'; SET temp_directory = '{scratch}'; SET threads = 2")
        database.execute("SET TimeZone = 'UTC'")
        try:
            columns = {row[0] for row in database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [files]).fetchall()}
            now = [name for name in ("is_latest", "NOT is_delete_marker") if name.split()[-1] in columns]
            where = " AND ".join(["bucket = ?", "starts_with(key, ?)", *now])
            found = database.execute(
                f"SELECT key, size, epoch_us(last_modified_date) FROM read_parquet(?) WHERE {where} ORDER BY key",  # noqa: S608 - conditions of ours
                [files, bucket, prefix],
            )
            while rows := found.fetchmany(_ROWS):
                yield from rows
        except duckdb.Error as error:
            said = str(error).splitlines()[0]
            raise BadInput(f"the inventory cannot be read: {said}", where=files[0]) from None
