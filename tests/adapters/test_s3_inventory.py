"""S3 Inventory read with DuckDB: real Parquet files, and every way in which an inventory is none."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modelbook.adapters.s3_inventory import inventory_listing
from modelbook.errors import BadInput

duckdb = pytest.importorskip("duckdb")
MADE = 1767600000  # 2026-01-05, in seconds since 1970
SINCE = datetime.fromtimestamp(MADE, UTC)
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def inventory(folder: Path, rows: list[tuple[Any, ...]], **more: Any) -> Path:
    """An inventory as S3 delivers it: two Parquet files, and the manifest beside their folder."""
    (folder / "data").mkdir(parents=True)
    listed = []
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE t (bucket VARCHAR, key VARCHAR, size BIGINT, last_modified_date TIMESTAMPTZ, "
            "is_latest BOOLEAN, is_delete_marker BOOLEAN)"
        )
        for number, part in enumerate((rows[::2], rows[1::2])):
            database.execute("DELETE FROM t")
            database.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", part)
            path = folder / "data" / f"{number}.parquet"
            database.execute(f"COPY t TO '{path}' (FORMAT parquet)")
            digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            listed.append(
                {"key": f"inventories/x/data/{path.name}", "size": path.stat().st_size, "MD5checksum": digest}
            )
    told = {"sourceBucket": "acme", "fileFormat": "Parquet", "creationTimestamp": str(MADE * 1000), "files": listed}
    told |= more
    (folder / "manifest.json").write_text(json.dumps(told))
    return folder / "manifest.json"


ROWS = [
    ("acme", "team/runs/b/artifacts/x.bin", 2, WHEN, True, False),
    ("acme", "team/runs/a/artifacts/x.bin", 1, WHEN, True, False),
    ("acme", "team/runs/a-b/artifacts/x.bin", 4, WHEN, True, False),
    ("acme", "team/runs/a/artifacts/old.bin", 9, WHEN, False, False),
    ("acme", "team/runs/c/artifacts/gone.bin", 0, WHEN, True, True),
    ("acme", "another/runs/a/artifacts/x.bin", 3, WHEN, True, False),
]


def test_what_lies_in_the_store_now_in_order_of_its_keys(tmp_path: Path) -> None:
    found = list(inventory_listing(inventory(tmp_path / "i", ROWS), "s3://acme/team", SINCE))
    assert [(one.key, one.size, one.modified) for one in found] == [
        ("runs/a-b/artifacts/x.bin", 4, WHEN),
        ("runs/a/artifacts/x.bin", 1, WHEN),
        ("runs/b/artifacts/x.bin", 2, WHEN),
    ]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("missing", "is missing"),
        ("changed", "not the file"),
        ("bucket", "is an inventory of"),
        ("empty", "names no file"),
        ("old", "longer ago than the grace period"),
        ("undated", "no manifest.json"),
        ("csv", "as Parquet is wanted"),
    ],
)
def test_part_of_an_inventory_is_none(tmp_path: Path, spoil: str, words: str) -> None:
    spoilt: dict[str, dict[str, Any]] = {"bucket": {"sourceBucket": "theirs"}, "empty": {"files": []}}
    spoilt |= {"old": {"creationTimestamp": str(MADE * 1000 - 1)}, "undated": {"creationTimestamp": None}}
    spoilt |= {"csv": {"fileFormat": "CSV"}}
    manifest = inventory(tmp_path / "i", ROWS, **spoilt.get(spoil, {}))
    part = tmp_path / "i/data/1.parquet"
    if spoil == "missing":
        part.unlink()
    elif spoil == "changed":
        part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(BadInput, match=words):
        list(inventory_listing(manifest, "s3://acme/team", SINCE))


def test_what_is_no_manifest_is_said(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("[]")
    with pytest.raises(BadInput, match=r"no manifest\.json"):
        list(inventory_listing(tmp_path / "manifest.json", "s3://acme/team", SINCE))
