"""A user's process: started in its own group, its output passed on and kept, its end awaited or brought about."""

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any

from modelbook.errors import BadInput
from modelbook.training.bounded_text import BoundedText

KEPT = 1024 * 1024  # bytes of output kept from its beginning, and as many from its end
Terminal = Callable[[str, bytes], None]
"""Takes `stdout` or `stderr`, and whole lines of it as far as possible."""

_LINE = 64 * 1024  # bytes without a line end that are passed on nevertheless
_TICK = 0.1  # seconds between two looks at the process and the clock
_LEFTOVER = 1.0  # seconds that children may outlive the process, to end by themselves
_STEPS = {signal.SIGINT: signal.SIGTERM, signal.SIGHUP: signal.SIGTERM}  # what follows; else SIGKILL


@dataclass(frozen=True)
class Outcome:
    """How it ended: `returncode` as `subprocess` has it, `asked` the signal by which somebody wanted the end.

    `orphans` says that processes of the group, or holders of its output, outlived it.
    """

    returncode: int
    asked: signal.Signals | None
    orphans: bool
    output: bytes
    last_errors: str


def run_process(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], terminal: Terminal, grace: float
) -> Outcome:
    """Run `command` to its end.

    SIGINT, SIGTERM and SIGHUP that this process gets go to the whole group; if it lives on for `grace` seconds,
    a stronger one follows, and so does one at each further Ctrl-C. Processes of the group that outlive the first
    one are ended too. Raises BadInput if it cannot be started.
    """
    with _Forwarding(grace) as forwarding:
        try:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
            )
        except OSError as error:
            raise BadInput(f"cannot be started: {error.strerror}", where=command[0]) from None
        with process, _Streams({"stdout": process.stdout, "stderr": process.stderr}, terminal) as streams:
            try:
                forwarding.to(process.pid)
                while process.poll() is None:
                    streams.read(_TICK)
                    forwarding.escalate()
                orphans = _end_group(process.pid, streams, grace)
                streams.flush()
            except BaseException:
                _signal_group(process.pid, signal.SIGKILL)
                raise
        return Outcome(
            process.returncode,
            forwarding.asked,
            orphans,
            streams.kept.kept(),
            streams.errors.last_lines(20)[-4000:],
        )


class _Streams:
    """Standard output and error of the process, read as they come."""

    def __init__(self, pipes: Mapping[str, IO[bytes] | None], terminal: Terminal) -> None:
        self.kept = BoundedText(KEPT, KEPT)
        self.errors = BoundedText(0, 16 * 1024)
        self._terminal = terminal
        self._selector = selectors.DefaultSelector()
        self._pending = dict.fromkeys(pipes, b"")
        for name, pipe in pipes.items():
            if pipe is not None:
                self._selector.register(pipe, selectors.EVENT_READ, name)

    def __enter__(self) -> "_Streams":
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()

    def open(self) -> bool:
        return bool(self._selector.get_map())

    def read(self, seconds: float) -> None:
        """Pass on what there is; wait at most `seconds` for it."""
        if not self.open():
            time.sleep(seconds)
            return
        ready = self._selector.select(seconds)
        for key, _ in ready:
            if chunk := os.read(key.fd, _LINE):
                self._take(key.data, chunk)
            else:
                self._selector.unregister(key.fileobj)
        if not ready:
            self.flush()  # a line that waits for its end, as a prompt does

    def flush(self) -> None:
        for name in self._pending:
            self._emit(name, self._pending[name])
            self._pending[name] = b""

    def _take(self, name: str, chunk: bytes) -> None:
        data = self._pending[name] + chunk
        # A carriage return ends a line as well: progress bars write nothing else.
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if len(data) - end > _LINE:
            end = len(data)
        self._emit(name, data[:end])
        self._pending[name] = data[end:]

    def _emit(self, name: str, data: bytes) -> None:
        if not data:
            return
        self.kept.add(data)
        if name == "stderr":
            self.errors.add(data)
        self._terminal(name, data)


class _Forwarding:
    """While it is open, signals go to the group. Only a main thread can take signals; elsewhere none come."""

    def __init__(self, grace: float) -> None:
        self.asked: signal.Signals | None = None
        self._grace = grace
        self._group: int | None = None
        self._last: signal.Signals | None = None
        self._next_at = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "_Forwarding":
        if threading.current_thread() is threading.main_thread():
            for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                # Whoever ignores a signal on purpose (nohup) goes on ignoring it.
                if signal.getsignal(each) != signal.SIG_IGN:
                    self._before[each] = signal.signal(each, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)

    def to(self, group: int) -> None:
        """Send what came so far, and what will come, to `group`."""
        self._group = group
        if self.asked is not None:
            self._send(self.asked)

    def escalate(self) -> None:
        """Send the next stronger signal if the group had its time."""
        if self._last is not None and time.monotonic() > self._next_at:
            self._send(_STEPS.get(self._last, signal.SIGKILL))

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._last is not None:
            self._send(_STEPS.get(self._last, signal.SIGKILL))
            return
        self.asked = signal.Signals(number)
        self._send(self.asked)

    def _send(self, number: signal.Signals) -> None:
        if self._group is not None:
            self._last, self._next_at = number, time.monotonic() + self._grace
            _signal_group(self._group, number)


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _alive(group: int) -> bool:
    """Whether a process of the group still runs. A zombie does not: it only waits for its parent to look."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    processes = list(Path("/proc").glob("[0-9]*/stat"))
    return not processes or any(_runs_in(stat, group) for stat in processes)


def _runs_in(stat: Path, group: int) -> bool:
    try:
        # The name, in parentheses, may hold anything; state, parent and group follow it (proc(5)).
        state, _, its_group = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return False
    return int(its_group) == group and state not in "ZX"


def _end_group(group: int, streams: _Streams, grace: float) -> bool:
    """Read what is left of the output, and end what is left of the group; whether there was something to end."""
    for number, patience in ((None, _LEFTOVER), (signal.SIGTERM, grace), (signal.SIGKILL, _LEFTOVER)):
        if number is not None and _alive(group):
            _signal_group(group, number)
        for _ in _ticks(patience):
            if not streams.open() and not _alive(group):
                return number is not None
            streams.read(_TICK / 10)
        if not _alive(group):
            break  # somebody left the group and still holds the pipes: what it says is not the run's
    return True


def _ticks(seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield
