"""Pulling the files of a version: killed, begun twice, interrupted, out of room, and taken up again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelbook.adapters.ranges import RANGE
from modelbook.commands._fetching import fetch_all, whole_folder
from modelbook.core.digests import digest_of
from modelbook.errors import IntegrityError, Refused, StoreError
from tests.parts.fault_proxy import Hold, Refuse
from tests.parts.stores import BucketPlace, Faulty

servers = pytest.mark.parametrize("faulty", ["rclone"], indirect=True)
WAIT = 30
LARGE = bytes(range(251)) * (5 * RANGE // 2 // 251)  # two ranges and a half
FILES = {f"layers/{number}.bin": bytes([number]) * 1000 for number in range(12)} | {"weights": LARGE}

PULL = """
import json, pathlib, resource, sys
from modelbook.adapters.open_store import open_store
from modelbook.commands._fetching import fetch_all, whole_folder

uri, target, files, most = sys.argv[1:]
if int(most):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
try:
    with whole_folder(pathlib.Path(target)) as scratch:
        fetch_all(open_store(uri, base=pathlib.Path()), "pulling", json.loads(files), scratch)
except Exception as error:
    print(error)
except KeyboardInterrupt:
    print("interrupted")
"""


def listed() -> list[tuple[str, str, str, int]]:
    return [(f"runs/r1/{path}", path, digest_of(data), len(data)) for path, data in FILES.items()]


def pull(place: BucketPlace, target: Path) -> None:
    with whole_folder(target) as scratch:
        fetch_all(place.store, "pulling", listed(), scratch)


@contextmanager
def puller(place: BucketPlace, target: Path, most: int = 0) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PULL, place.store.uri, str(target), json.dumps(listed()), str(most)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def version(faulty: Faulty) -> Faulty:
    for path, data in FILES.items():
        faulty[0].plant(f"runs/r1/{path}", data)
    return faulty


def is_whole(target: Path) -> bool:
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    return found == FILES


@servers
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_what_had_arrived_is_not_fetched_again(version: Faulty, tmp_path: Path, end: signal.Signals) -> None:
    place, proxy = version
    hold = Hold()
    third = f"bytes={2 * RANGE}-"
    proxy.inject(hold, method="GET", path="weights", skip=2)  # the last of three, whichever range that is
    with puller(place, tmp_path / "model") as process:
        assert hold.reached.wait(WAIT)
        scratch = tmp_path / ".model.unfinished"
        while len(list(scratch.glob("layers/*.bin"))) < 12:  # the small files do not wait for the large one
            assert process.poll() is None
        process.send_signal(end)
        hold.release.set()
        process.wait()
    assert not (tmp_path / "model").exists()
    before = len(proxy.requests("GET", "runs/r1"))
    pull(place, tmp_path / "model")
    assert is_whole(tmp_path / "model")
    again = proxy.requests("GET", "runs/r1")[before:]
    assert all("weights" in one.path for one in again)
    assert len(again) <= 3
    assert any(one.headers["Range"].startswith(third) for one in again) or len(again) < 3
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@servers
def test_a_folder_is_on_the_disk_before_it_has_its_name(
    version: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = version
    target = tmp_path / "model"
    before: set[int] = set()
    after: set[int] = set()
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        (after if target.exists() else before).add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", noted)
    pull(place, target)
    assert {path.stat().st_ino for path in (target, *target.rglob("*"))} <= before
    assert tmp_path.stat().st_ino in after


@servers
def test_what_else_lies_in_an_unfinished_folder_goes(version: Faulty, tmp_path: Path) -> None:
    place, proxy = version
    scratch = tmp_path / ".model.unfinished"
    (scratch / "layers").mkdir(parents=True)
    (scratch / "layers" / "0.bin").write_bytes(FILES["layers/0.bin"])
    (scratch / "layers" / "1.bin").write_bytes(b"!" * 1000)  # another version's, of the same size
    (scratch / "other.bin").symlink_to("/etc/passwd")
    (scratch / f".modelbook-{'0' * 32}.part").write_bytes(b"of a file that is not wanted")
    pull(place, tmp_path / "model")
    assert is_whole(tmp_path / "model")
    assert len(proxy.requests("GET", "layers/")) == 11


@servers
def test_of_two_pulls_to_one_place_one_is_told_to_wait(version: Faulty, tmp_path: Path) -> None:
    place, proxy = version
    hold = Hold()
    proxy.inject(hold, method="GET", path="weights")
    with puller(place, tmp_path / "model") as process:
        assert hold.reached.wait(WAIT)
        with pytest.raises(Refused, match="another process is pulling"):
            pull(place, tmp_path / "model")
        pull(place, tmp_path / "elsewhere")
        hold.release.set()
        assert process.wait(WAIT) == 0
    assert is_whole(tmp_path / "model")
    assert is_whole(tmp_path / "elsewhere")


@servers
def test_an_object_that_is_replaced_during_the_pull_ends_it(version: Faulty, tmp_path: Path) -> None:
    place, proxy = version
    hold = Hold()
    proxy.inject(hold, method="GET", path="weights")
    with puller(place, tmp_path / "model") as process:
        assert hold.reached.wait(WAIT)
        place.plant("runs/r1/weights", LARGE[::-1])
        hold.release.set()
        assert process.stdout is not None
        assert "the object became another one" in process.stdout.read()
    assert list(tmp_path.iterdir()) == []


@servers
def test_a_store_that_fails_leaves_what_arrived(version: Faulty, tmp_path: Path) -> None:
    place, proxy = version
    proxy.inject(Refuse(403, "AccessDenied"), method="GET", path="layers/11.bin")
    with pytest.raises(StoreError, match="AccessDenied"):
        pull(place, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == [".model.unfinished"]
    pull(place, tmp_path / "model")
    assert is_whole(tmp_path / "model")


@servers
def test_a_disk_that_is_full_is_left_as_it_was(version: Faulty, tmp_path: Path) -> None:
    place, _ = version
    with puller(place, tmp_path / "model", most=RANGE + 1000) as process:
        assert process.stdout is not None
        said = process.stdout.read()
    assert "cannot write: File too large" in said
    assert list(tmp_path.iterdir()) == []


@servers
def test_damage_leaves_nothing(version: Faulty, tmp_path: Path) -> None:
    place, _ = version
    place.plant("runs/r1/layers/3.bin", b"?" * 1000)
    with pytest.raises(IntegrityError):
        pull(place, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
