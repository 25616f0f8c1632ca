"""What files hashed to: remembered only as long as nobody can have touched them."""

import os
import sqlite3
import time
from functools import partial
from pathlib import Path

import pytest

from modelbook.adapters.data_folder import found_files
from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.hash_cache import SETTLED, WORTH, HashCache
from modelbook.adapters.source_file import SourceFile
from modelbook.commands._dataset_upload import Uploaded, upload


class Reading:
    """A folder that is uploaded again and again, as if an hour went by each time."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.database = folder / "hashes.sqlite"
        self.store = DirectoryStore(folder / "store", "file:store")
        self.read: list[str] = []
        self._hours = 1
        opened = SourceFile.__enter__

        def noted(source: SourceFile) -> SourceFile:
            if source.path.is_relative_to(self.data):
                self.read.append(source.path.name)
            return opened(source)

        monkeypatch.setattr(SourceFile, "__enter__", noted)

    def upload(self, *, now: int | None = None) -> tuple[list[str], Uploaded]:
        """Names of the files that were read for it, and what came of it."""
        self.read.clear()
        later = time.time_ns() + self._hours * 3600 * 10**9 if now is None else now
        self._hours += 1
        with HashCache(self.database, self.data, later) as cache:
            uploaded = upload(self.store, partial(found_files, self.data), self.data, cache)
        return sorted(self.read), uploaded

    def rows(self) -> int:
        with sqlite3.connect(self.database) as database:
            return int(database.execute("SELECT count(*) FROM hashes").fetchone()[0])


@pytest.fixture
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reading:
    made = Reading(tmp_path, monkeypatch)
    for name in ("a", "b", "c"):
        (made.data / name).write_text(name * WORTH)
    return made


def test_what_nobody_touched_is_not_read_again(reading: Reading) -> None:
    read, first = reading.upload()
    assert read == ["a", "b", "c"]
    assert reading.upload() == ([], first)


def test_a_change_that_hides_behind_its_size_and_its_time_is_seen(reading: Reading) -> None:
    _, first = reading.upload()
    before = (reading.data / "b").stat()
    (reading.data / "b").write_text("B" * WORTH)
    os.utime(reading.data / "b", ns=(before.st_atime_ns, before.st_mtime_ns))
    read, second = reading.upload()
    assert read == ["b"]
    assert second.manifest != first.manifest


def test_another_file_in_its_place_is_seen(reading: Reading) -> None:
    reading.upload()
    (reading.data / "a").replace(reading.data / "c")
    assert reading.upload()[0] == ["c"]


def test_what_changed_a_moment_ago_is_read_again(reading: Reading) -> None:
    now = max((reading.data / name).stat().st_ctime_ns for name in "abc")
    reading.upload(now=now + SETTLED)
    assert reading.upload()[0] != []
    assert reading.upload()[0] == []


def test_what_the_store_lost_is_read_and_stored_again(reading: Reading) -> None:
    _, first = reading.upload()
    reading.store.delete([info.key for info in reading.store.list() if info.size == WORTH])
    assert reading.upload() == (["a", "b", "c"], first)


def test_files_that_are_gone_are_forgotten(reading: Reading) -> None:
    reading.upload()
    (reading.data / "a").unlink()
    reading.upload()
    assert reading.rows() == 2


@pytest.mark.parametrize("damage", ["no database", "locked", "a folder"])
def test_a_cache_that_is_of_no_use_costs_nothing_but_time(reading: Reading, damage: str) -> None:
    _, first = reading.upload()
    if damage == "locked":
        with sqlite3.connect(reading.database, timeout=0) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert reading.upload() == (["a", "b", "c"], first)
            other.rollback()
        return
    reading.database.unlink()
    if damage == "a folder":
        reading.database.mkdir()
    else:
        reading.database.write_bytes(b"no database" * 1000)
    assert reading.upload() == (["a", "b", "c"], first)
    assert reading.upload()[1] == first


def test_small_files_are_read_rather_than_looked_up(reading: Reading) -> None:
    for name in "abc":
        (reading.data / name).write_text(name)
    reading.upload()
    assert reading.upload()[0] == ["a", "b", "c"]
    assert reading.rows() == 0
