"""What a folder can do to a store: links, other writers, a full disk, missing rights, no hard links."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelbook.adapters.directory_store import TEMPORARY, DirectoryStore
from modelbook.core.digests import digest_of
from modelbook.errors import ObjectExists, ObjectMissing, StoreError
from tests.parts.stores import BODY, KEY, FolderPlace, source

SOON = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def place(tmp_path: Path) -> FolderPlace:
    return FolderPlace(tmp_path)


def test_an_object_is_a_read_only_file_that_is_not_written_again(place: FolderPlace) -> None:
    place.store.put_bytes(KEY, BODY)
    first = (place.folder / KEY).stat()
    assert first.st_mode & 0o777 == 0o444
    place.store.put_bytes(KEY, BODY)
    again = (place.folder / KEY).stat()
    assert (again.st_ino, again.st_mtime_ns, again.st_nlink) == (first.st_ino, first.st_mtime_ns, 1)


def test_a_store_that_nobody_wrote_to_is_named(place: FolderPlace) -> None:
    with pytest.raises(ObjectMissing, match=f"{place.folder} does not exist"):
        place.store.read_bytes(KEY, limit=1)


def test_emptied_folders_go_and_others_stay(place: FolderPlace) -> None:
    for key in ("runs/a/b/c", "runs/a/d", "runs/e"):
        place.store.put_bytes(key, b"x")
    place.store.delete(["runs/a/b/c"])
    assert not (place.folder / "runs/a/b").exists()
    place.store.delete(["runs/a/d", "runs/e"])
    assert [path.name for path in place.folder.iterdir()] == [TEMPORARY]


class TestLinks:
    @pytest.mark.parametrize("link", ["runs", "runs/r1", KEY])
    def test_no_link_leads_anywhere(self, place: FolderPlace, tmp_path: Path, link: str) -> None:
        outside = tmp_path / "outside"
        (outside / KEY).parent.mkdir(parents=True)
        (outside / KEY).write_bytes(BODY)
        (place.folder / link).parent.mkdir(parents=True)
        (place.folder / link).symlink_to(outside / link)
        path = source(tmp_path, BODY)
        for use in (
            lambda: place.store.stat(KEY),
            lambda: place.store.read_bytes(KEY, limit=10_000),
            lambda: place.store.fetch(KEY, tmp_path / "m", digest=digest_of(BODY), size=len(BODY)),
            lambda: place.store.put_file(KEY, path),
        ):
            with pytest.raises(StoreError, match="is a symbolic link") as refused:
                use()
            assert refused.value.where == str(place.folder / link)
        assert list(place.store.list()) == []
        assert list(place.store.list("runs/r1/")) == []
        assert (outside / KEY).read_bytes() == BODY
        assert not (tmp_path / "m").exists()

    def test_temporary_files_are_not_written_through_a_link(self, place: FolderPlace, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        place.folder.mkdir()
        (place.folder / TEMPORARY).symlink_to(tmp_path / "outside")
        with pytest.raises(StoreError, match="is a symbolic link"):
            place.store.put_bytes(KEY, BODY)
        assert list((tmp_path / "outside").iterdir()) == []

    def test_the_root_itself_may_be_one(self, tmp_path: Path) -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "store").symlink_to(tmp_path / "disk")
        DirectoryStore(tmp_path / "store", "file:store").put_bytes(KEY, BODY)
        assert (tmp_path / "disk" / KEY).read_bytes() == BODY


class TestOtherWriters:
    @pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
    def test_of_many_writers_of_one_key_exactly_one_wins(
        self, place: FolderPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
    ) -> None:
        if not links:
            monkeypatch.setattr(os, "link", refuse_links)
        bodies = [bytes([number]) * 5000 for number in range(8)]
        ready = threading.Barrier(len(bodies))

        def write(body: bytes) -> str:
            ready.wait(10)
            try:
                place.store.put_bytes(KEY, body)
            except ObjectExists:
                return "refused"
            return "won"

        for _ in range(5):
            with ThreadPoolExecutor(len(bodies)) as pool:
                results = list(pool.map(write, bodies))
            assert sorted(results) == ["refused"] * 7 + ["won"]
            assert place.store.read_bytes(KEY, limit=5000) == bodies[results.index("won")]
            assert place.unfinished() == []
            place.store.delete([KEY])

    def test_a_folder_that_is_deleted_while_it_is_written_to(self, place: FolderPlace) -> None:
        def come_and_go(name: str) -> None:
            for _ in range(100):
                place.store.put_bytes(f"runs/r1/log/{name}", b"x")
                place.store.delete([f"runs/r1/log/{name}"])

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(come_and_go, "abc"))
        assert place.present() == {}

    def test_a_file_system_without_hard_links(
        self, place: FolderPlace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(os, "link", refuse_links)
        place.store.put_bytes(KEY, BODY)
        place.store.put_bytes(KEY, BODY)
        with pytest.raises(ObjectExists):
            place.store.put_bytes(KEY, BODY + b"!")
        place.store.fetch(KEY, tmp_path / "m", digest=digest_of(BODY), size=len(BODY))
        assert [each.key for each in place.store.list()] == [KEY]
        assert place.unfinished() == []

    def test_an_object_cannot_lie_below_another(self, place: FolderPlace) -> None:
        place.store.put_bytes("a", b"x")
        with pytest.raises(StoreError, match="Not a directory") as refused:
            place.store.put_bytes("a/b", b"x")
        assert "A file stands where a folder is needed" in str(refused.value)
        assert place.present() == {"a": b"x"}

    def test_old_temporary_files_are_discarded(self, place: FolderPlace) -> None:
        place.store.put_bytes(KEY, BODY)
        left = place.folder / TEMPORARY / "0123.part"
        left.write_bytes(b"half")
        assert place.store.discard_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0
        assert place.store.discard_unfinished(SOON) == 1
        assert not left.exists()
        assert place.present() == {KEY: BODY}

    def test_discarding_where_nothing_was_ever_written(self, place: FolderPlace) -> None:
        assert place.store.discard_unfinished(SOON) == 0


class TestRefusals:
    def test_a_folder_that_may_not_be_written(self, world: Path) -> None:
        store = DirectoryStore(world / "store", "file:store")
        store.put_bytes("runs/r1/a", b"x")
        for folder in (world / "store/runs", world / "store", world / "store/runs/r1"):
            folder.chmod(0o555)
        with as_nobody():
            with pytest.raises(StoreError, match="Permission denied") as refused:
                store.put_bytes("runs/r1/b", b"x")
            assert str(world / "store") in str(refused.value.where)
            assert "the right to read and write" in (refused.value.remedy or "")
            with pytest.raises(StoreError, match=r"1 object\(s\) could not be deleted: runs/r1/a"):
                store.delete(["runs/r1/a", "runs/never"])
            assert store.read_bytes("runs/r1/a", limit=1) == b"x"
            assert store.put_bytes("runs/r1/a", b"x").size == 1  # what is there already needs no right to write

    def test_a_target_that_may_not_be_written(self, world: Path, place: FolderPlace) -> None:
        store = DirectoryStore(world / "store", "file:store")
        store.put_bytes(KEY, BODY)
        (world / "target").mkdir(mode=0o555)
        with as_nobody(), pytest.raises(StoreError, match="cannot write: Permission denied") as refused:
            store.fetch(KEY, world / "target" / "m", digest=digest_of(BODY), size=len(BODY))
        assert refused.value.where == str(world / "target" / "m")

    def test_what_may_not_be_read_is_not_passed_over(self, world: Path) -> None:
        store = DirectoryStore(world / "store", "file:store")
        store.put_bytes("runs/r1/a", b"x")
        store.put_bytes("runs/r2/a", b"x")
        (world / "store/runs/r1").chmod(0o000)
        with as_nobody():
            with pytest.raises(StoreError, match="Permission denied"):
                list(store.list())
            with pytest.raises(StoreError, match="Permission denied"):
                store.stat("runs/r1/a")
        (world / "store/runs/r1").chmod(0o755)

    def test_a_target_that_is_a_folder(self, place: FolderPlace, tmp_path: Path) -> None:
        place.store.put_bytes(KEY, BODY)
        (tmp_path / "m").mkdir()
        with pytest.raises(StoreError, match="Is a directory"):
            place.store.fetch(KEY, tmp_path / "m", digest=digest_of(BODY), size=len(BODY))
        assert list(tmp_path.glob(".*")) == []

    @pytest.mark.parametrize("full", ["store", "target"])
    def test_a_full_disk(self, tmp_path: Path, full: str) -> None:
        code = (
            "import pathlib, sys, traceback\n"
            "from modelbook.adapters.directory_store import DirectoryStore\n"
            "from modelbook.core.digests import digest_of\n"
            "from modelbook.errors import StoreError\n"
            "here, full = map(pathlib.Path, sys.argv[1:])\n"
            "body = bytes(4_000_000)\n"
            "store = DirectoryStore(here / 'disk' if full.name == 'store' else here / 'store', 'file:store')\n"
            "try:\n"
            "    store.put_bytes('runs/a', body)\n"
            "    store.fetch('runs/a', here / 'disk' / 'in' / 'm', digest=digest_of(body), size=len(body))\n"
            "except StoreError as error:\n"
            "    print(error)\n"
            "print(sorted(str(each) for each in (here / 'disk').rglob('*') if each.is_file()))\n"
        )
        (tmp_path / "disk").mkdir()
        mount = f"mount -t tmpfs -o size=1m none {tmp_path}/disk"
        if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
            pytest.skip("platform: no small file system can be mounted here without more rights")
        ran = subprocess.run(
            ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$0" "$@"', sys.executable, "-c", code, tmp_path, full],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        told, remedy, left = ran.stdout.splitlines()
        assert "cannot write: No space left on device" in told
        assert str(tmp_path / "disk") in told
        assert "The disk is full" in remedy
        assert left == "[]"

    def test_a_file_larger_than_the_process_may_write(self, tmp_path: Path) -> None:
        code = (
            "import pathlib, resource, sys\n"
            "from modelbook.adapters.directory_store import DirectoryStore\n"
            "from modelbook.errors import StoreError\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
            "try:\n"
            "    DirectoryStore(pathlib.Path(sys.argv[1]), 'file:store').put_bytes('runs/a', bytes(200_000))\n"
            "except StoreError as error:\n"
            "    print(error)\n"
        )
        ran = subprocess.run(
            [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=60, check=True
        )
        assert ran.stdout.startswith(f"{tmp_path}/runs/a: cannot write: File too large")
        assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def refuse_links(*args: object, **more: object) -> None:
    """What link(2) says on FAT, exFAT and many network shares."""
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.fixture
def world() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own is its owner's alone."""
    folder = Path(tempfile.mkdtemp(prefix="modelbook-store-"))
    folder.chmod(0o755)
    yield folder
    for each in [folder, *folder.rglob("*")]:
        if each.is_dir():
            each.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without the rights of root, whom no mode stops. For other users nothing changes."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
