"""How long it takes to verify one version of a registry of 10,000, and all of them. No verdict is ever kept."""

import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.many_versions import generate
from bench.measure import Figure, median, run
from bench.registry import MODELBOOK

VERSIONS = 10_000
TIMES = 5


def measure() -> Iterator[Figure]:
    """Whole processes, with git's files in the system's cache (warm) and not (cold); once more in one process."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MODELBOOK_")}
    with tempfile.TemporaryDirectory(prefix="modelbook-bench-") as folder:
        root = Path(folder) / "registry"
        generate(root, VERSIONS)
        one = [*MODELBOOK, "verify", "model-0100@25"]
        how = f"median of {TIMES} whole processes, in a registry of {VERSIONS:,} versions"
        yield Figure("verify MODEL@N, warm", median(one, TIMES, cwd=root, env=env), "s", how, 0.25)
        cold = []
        for _ in range(TIMES):
            _forget(root)
            cold.append(run(one, cwd=root, env=env).seconds)
        yield Figure("verify MODEL@N, cold", statistics.median(cold), "s", how, 0.25)
        stage = [*MODELBOOK, "verify", "model-0100@production"]
        yield Figure("verify MODEL@STAGE, with its history", median(stage, TIMES, cwd=root, env=env), "s", how)
        everything = [*MODELBOOK, "verify", "--all"]
        _forget(root)
        for name, more in {"cold": [], "warm": [], "warm, one process": ["--jobs", "1"]}.items():
            cost = run([*everything, *more], cwd=root, env=env)
            rate = f"{VERSIONS / cost.seconds:,.0f} versions a second, {cost.peak:.0f} MiB in the first process"
            processor = f"{cost.processor:.1f} s of processor time"
            goal = 10.0 if name == "warm" else None
            yield Figure(
                f"verify --all, {name}", cost.seconds, "s", f"{VERSIONS:,} versions; {rate}; {processor}", goal
            )


def _forget(root: Path) -> None:
    """Let the system's cache have none of git's files."""
    os.sync()
    for path in (root / ".git").rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
