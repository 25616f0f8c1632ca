"""A folder of 100,000 files, from end to end: slow, so only in `make campaign`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.workbench import Workbench

COUNT = 100_000
MOST = 120  # MiB of resident memory, most of which are Python and its libraries


def measured(bench: Workbench, *args: str) -> int:
    """Run a command that must succeed; the most memory it had resident, in MiB."""
    process = subprocess.Popen(
        [sys.executable, "-m", "modelbook", *args], cwd=bench.root, env=bench.env, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss // (1024 * 1024 if sys.platform == "darwin" else 1024)  # macOS counts bytes


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_files_take_little_memory(bench: Workbench, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    for number in range(COUNT):
        target = folder / f"{number // 1000:03d}" / f"{number:06d}.txt"
        if number % 1000 == 0:
            target.parent.mkdir(parents=True)
        target.write_text(str(number))
    assert measured(bench, "data", "add", "many", str(folder)) < MOST
    (folder / "000/000007.txt").write_text("changed")
    assert measured(bench, "data", "add", "many", str(folder)) < MOST
    changed = json.loads(bench.ok("data", "diff", "many@1", "many@2", "--json"))
    assert [(row["change"], row["path"]) for row in changed] == [("changed", "000/000007.txt")]
    target = tmp_path / "pulled"
    assert measured(bench, "data", "pull", "many@2", str(target)) < MOST
    assert json.loads(bench.ok("data", "pull", "many@2", str(target), "--json"))["fetched"] == 0
    assert (target / "000/000007.txt").read_text() == "changed"
