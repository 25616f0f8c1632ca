"""What retention takes at a million objects, and what it saves at a hundred million.

The million is an S3 Inventory of Parquet files, judged by `modelbook prune plan` as one process against a local
`rclone serve s3`, which answers for the clock and the logs. The hundred million are simulated, a run at a time.
"""

import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy

from bench.measure import Figure, run
from bench.registry import MODELBOOK
from modelbook.core.keep import Keep, Kind
from modelbook.core.pruning.prune_plan import GIGABYTE, Planner
from modelbook.core.pruning.reachability import Named, Reach
from modelbook.core.pruning.retention import judge
from tests.made import POLICY, Made
from tests.made_fields import STORE, card_fields
from tests.parts.desks import write
from tests.parts.s3 import RcloneS3

GOAL = 500  # MiB
RUNS, OF_RUN, BLOBS, VERSIONS = 5000, 180, 100_000, 500
MOST_SECONDS = 30.0  # of sweeping objects that are made up as they are asked for
DAYS = 30.4
MONTHS, RUNS_A_MONTH, OBJECTS_A_RUN = 36, 27_778, 100  # 100 million objects in three years


def measure() -> Iterator[Figure]:
    """Time and memory at a million; objects a second; the curve of costs at a hundred million."""
    with RcloneS3() as server, tempfile.TemporaryDirectory(prefix="modelbook-bench-") as scratch:
        folder = Path(scratch)
        (server.folder / "acme-models").mkdir()
        env = {**os.environ, **server.environment(), "HOME": scratch, "GIT_CONFIG_NOSYSTEM": "1"}
        _registry(folder / "work")
        manifest = _inventory(folder / "inventory")
        command = [*MODELBOOK, "prune", "plan", "--inventory", str(manifest), "-o", "../plan.json"]
        cost = run(command, cwd=folder / "work", env=env)
        plan = json.loads((folder / "plan.json").read_bytes())
        how = f"{plan['total_objects']:,} objects of {RUNS:,} runs in an S3 Inventory, {VERSIONS} versions; one process"
        yield Figure("modelbook prune plan, memory", cost.peak, "MiB", how, GOAL)
        yield Figure("modelbook prune plan, time", cost.seconds, "s", how)
    yield _rate()
    yield from _costs()


def _registry(root: Path) -> None:
    made = Made(policy=POLICY + "keep: {share: 1.0}\n").dataset()
    del made.files["datasets/digits/versions/1/card.yaml"], made.files["datasets/digits/versions/1/dataset.sig"]
    full = Made().dataset()
    for number in range(1, VERSIONS + 1):
        fields = card_fields("digits", number)["run"] | {"id": f"run-{number:06d}"}
        full.version("digits", number, None, run=fields)
    made.files |= {path: data for path, data in full.files.items() if path.startswith("models/")}
    root.mkdir()
    write(root, made)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "bench"]):
        subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def _inventory(folder: Path) -> Path:
    import duckdb

    (folder / "data").mkdir(parents=True)
    bucket, _, prefix = STORE.removeprefix("s3://").partition("/")
    part = folder / "data" / "0.parquet"
    with duckdb.connect() as database:
        database.execute(
            f"""COPY (
              SELECT '{bucket}' AS bucket, printf('{prefix}/runs/run-%06d/artifacts/%04d.bin', r, o) AS key,
                     1000000::BIGINT AS size, TIMESTAMPTZ '2025-01-01' + INTERVAL (r) MINUTE AS last_modified_date
              FROM range(1, {RUNS + 1}) runs(r), range({OF_RUN}) objects(o)
              UNION ALL
              SELECT '{bucket}', '{prefix}/datasets/blobs/sha256/' || d[1:2] || '/' || d, 1000, TIMESTAMPTZ '2025-01-01'
              FROM (SELECT sha256(b::VARCHAR) AS d FROM range({BLOBS}) blobs(b))
            ) TO '{part}' (FORMAT parquet)"""  # noqa: S608 - our own words
        )
    digest = hashlib.md5(part.read_bytes(), usedforsecurity=False).hexdigest()
    told = {
        "sourceBucket": bucket,
        "fileFormat": "Parquet",
        "files": [{"key": "data/0.parquet", "MD5checksum": digest}],
    }
    (folder / "manifest.json").write_text(json.dumps(told))
    return folder / "manifest.json"


class _Listed(NamedTuple):
    key: str
    size: int
    modified: datetime


def _rate() -> Figure:
    now = datetime.now(UTC)
    reach = Reach(runs={f"run-{number:07d}": Named(f"m@{number}", "on main") for number in range(0, 10**6, 10)})
    deadline = time.perf_counter() + MOST_SECONDS
    count = 0

    def listing() -> Iterator[_Listed]:
        nonlocal count
        then = now - timedelta(days=400)
        for number in range(10**6):
            if time.perf_counter() > deadline:
                return
            for at in range(OBJECTS_A_RUN):
                count += 1
                yield _Listed(f"runs/run-{number:07d}/artifacts/{at:03d}.bin", 10**6, then)

    started = time.perf_counter()
    planner = Planner(Keep(share=1.0))
    for verdict in judge(listing(), reach, planner.keep, now, lambda _run: None):
        planner.add(verdict)
    rate = count / (time.perf_counter() - started)
    how = f"alone, {count:,} objects made up as they are asked for; 100 million take {1e8 / rate / 60:.0f} min"
    return Figure("mark and sweep", rate, "objects/s", how)


def _costs() -> Iterator[Figure]:
    """Three years of a company: 30 % of its runs are tagged or become versions, and each leaves 2 GB."""
    keep, random = Keep(), numpy.random.default_rng(1)
    share: dict[Kind, float] = {"runs": 0.25, "best_checkpoints": 0.75}  # with its optimizer, a checkpoint is larger
    month = numpy.repeat(numpy.arange(MONTHS), RUNS_A_MONTH)
    size = random.lognormal(0, 1, len(month)) * 2e9 / numpy.exp(0.5)
    stays = random.random(len(month)) < 0.3
    day = random.random(len(month)) * DAYS
    for end in (6, 12, 24, 36):
        there = month < end
        age = (end - month) * DAYS - day
        without = size[there].sum() / GIGABYTE * keep.price
        left = 0.0
        for kind, part in share.items():
            rule = keep.rule(kind)
            days = rule.days if rule else 0
            kept = there & ((age <= days) | stays)
            left += size[kept].sum() * part
        objects = int(there.sum()) * OBJECTS_A_RUN
        how = f"simulated, {objects:,} objects, {size[there].sum() / 1e15:.3g} PB; without it {without:,.0f} a month"
        yield Figure(f"storage after {end} months", left / GIGABYTE * keep.price, "USD a month", how)
