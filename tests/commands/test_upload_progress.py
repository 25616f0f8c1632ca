"""The bar of `data add` knows how much there is, so that it can say how much time is left."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelbook.adapters.data_folder import found_files
from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.store import Progress
from modelbook.commands import _dataset_upload


def test_it_is_told_all_bytes_and_each_that_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_bytes(name.encode() * 10)
    told: list[int] = []

    @contextmanager
    def progress(_label: str, total: int) -> Iterator[Progress]:
        told.append(total)
        yield lambda count: told.append(-count)

    monkeypatch.setattr(_dataset_upload, "progress", progress)
    store = DirectoryStore(tmp_path / "store", "file:store")
    _dataset_upload.upload(store, lambda: found_files(folder), folder)
    assert (told[0], sum(told)) == (20, 0)
