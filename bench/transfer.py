"""How fast files go to a bucket and come back verified, beside what a team would use instead, in one run.

Against a sink that answers at once, where the client is measured alone, and against `rclone serve s3`. Every figure is
of a whole process from its start to its end. All programs take turns, so that whatever else the machine does meets all
of them, and what counts is the ratio of two that ran one after the other.

For a short look, the environment leaves out the rest: BENCH_CASES="4 GiB", BENCH_SERVERS=sink, BENCH_WAYS=push,
BENCH_PROGRAMS="s5cmd;obstore" (ours is always one of them), BENCH_ROUNDS=1; BENCH_SHRINK=64 tries whether it all works.
"""

import hashlib
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.measure import Cost, Figure, run
from bench.rival_transfers import Rival, rivals
from bench.rival_transfers import versions as versions  # kept with the figures
from bench.sink import Sink, names
from tests.parts.s3 import RcloneS3

MIB = 1024 * 1024
_ONLY = {name: os.environ.get(f"BENCH_{name}", "").split(";") for name in ("CASES", "SERVERS", "WAYS", "PROGRAMS")}
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SHRINK = int(os.environ.get("BENCH_SHRINK", "1"))  # 64, say, to see that it all works: its figures say nothing
MOST_MEMORY = 400  # MiB
# How many times as fast as which it is to be, hashing included, where the client is measured alone.
GOALS = {
    "push": {"aws s3 cp": 2.0, "s5cmd": 1.5, "obstore": 0.9, "MLflow": 2.0, "dvc add + push": 6.0},
    "pull": {"aws s3 cp": 2.3, "s5cmd": 1.0},
}


# The sink forgets what DVC pushed; obstore refuses rclone's answer to a range, which has the status 200.
_CANNOT = {("sink", "dvc add + push"), ("rclone serve s3", "obstore")}


@dataclass(frozen=True)
class Case:
    """What is moved: so many files of so many bytes."""

    name: str
    count: int
    size: int

    @property
    def total(self) -> int:
        """Bytes."""
        return self.count * self.size


