"""How long a person waits for the shortest commands: whole processes, cold imports, warm file cache."""

import sys
from collections.abc import Iterator

from bench.measure import Figure, median
from bench.registry import MODELBOOK, call, made

TIMES = 15


def measure() -> Iterator[Figure]:
    """`modelbook --help`, and `modelbook verify` of one version, against a bare Python."""
    how = f"median of {TIMES} whole processes, after one that is not counted"
    with made("file:.modelbook/store", 1, {}) as (root, env, run):
        call(["register", "bench", "--run", run], root, env)
        yield Figure("python -c pass", median([sys.executable, "-c", "pass"], TIMES, cwd=root, env=env), "s", how)
        yield Figure("modelbook --help", median([*MODELBOOK, "--help"], TIMES, cwd=root, env=env), "s", how, 0.2)
        verify = median([*MODELBOOK, "verify", "bench@1"], TIMES, cwd=root, env=env)
        yield Figure("modelbook verify bench@1", verify, "s", how, 0.25)
