"""A store in a process of its own: interrupted, killed, and held to its memory."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelbook.core.digests import digest_of
from tests.parts.fault_proxy import Hold
from tests.parts.stores import KEY, Faulty, FolderPlace, Place

WAIT = 30
MIB = 1024 * 1024
LARGE = 160 * MIB
SIZE = 24 * MIB + 5  # four parts of 8 MiB
rclone_only = pytest.mark.parametrize("faulty", ["rclone"], indirect=True)

# Says "caught" as soon as Ctrl-C arrives, and "clean" when the store has tidied up and let it through.
WRITER = """
import pathlib, signal, sys
from modelbook.adapters.open_store import open_store

def caught(*_):
    print("caught", flush=True)
    raise KeyboardInterrupt

def moved(count):
    if once:
        once.pop()
        print("moved", flush=True)
        if wait == "wait":
            sys.stdin.read()

uri, base, source, key, wait = sys.argv[1:]
once = [1]
signal.signal(signal.SIGINT, caught)
try:
    open_store(uri, base=pathlib.Path(base)).put_file(key, pathlib.Path(source), progress=moved)
except KeyboardInterrupt:
    print("clean", flush=True)
"""


@contextmanager
def writer(place: Place, folder: Path, wait: str) -> Iterator[subprocess.Popen[str]]:
    path = folder / "source.bin"
    with path.open("wb") as file:
        file.truncate(SIZE)
    base = place.folder.parent if isinstance(place, FolderPlace) else folder
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, place.store.uri, base, path, KEY, wait],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_ctrl_c_leaves_a_folder_clean(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    with writer(place, tmp_path, "wait") as process:
        assert says(process) == "moved"
        assert len(place.unfinished()) == 1
        process.send_signal(signal.SIGINT)
        assert says(process) == "caught"
        assert says(process) == "clean"
    assert place.present() == {}
    assert place.unfinished() == []


@rclone_only
def test_ctrl_c_aborts_an_upload(faulty: Faulty, tmp_path: Path) -> None:
    place, proxy = faulty
    hold = Hold()
    proxy.inject(hold, method="PUT", path="partNumber=2")
    with writer(place, tmp_path, "go on") as process:
        assert hold.reached.wait(WAIT)
        assert says(process) == "moved"
        process.send_signal(signal.SIGINT)
        assert says(process) == "caught"
        hold.release.set()
        assert says(process) == "clean"
    assert place.present() == {}
    assert place.unfinished() == []


def complete_after_a_kill(place: Place, folder: Path) -> None:
    assert place.present() == {} or isinstance(place, FolderPlace)
    assert list(place.store.list()) == []
    assert place.store.stat(KEY) is None
    assert len(place.unfinished()) == 1
    assert place.store.put_file(KEY, folder / "source.bin") == (digest_of(bytes(SIZE)), SIZE)
    # An upload in parts was taken up; what lies in a folder's temporary file has no name by which to find it again.
    left = 1 if isinstance(place, FolderPlace) else 0
    assert place.store.discard_unfinished(datetime.now(UTC) + timedelta(hours=1)) == left
    assert place.unfinished() == []
    assert [each.key for each in place.store.list()] == [KEY]


def test_a_killed_writer_to_a_folder_leaves_nothing_visible(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    with writer(place, tmp_path, "wait") as process:
        assert says(process) == "moved"
        process.kill()
    complete_after_a_kill(place, tmp_path)


@rclone_only
def test_a_killed_writer_to_a_bucket_leaves_nothing_visible(faulty: Faulty, tmp_path: Path) -> None:
    place, proxy = faulty
    hold = Hold()
    proxy.inject(hold, method="PUT", path="partNumber=2")
    with writer(place, tmp_path, "go on") as process:
        assert hold.reached.wait(WAIT)
        assert says(process) == "moved"
        process.kill()
    hold.release.set()
    place.store = place.new_store(part_size=8 * MIB)
    before = len(proxy.requests("PUT", "partNumber="))
    complete_after_a_kill(place, tmp_path)
    sent = [one.path.partition("partNumber=")[2][0] for one in proxy.requests("PUT", "partNumber=")[before:]]
    assert set(sent) < set("1234")  # at least one was there when the writer said that something moved
    assert len(proxy.requests("POST", "?uploads")) == 1


MEMORY = """
import pathlib, sys
from modelbook.adapters.open_store import open_store

def most():
    # Not getrusage: after a fork its maximum is the parent's.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))

uri, base, source = sys.argv[1:]
store = open_store(uri, base=pathlib.Path(base))
store.stat("warm/up")
before = most()
stored = store.put_file("runs/r1/artifacts/w", pathlib.Path(source))
store.fetch("runs/r1/artifacts/w", pathlib.Path(base) / "back", digest=stored.digest, size=stored.size)
print(before, most())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="platform: memory is read from /proc")
@pytest.mark.parametrize("place", ["folder", "rclone"], indirect=True)
def test_a_large_file_goes_through_little_memory(place: Place, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGE)
    command = [sys.executable, "-c", MEMORY, place.store.uri, str(tmp_path), str(tmp_path / "large")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    before, most = map(int, ran.stdout.split())
    assert most - before < 120
    assert (tmp_path / "back").stat().st_size == LARGE
