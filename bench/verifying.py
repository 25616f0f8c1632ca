"""How long it takes to verify one version of a registry of 10,000, and all of them. No verdict is ever kept."""

import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.many_versions import generate
from bench.measure import Cost, Figure, run
from bench.registry import MODELBOOK

VERSIONS = 10_000
TIMES = 5


def measure() -> Iterator[Figure]:
    """Whole processes, with git's files in the system's cache (warm) and not (cold); once more in one process."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MODELBOOK_")}
    with tempfile.TemporaryDirectory(prefix="modelbook-bench-") as folder:
        root = Path(folder) / "registry"
        generate(root, VERSIONS)
        for reference in ("model-0100@25", "model-0100@production"):
            for state in ("cold", "warm"):
                costs = [_run(["verify", reference], root, env, cold=state == "cold") for _ in range(TIMES)]
                seconds, processor = (statistics.median(values) for values in list(zip(*costs, strict=True))[::2])
                how = f"median of {TIMES} whole processes, {VERSIONS:,} versions; {processor:.2f} s of processor time"
                yield Figure(f"verify {reference}, {state}", seconds, "s", how, 0.25)
        # Now and then git collects garbage by itself, and then keeps a graph of the commits, which shortens its walks.
        subprocess.run(["git", "gc", "--quiet"], cwd=root, check=True)
        costs = [_run(["verify", "model-0100@25"], root, env, cold=False) for _ in range(TIMES)]
        how = f"median of {TIMES} whole processes, {VERSIONS:,} versions"
        seconds = statistics.median(cost.seconds for cost in costs)
        yield Figure("verify model-0100@25, warm, after git gc", seconds, "s", how, 0.25)
        for name, more in {"cold": [], "warm": [], "warm, one process": ["--jobs", "1"]}.items():
            cost = _run(["verify", "--all", *more], root, env, cold=name == "cold")
            rate = f"{VERSIONS / cost.seconds:,.0f} versions a second, {cost.peak:.0f} MiB in the first process"
            how = f"{VERSIONS:,} versions; {rate}; {cost.processor:.1f} s of processor time"
            yield Figure(f"verify --all, {name}", cost.seconds, "s", how, 10.0 if name == "warm" else None)


def _run(arguments: list[str], root: Path, env: dict[str, str], *, cold: bool) -> Cost:
    if cold:
        _forget(root)
    return run([*MODELBOOK, *arguments], cwd=root, env=env)


def _forget(root: Path) -> None:
    """Let the system's cache have none of git's files."""
    os.sync()
    for path in (root / ".git").rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
