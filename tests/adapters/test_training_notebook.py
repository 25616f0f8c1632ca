"""A run in a notebook: a real Jupyter kernel, which is shut down, restarted, interrupted or killed."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.core.runs.run_state import RunState, replay
from modelbook.training.run_reader import read_events
from tests.adapters.training_scripts import ENVIRON

# Jupyter's manager drops the processes that it has ended without asking how they ended.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

OPEN = "import modelbook\nrun = modelbook.run('nb')\nrun.log({'m': 1})"
BUSY = "import time\nrun.log({'i': 0})\nprint('begun', flush=True)\nwhile True: run.log({'i': 1}); time.sleep(0.01)"


class Notebook:
    """A kernel in a repository of its own, on the branch `idea`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for command in (
            ["init", "-q", "-b", "idea"],
            ["config", "user.name", "Ada"],
            ["config", "user.email", "ada@example.org"],
            ["commit", "-q", "--allow-empty", "-m", "first"],
        ):
            subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
        self.client: BlockingKernelClient | None = None

    def begin(self) -> None:
        self.manager = KernelManager()
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager._kernel_spec = KernelSpec(argv=command)  # none needs to be installed
        kept = ("PATH", "PYTHONPATH", "LANG", "TMPDIR")
        env = {name: ENVIRON[name] for name in kept if name in ENVIRON} | {"HOME": str(self.folder)}
        self.manager.start_kernel(cwd=str(self.folder), env=env)
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def cell(self, code: str) -> str:
        """Run a cell to its end; `ok`, or the error's words."""
        assert self.client is not None
        # Else the kernel drops, for a moment after an error, what comes next.
        content = self.client.execute(code, reply=True, timeout=60, stop_on_error=False)["content"]
        return "ok" if content["status"] == "ok" else f"{content['ename']}: {content['evalue']}"

    def begin_cell(self, code: str) -> None:
        """Run a cell until it prints."""
        assert self.client is not None
        self.client.execute(code, stop_on_error=False)
        while self.client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
            pass

    def interrupt(self) -> None:
        """Interrupt the cell that runs, and wait until it has ended."""
        assert self.client is not None
        self.manager.interrupt_kernel()
        assert self.client.get_shell_msg(timeout=60)["content"]["status"] == "error"

    def restart(self) -> None:
        assert self.client is not None
        self.client.stop_channels()
        self.manager.restart_kernel()
        self._connect()

    def end(self, *, now: bool = False) -> None:
        if self.client is not None:
            self.client.stop_channels()
            self.client = None
            self.manager.shutdown_kernel(now=now)

    def runs(self) -> list[RunState]:
        """The state of each run, in the order of their beginning."""
        store = DirectoryStore(self.folder / ".modelbook/store", "file:.modelbook/store")
        names = [path.name for path in (self.folder / ".modelbook/store/runs").iterdir()]
        return sorted((replay(read_events(store, name)) for name in names), key=lambda state: state.started)

    def left(self) -> list[str]:
        return [path.name for path in (self.folder / ".modelbook/runs").iterdir()]


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    made = Notebook(tmp_path)
    made.begin()
    yield made
    made.end(now=True)
    del made.manager
    gc.collect()


def test_cells_share_one_run_until_it_is_finished(notebook: Notebook) -> None:
    assert notebook.cell("import modelbook\nrun = modelbook.run('nb', params={'lr': 0.1})") == "ok"
    assert notebook.cell("run = modelbook.run()\nrun.log({'m': 1})\nassert run.id") == "ok"
    assert notebook.cell("import gc\ndel run\ngc.collect()\nmodelbook.run().log({'n': 2})") == "ok"
    refused = notebook.cell("modelbook.run('nb', params={'lr': 0.2})")
    assert "lr 0.2, was 0.1" in refused
    assert notebook.cell("modelbook.run().finish()\nmodelbook.run('nb', params={'lr': 0.2})") == "ok"
    notebook.end()
    first, second = notebook.runs()
    assert (first.status, first.params["lr"]) == ("completed", 0.1)
    assert {name: point.value for name, point in first.metrics.items()} == {"m": 1, "n": 2}
    assert (second.status, second.params["lr"]) == ("completed", 0.2)
    assert (first.start.code.branch, first.start.user) == ("idea", "Ada <ada@example.org>")
    assert first.start.code.commit is not None
    assert notebook.left() == []


@pytest.mark.parametrize(
    ("cells", "status", "error"),
    [
        ([], "completed", None),
        (["1 / 0"], "failed", "ZeroDivisionError"),
        (["1 +"], "failed", "SyntaxError"),
        (["1 / 0", "run.log({'n': 1})"], "completed", None),
        ([BUSY], "killed", None),
    ],
)
def test_a_kernel_that_is_shut_down_closes_its_run(
    notebook: Notebook, cells: list[str], status: str, error: str | None
) -> None:
    assert notebook.cell(OPEN) == "ok"
    for cell in cells:
        (notebook.begin_cell if cell is BUSY else notebook.cell)(cell)
    notebook.end()
    [state] = notebook.runs()
    assert state.status == status
    assert (error or "") in ((state.end and state.end.error) or "")
    assert state.metrics["m"].value == 1
    assert notebook.left() == []


def test_a_restart_closes_the_run_and_the_next_one_is_new(notebook: Notebook) -> None:
    assert notebook.cell(OPEN) == "ok"
    notebook.restart()
    assert notebook.cell(OPEN) == "ok"
    assert [state.status for state in notebook.runs()] == ["completed", "running"]
    notebook.end()
    assert [state.status for state in notebook.runs()] == ["completed", "completed"]


def test_an_interrupted_cell_leaves_the_run_open_for_the_next(notebook: Notebook) -> None:
    assert notebook.cell(OPEN) == "ok"
    notebook.begin_cell(BUSY)
    notebook.interrupt()
    assert notebook.cell("run.log({'after': 1})") == "ok"
    notebook.begin_cell(BUSY)
    notebook.interrupt()
    notebook.end()
    [state] = notebook.runs()
    assert (state.status, state.end and state.end.signal) == ("killed", "SIGINT")  # the last cell was cut short
    assert state.metrics["after"].value == 1


def test_what_a_killed_kernel_left_is_delivered_by_the_next_run(notebook: Notebook) -> None:
    assert notebook.cell(OPEN) == "ok"
    notebook.begin_cell(BUSY)
    notebook.end(now=True)  # SIGKILL
    assert [state.status for state in notebook.runs()] == ["running"]
    notebook.begin()
    assert notebook.cell(OPEN) == "ok"
    notebook.end()
    killed, new = notebook.runs()
    assert (killed.status, new.status) == ("killed", "completed")
    assert killed.metrics.keys() == {"m", "i"}
    assert notebook.left() == []
