"""The mirror of a run in MLflow: a process of its own, which reads the run's log and shows it there.

So the training neither waits for MLflow nor imports it, and the log on the disk is the queue: however long MLflow is
slow or away, it takes no memory, and what is missing is brought when it is back.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from select import select

from modelbook.training.child_environment import without_secrets
from modelbook.training.run_folder import RunFolder

TRACKING_URI = "MLFLOW_TRACKING_URI"
CAUGHT_UP = b"+"
"""What the process writes when it has shown all of the log, or has said that it cannot."""

_PATIENCE = 20.0  # seconds that the end of a run waits for MLflow, importing it included
_LEAST = 3.0  # of them for the very end


class Mirror:
    """The process, from the side of the run."""

    def __init__(self, folder: RunFolder, environ: Mapping[str, str]) -> None:
        command = [sys.executable, "-m", "modelbook.training.mirroring", str(folder.path)]
        self._process = subprocess.Popen(
            command,
            env=without_secrets(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # Ctrl-C is for the training; the mirror has its end still to show
        )
        self._until: float | None = None

    def catch_up(self) -> None:
        """Wait, not for long, until all that was logged so far is shown, or a note says why it is not."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            return
        try:
            stdin.write(CAUGHT_UP)
            stdin.flush()
        except OSError:  # it has died; its last words are on standard error
            return
        self._until = time.monotonic() + _PATIENCE
        if select([stdout], [], [], _PATIENCE)[0]:
            os.read(stdout.fileno(), 1)

    def finish(self) -> None:
        """Let it show the rest, and end it where that takes too long. Does nothing the second time."""
        process, until = self._process, self._until or time.monotonic() + _PATIENCE
        if process.stdin is None or process.stdin.closed:
            return
        with process:  # closes the pipe, which asks for the end
            process.stdin.close()
            try:
                process.wait(max(until - time.monotonic(), _LEAST))
            except subprocess.TimeoutExpired:
                print("modelbook: MLflow is too slow: it does not show the end of this run", file=sys.stderr)
                process.kill()


def start_mirror(folder: RunFolder, environ: Mapping[str, str]) -> Mirror | None:
    """Begin to show the run, where MLFLOW_TRACKING_URI is set and mlflow is installed."""
    if not environ.get(TRACKING_URI):
        return None
    if not _installed():
        remedy = "pip install 'modelbook[mlflow]'"
        print(f"modelbook: {TRACKING_URI} is set, but mlflow is not installed: {remedy}", file=sys.stderr)
        return None
    return Mirror(folder, environ)


def _installed() -> bool:
    try:
        return find_spec("mlflow") is not None
    except ValueError:  # somebody has put something in its place
        return False
