"""What was pulled before is not fetched again, and is never believed unseen."""

import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelbook.adapters.blob_cache import WORTH, BlobCache, open_cache, size_of
from modelbook.core.digests import digest_of
from modelbook.errors import BadInput
from tests.parts.command_line import run_modelbook
from tests.parts.fault_proxy import FaultProxy
from tests.parts.stores import BucketPlace, Faulty

servers = pytest.mark.parametrize("faulty", ["rclone"], indirect=True)


def body(number: int) -> bytes:
    """Just large enough for the cache."""
    return bytes([number]) * WORTH


class Desk:
    """A bucket, and a cache for at most three files of its size."""

    def __init__(self, faulty: Faulty, folder: Path) -> None:
        self.place: BucketPlace = faulty[0]
        self.proxy: FaultProxy = faulty[1]
        self.folder = folder
        self.cache = BlobCache(folder / "cache", 3 * WORTH + 5)

    def pull(self, number: int, name: str = "file") -> Path:
        """Fetch the file of this number by way of the cache."""
        data, target, moved = body(number), self.folder / "pulled" / name, list[int]()
        self.cache.fetch(
            self.place.store, f"runs/{number}", target, digest=digest_of(data), size=len(data), progress=moved.append
        )
        assert target.read_bytes() == data
        assert sum(moved) == len(data)
        return target

    def fetched(self) -> int:
        """How often an object was asked of the bucket."""
        return len(self.proxy.requests("GET", "/runs/"))


@pytest.fixture
def desk(faulty: Faulty, tmp_path: Path) -> Desk:
    made = Desk(faulty, tmp_path)
    for number in range(5):
        made.place.plant(f"runs/{number}", body(number))
    return made


@servers
def test_what_is_here_already_is_not_fetched_again(desk: Desk) -> None:
    first = desk.pull(1)
    second = desk.pull(1, "again")
    desk.pull(1, "again")  # over another name of the same file
    assert desk.fetched() == 1
    assert {path.name for path in first.parent.iterdir()} == {"file", "again"}
    shared = first.stat().st_ino == second.stat().st_ino
    assert not shared or second.stat().st_mode & 0o777 == 0o444


@servers
@pytest.mark.parametrize("how", ["other bytes", "shorter", "gone to a link", "a folder"])
def test_a_spoilt_entry_is_noticed_and_fetched_anew(desk: Desk, how: str) -> None:
    pulled = desk.pull(1)
    (entry,) = desk.cache.entries()
    if how == "other bytes":  # as whoever edits a pulled file in place does, in spite of its mode
        pulled.chmod(0o644)
        with (pulled if pulled.stat().st_ino == entry.path.stat().st_ino else entry.path).open("r+b") as file:
            file.write(b"edited")
    elif how == "shorter":
        entry.path.chmod(0o644)
        os.truncate(entry.path, 5)
    else:
        entry.path.unlink()
        if how == "a folder":
            entry.path.mkdir()
        else:
            entry.path.symlink_to("/dev/zero")
    desk.pull(1, "again")
    assert desk.fetched() == 2
    if how != "a folder":
        desk.pull(1, "once more")
        assert desk.fetched() == 2


@servers
def test_what_was_used_longest_ago_makes_room(desk: Desk) -> None:
    for number in (0, 1, 2):
        desk.pull(number)
    for age, entry in enumerate(sorted(desk.cache.entries(), key=lambda one: one.digest != digest_of(body(0)))):
        day = datetime(2026, 1, 9 - age, tzinfo=UTC).timestamp()
        os.utime(entry.path, (day, day))  # the file 0 was used last
    desk.pull(3)
    kept = {one.digest for one in desk.cache.entries()}
    assert len(kept) == 3
    assert {digest_of(body(0)), digest_of(body(3))} < kept
    (desk.folder / "cache/sha256/ab").mkdir(exist_ok=True)
    left = desk.folder / "cache/sha256/ab" / f".modelbook-{'0' * 32}.part"
    left.write_bytes(b"of a process that was killed")
    desk.pull(4)
    assert not left.exists()


@servers
def test_two_at_once_get_the_same(desk: Desk) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: desk.pull(each % 4, f"file-{each}"), range(24)))
    assert sum(one.size for one in desk.cache.entries()) <= desk.cache.most
    assert all(desk.cache.is_good(one) for one in desk.cache.entries())


@servers
def test_without_a_place_for_it_a_pull_is_only_slower(desk: Desk) -> None:
    (desk.folder / "cache").write_text("no folder")
    desk.pull(1)
    desk.pull(1)
    desk.cache = BlobCache(desk.folder / "none", 0)
    desk.pull(1)
    assert desk.fetched() == 3
    assert not (desk.folder / "none").exists()


@servers
def test_another_disk_gets_a_copy(desk: Desk) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == desk.folder.stat().st_dev:
        pytest.skip("platform: there is one file system alone")
    with tempfile.TemporaryDirectory(dir=memory) as other:
        desk.cache = BlobCache(Path(other), desk.cache.most)
        desk.pull(1).chmod(0o644)
        desk.pull(1, "again")
        assert desk.fetched() == 1


def test_sizes_are_powers_of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [size_of(each, "x") for each in ("0", "1kB", "500 MB", "2TB")] == [0, 1000, 5 * 10**8, 2 * 10**12]
    monkeypatch.setenv("MODELBOOK_CACHE_SIZE", "50 gibibytes")
    with pytest.raises(BadInput, match="not a size") as refused:
        open_cache()
    assert refused.value.where == "MODELBOOK_CACHE_SIZE"


@servers
def test_a_person_looks_at_it_and_clears_it(desk: Desk) -> None:
    env = {"PATH": os.environ["PATH"], "MODELBOOK_CACHE": str(desk.cache.folder), "MODELBOOK_CACHE_SIZE": "5MB"}

    def said(*args: str) -> dict[str, object]:
        done = run_modelbook(["cache", *args, "--json"], cwd=desk.folder, env=env)
        return {"code": done.code, "said": json.loads(done.out) if done.code < 2 else done.err}

    for number in (0, 1, 2):
        desk.pull(number)
    old = desk.cache.entries()[0]
    before = (datetime.now(UTC) - timedelta(days=40)).timestamp()
    os.utime(old.path, (before, before))
    assert said("show")["said"] == {
        "folder": str(desk.cache.folder),
        "files": 3,
        "bytes": 3 * WORTH,
        "most": 5_000_000,
    }
    assert said("clear", "--older-than", "30d")["said"] == {"files": [old.digest], "bytes": WORTH}
    spoilt = desk.cache.entries()[0]
    spoilt.path.chmod(0o644)
    spoilt.path.write_bytes(b"!" * WORTH)
    assert said("verify") == {"code": 1, "said": {"files": [spoilt.digest], "bytes": WORTH}}
    assert said("verify") == {"code": 0, "said": {"files": [], "bytes": 0}}
    assert said("clear", "--down-to", "2MB")["said"] == {"files": [], "bytes": 0}
    (last,) = desk.cache.entries()
    assert said("clear")["said"] == {"files": [last.digest], "bytes": WORTH}
    assert desk.cache.entries() == []
    assert said("clear", "--down-to", "much")["code"] == 2
    assert said("clear", "--older-than", "soon")["code"] == 2
