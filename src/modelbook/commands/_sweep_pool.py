"""Trials in processes of their own, a few at once: `modelbook sweep trial` for each."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType, TracebackType
from typing import Any, Self

from modelbook.core.sweeps.trials import Leg

_LOOK_UP_SECONDS = 0.5
_TOLD = 4000  # bytes of what a trial printed last, where it could not begin


class Pool:
    """While it is open, SIGTERM is taken for Ctrl-C. Either asks every trial to end, and waits until all have.

    The trials are in process groups of their own, so that a terminal's Ctrl-C reaches each once, by this process.
    """

    def __init__(self, file: Path, size: int, options: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", "modelbook", "sweep", "trial", *options, "--", str(file)]
        self._size = size
        self._running: dict[Leg, subprocess.Popen[bytes]] = {}
        self._over: SimpleQueue[tuple[Leg, int, str]] = SimpleQueue()
        self._before: Any = None

    @property
    def legs(self) -> Collection[Leg]:
        """The trials that are being trained."""
        return self._running.keys()

    @property
    def room(self) -> int:
        """How many more may be begun now."""
        return self._size - len(self._running)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, _as_ctrl_c)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._end_all(signal.SIGINT if kind is KeyboardInterrupt else signal.SIGTERM)
        finally:
            if self._before is not None:
                signal.signal(signal.SIGTERM, self._before)

    def start(self, leg: Leg) -> None:
        """Begin a trial, or go on with it."""
        process = subprocess.Popen(
            [*self._command, str(leg)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            env=os.environ | {"NO_COLOR": "1"},
        )
        self._running[leg] = process
        threading.Thread(target=self._await, args=(leg, process), daemon=True).start()

    def _await(self, leg: Leg, process: "subprocess.Popen[bytes]") -> None:
        last = b""
        assert process.stdout is not None  # noqa: S101 - as it was started
        while chunk := os.read(process.stdout.fileno(), 65536):
            last = (last + chunk)[-_TOLD:]
        process.stdout.close()
        self._over.put((leg, process.wait(), last.decode(errors="replace").strip()))

    def wait(self) -> tuple[Leg, int, str]:
        """Wait for the next one to end: which, its exit status, and what it printed last."""
        while True:
            try:
                ended = self._over.get(timeout=_LOOK_UP_SECONDS)
            except Empty:  # a signal just before a wait does not end it, so the wait is a short one
                continue
            self._running.pop(ended[0])
            return ended

    def _end_all(self, number: int) -> None:
        """Ask all that run to end, and wait; asked once more meanwhile, ask them more sternly."""
        while self._running:
            for process in self._running.values():
                if process.poll() is None:
                    process.send_signal(number)
            try:
                while self._running:
                    self.wait()
            except KeyboardInterrupt:
                number = signal.SIGTERM


def _as_ctrl_c(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
