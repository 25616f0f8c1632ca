"""Running a command as a whole process, and what it cost."""

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured thing: its value in `unit`, how it was measured, and the goal, under or at least, if it has one."""

    name: str
    value: float
    unit: str
    how: str
    goal: float | None = None
    at_least: float | None = None

    def __str__(self) -> str:
        goal = ""
        if self.goal is not None:
            goal = f"  (goal: under {self.goal:g} {self.unit}{'' if self.value < self.goal else ': MISSED'})"
        if self.at_least is not None:
            missed = "" if self.value >= self.at_least else ": MISSED"
            goal = f"  (goal: at least {self.at_least:g} {self.unit}{missed})"
        return f"{self.name}: {self.value:.3g} {self.unit}{goal}; {self.how}"


class Cost(NamedTuple):
    """Wall time in seconds, the largest resident set in MiB, and processor time in seconds with its children's."""

    seconds: float
    peak: float
    processor: float


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Cost:
    """Run a command to its end. Raises RuntimeError, with what it printed, if it fails."""
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=cwd, env=dict(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{output.decode(errors='replace')}")
    return Cost(seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def median(command: Sequence[str], times: int, *, cwd: Path, env: Mapping[str, str]) -> float:
    """The median wall time in seconds of `times` runs, after one that is not counted."""
    run(command, cwd=cwd, env=env)
    return statistics.median(run(command, cwd=cwd, env=env).seconds for _ in range(times))