CASES = (
    Case("4 GiB", 1, 4096 * MIB // SHRINK),
    Case("64 x 32 MiB", 64, 32 * MIB // SHRINK),
    Case("10,000 x 20 kB", 10_000 // SHRINK, 20_000),
)


@dataclass
class Series:
    """What each program took, round by round."""

    costs: dict[str, list[Cost]] = field(default_factory=dict)

    def add(self, name: str, cost: Cost) -> None:
        """One more round of a program."""
        self.costs.setdefault(name, []).append(cost)

    def figures(self, server: str, case: Case, way: str) -> Iterator[Figure]:
        """Rates, ratios round by round, and the memory that was needed."""
        for name, costs in self.costs.items():
            rate = statistics.median(case.total / cost.seconds / 1e6 for cost in costs)
            processor = statistics.median(cost.processor for cost in costs)
            how = f"{server}; median of {len(costs)} whole processes; {processor:.1f} s of processor time"
            yield Figure(f"{way} {case.name}, {name}", rate, "MB/s", how)
        ours = self.costs["modelbook"]
        for name, costs in self.costs.items():
            if name != "modelbook":
                ratio = statistics.median(
                    theirs.seconds / mine.seconds for mine, theirs in zip(ours, costs, strict=True)
                )
                goal = GOALS[way].get(name) if server == "sink" and case.count == 1 else None
                how = f"{server}; median of {len(costs)} rounds"
                yield Figure(f"{way} {case.name}, modelbook beside {name}", ratio, "times", how, at_least=goal)
        yield Figure(
            f"{way} {case.name}, modelbook's memory", max(cost.peak for cost in ours), "MiB", server, MOST_MEMORY
        )


def measure() -> Iterator[Figure]:
    """The limit that hashing sets, then every case on both servers."""
    yield Figure("sha256 on one core", _hashing(), "MB/s", "hashlib, 1 GiB in pieces of 8 MiB")
    with tempfile.TemporaryDirectory(prefix="modelbook-bench-") as scratch:
        yield Figure("the disk", _writing(Path(scratch) / "file"), "MB/s", "dd's way: 2 GiB written, then fsync")
        for case in CASES:
            if not _wanted("CASES", case.name):
                continue
            source = _made(case, Path(scratch) / "source")
            if _wanted("SERVERS", "sink"):
                with Sink() as sink:
                    yield from _measured("sink", case, source, sink.environment(), Path(scratch))
            if _wanted("SERVERS", "rclone serve s3"):
                with RcloneS3() as server:
                    (server.folder / "bench").mkdir()
                    yield from _measured("rclone serve s3", case, source, server.environment(), Path(scratch))
            shutil.rmtree(Path(scratch) / "source")


def _measured(server: str, case: Case, source: Path, more: Mapping[str, str], scratch: Path) -> Iterator[Figure]:
    work = scratch / "work"
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(work / "home"),  # DVC believes that the next server has what the last one got
        "TMPDIR": str(scratch),
        "MODELBOOK_CACHE_SIZE": "0",
        "S3_ENDPOINT_URL": more["AWS_ENDPOINT_URL_S3"],
        "MLFLOW_S3_ENDPOINT_URL": more["AWS_ENDPOINT_URL_S3"],
        "AWS_ENDPOINT_URL": more["AWS_ENDPOINT_URL_S3"],
        "AWS_DEFAULT_REGION": "us-east-1",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(work / "site"),
        **{name: value for name, value in more.items() if value != os.devnull},  # DVC does not take that for a file
    }
    found = rivals(case.count > 1, case.count > 1000)
    all_of_them = [one for one in found if one.name == "modelbook" or _wanted("PROGRAMS", one.name)]
    push, pull = Series(), Series()
    rounds = ROUNDS if server == "sink" and case.count == 1 else 1  # where there are goals
    for number in range(rounds):
        for rival in all_of_them[number % 2 :] + all_of_them[: number % 2]:
            _begin(work, source)
            pulls = rival.pull and _wanted("WAYS", "pull") and (server, rival.name) not in _CANNOT
            if _wanted("WAYS", "push") or (pulls and server != "sink"):  # the sink has all that is asked of it
                push.add(rival.name, run(_filled(rival.push, {"source": str(source)}), cwd=work, env=env))
            if rival.pull and pulls:
                values = _objects(server, case, source, rival, scratch) | {"target": str(work / "target")}
                (work / "data").unlink() if (work / "data").is_file() else shutil.rmtree(work / "data")
                pull.add(rival.name, run(_filled(rival.pull, values), cwd=work, env=env))
            shutil.rmtree(work)
    for way, series in (("push", push), ("pull", pull)):
        if series.costs:
            yield from series.figures(server, case, way)


def _wanted(what: str, name: str) -> bool:
    return _ONLY[what] == [""] or name in _ONLY[what]


def _filled(command: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
    found = []
    for word in command:
        for name, value in values.items():
            word = word.replace(f"{{{name}}}", value)
        found.append(word)
    return found


def _objects(server: str, case: Case, source: Path, rival: Rival, scratch: Path) -> dict[str, str]:
    """What is pulled: a list of (key, path, digest, size) in a file, and the keys' common beginning."""
    if server == "sink":
        zeros = _digest_of_zeros(case.size)
        above = f"many-{case.count}x{case.size}"
        objects = [(f"{above}/{name}", name, zeros, case.size) for name in names(case.count, case.size)]
        keys = f"{above}/" if case.count > 1 else objects[0][0]
    else:
        above = {"s5cmd": "s5", "aws s3 cp": "aws", "obstore": "o"}.get(rival.name, "runs/r1")
        paths = [source] if source.is_file() else sorted(source.iterdir())
        objects = [(f"{above}/{path.name}", path.name, _digest(path), case.size) for path in paths]
        if case.count > 1000 and above == "runs/r1":  # as a dataset, whose files have their digests for names
            blobs = [(one[2].removeprefix("sha256:"), one) for one in objects]
            objects = [(f"datasets/blobs/sha256/{name[:2]}/{name}", *one[1:]) for name, one in blobs]
        keys = f"{above}/" if case.count > 1 else objects[0][0]
    listed = scratch / "list.json"
    listed.write_text(json.dumps(objects))
    return {"list": str(listed), "keys": keys}


def _begin(work: Path, source: Path) -> None:
    """An empty folder to work in, with the source in it under a second name, for DVC; and the source in the cache."""
    work.mkdir()
    if source.is_file():
        (work / "data").hardlink_to(source)
    else:
        shutil.copytree(source, work / "data", copy_function=os.link)
    for path in [source] if source.is_file() else source.iterdir():
        with path.open("rb") as file:
            while file.read(8 * MIB):
                pass


def _made(case: Case, place: Path) -> Path:
    place.mkdir()
    if case.count == 1:
        _write(place / "weights", case.size)
        return place / "weights"
    for number in range(case.count):
        _write(place / f"f{number:06d}", case.size)
    return place


def _write(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for at in range(0, size, 8 * MIB):
            file.write(os.urandom(min(8 * MIB, size - at)))


_digests: dict[tuple[str, int], str] = {}


def _digest(path: Path) -> str:
    key = (str(path), path.stat().st_mtime_ns)
    if key not in _digests:
        with path.open("rb") as file:
            _digests[key] = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key]


def _digest_of_zeros(size: int) -> str:
    seen, piece = hashlib.sha256(), bytes(8 * MIB)
    for at in range(0, size, len(piece)):
        seen.update(piece[: min(len(piece), size - at)])
    return "sha256:" + seen.hexdigest()


def _writing(path: Path) -> float:
    """What a pull that waits for the disk cannot exceed, however fast it is."""
    piece = os.urandom(8 * MIB)
    started = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in range(256 // SHRINK):
            file.write(piece)
        os.fsync(file.fileno())
    seconds = time.perf_counter() - started
    path.unlink()
    return 256 // SHRINK * len(piece) / seconds / 1e6


def _hashing() -> float:
    piece = bytes(8 * MIB)
    rates = []
    for _ in range(3):
        started = time.thread_time()  # of this thread alone: others may have the core meanwhile
        seen = hashlib.sha256()
        for _ in range(128):
            seen.update(piece)
        rates.append(128 * len(piece) / (time.thread_time() - started) / 1e6)
    return max(rates)
