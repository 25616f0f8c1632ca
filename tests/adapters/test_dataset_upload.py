"""Uploading a dataset: bounded in memory, one writer a digest, and never other bytes than those that were hashed."""

import os
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from modelbook.adapters.data_folder import FoundFile, found_files
from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.store import Stored
from modelbook.commands import _dataset_upload
from modelbook.commands._dataset_upload import upload
from modelbook.core.digests import digest_of
from modelbook.core.storage import blob_key
from modelbook.errors import StoreError
from tests.parts.stores import Place


def filled(folder: Path, count: int) -> Path:
    """`count` files of one byte, a hundred a folder."""
    for number in range(count):
        (folder / f"{number // 100:04d}").mkdir(parents=True, exist_ok=True)
        (folder / f"{number // 100:04d}/{number:06d}").write_text("x")
    return folder


def taken() -> int:
    """Bytes in use since tracing began, in small pieces. One of megabytes is nothing of ours: it is the interpreter's
    table of all names (pathlib interns them), which grows when those of the whole process ask for it.
    """
    return sum(trace.size for trace in tracemalloc.take_snapshot().traces if trace.size < 256 * 1024)


def most_taken(store: DirectoryStore, folder: Path) -> int:
    """Bytes that uploading takes at most, looked at before every hundredth file."""
    seen = []

    def files() -> Iterator[FoundFile]:
        for number, file in enumerate(found_files(folder)):
            if number % 100 == 99:
                seen.append(taken())
            yield file

    tracemalloc.start()
    try:
        upload(store, files, folder)
        return max(seen)
    finally:
        tracemalloc.stop()


def test_many_files_are_not_in_memory_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dataset_upload, "BATCH", 50)
    store = DirectoryStore(tmp_path / "store", "file:store")
    most_taken(store, filled(tmp_path / "few", 500))  # whatever is made on first use
    assert most_taken(store, filled(tmp_path / "many", 4000)) < 1_000_000  # all at once they take 3,100,000


def test_equal_files_are_one_object_and_nobody_waits_for_himself(place: Place, tmp_path: Path) -> None:
    folder = filled(tmp_path / "data", 40)
    (folder / "big").write_bytes(os.urandom(3) * 500_000)  # sent from the disk, not from memory
    added = upload(place.store, partial(found_files, folder), folder)
    assert (added.files, added.size) == (41, 40 + 1_500_000)
    kept = place.present()
    assert len(kept) == 3
    assert all(key == blob_key(digest_of(data)) for key, data in kept.items())
    assert upload(place.store, partial(found_files, folder), folder) == added


def test_a_file_that_changes_between_its_hashing_and_its_sending_spoils_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DirectoryStore(tmp_path / "store", "file:store")
    path = tmp_path / "data"
    path.write_bytes(b"a" * 2_000_000)

    def changed_meanwhile(key: str, source: Path, **options: object) -> Stored:
        if source == path:
            path.write_bytes(b"b" * 2_000_000)
        return DirectoryStore.put_file(store, key, source, **options)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(store, "put_file", changed_meanwhile)
    with pytest.raises(StoreError, match="changed while it was read"):
        upload(store, lambda: iter([FoundFile("data", path, 2_000_000)]), path)
    assert list(store.list()) == []
