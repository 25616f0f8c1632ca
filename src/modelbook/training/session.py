"""A process's hold on its run: what it adds, what carries that away, and how it lets go."""

import fcntl
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from modelbook.adapters.store import Store
from modelbook.core.runs.checkpoints import folder_name
from modelbook.core.runs.run_log import Ending, Event, RunEnded, Stored
from modelbook.errors import BadInput, ModelbookError, StoreError
from modelbook.training.clock import timestamp, utc_now
from modelbook.training.delivery import Courier, Delivery
from modelbook.training.lifecycle import settle
from modelbook.training.mirror import Mirror
from modelbook.training.peers import speaks
from modelbook.training.run_config import RunConfig
from modelbook.training.run_folder import LOCK, RunFolder

_PATIENCE = 120.0  # seconds that a failing store is asked again when a run without a launcher ends


class Session:
    """Open from `modelbook.run()` to the end of the run, or of the process.

    Under `modelbook train` the launcher has begun the attempt and will settle it, however this process ends
    (`by_hand` is false). Otherwise this process does both.
    """

    def __init__(
        self, folder: RunFolder, config: RunConfig, store: Store, *, by_hand: bool, mirror: Mirror | None = None
    ) -> None:
        self.folder, self.config, self.store, self.by_hand = folder, config, store, by_hand
        self._mirror = mirror
        self.closed = False
        self._saved: Counter[int] = Counter()
        self._process = os.getpid()
        self._delivery = Delivery(folder, store, config.plan.run, config.first_segment)
        self._courier = Courier(self._delivery)
        # One process delivers; what its children log joins the same files and goes the same way.
        self._lock = os.open(folder.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._delivers = speaks() and _lock(self._lock)
        if self._delivers:
            self._courier.start()

    def here(self) -> bool:
        """Whether this is the process that opened it, and not one that was forked from it."""
        return os.getpid() == self._process

    def add(self, event: Event) -> None:
        """Add an event to the log; of the processes of torchrun only the first one does.

        Raises what made the delivery give up, BadInput once the run is closed.
        """
        self._check()
        if not speaks():
            return
        self.folder.append(event)
        self._courier.log_grew()

    def stage(self, fill: Callable[[Path], Stored | None]) -> None:
        """Hand files over, as `add` does events: see `RunFolder.stage`."""
        self._check()
        if not speaks():
            return
        self.folder.stage(fill)
        self._courier.files_came()

    def new_folder(self, step: int) -> str:
        """The name of a folder for a checkpoint of `step` that no other checkpoint of the run has."""
        self._saved[step] += 1
        return folder_name(step, self.config.attempt, self._saved[step] - 1)

    def _check(self) -> None:
        if self.closed:
            raise BadInput(
                f"run {self.config.plan.run} is closed",
                remedy="Log before run.finish() and before its with-block ends.",
            )
        if self._courier.refused:
            raise self._courier.refused

    def close(self, status: Ending, *, error: str | None = None, signal: str | None = None) -> None:
        """Let go. By hand, the run is then in the store, as `status`; else its launcher sees to it."""
        if self.closed or not self.here():
            return
        self.closed = True
        if self._delivers:
            self._courier.stop()
        try:
            if self.by_hand:
                end = RunEnded(time=timestamp(utc_now()), status=status, signal=signal, error=error)
                self.folder.write_end(end)
                self._settle()
            elif self._delivers:
                self._hand_over()
        finally:
            os.close(self._lock)
            self.folder.close()

    def _hand_over(self) -> None:
        try:
            self._delivery.ship_files()
            self._delivery.ship_log()
        except (ModelbookError, RuntimeError):
            return  # the launcher has the same folder, and more patience

    def _settle(self) -> None:
        try:
            settle(self.folder, self.config, self.store, _PATIENCE, self._mirror)
        except RuntimeError:
            # While Python shuts down it starts no thread, and a large upload wants some: a new process can.
            command = [sys.executable, "-m", "modelbook.training.deliver", str(self.folder.path)]
            if subprocess.run(command, check=False).returncode:
                raise StoreError(
                    "the run's last state is not in the store",
                    where=str(self.folder.path),
                    remedy="Run this again: " + " ".join(command),
                ) from None


def _lock(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
