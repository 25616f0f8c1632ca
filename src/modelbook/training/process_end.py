"""How a process that nobody launched comes to its end: what Python itself no longer knows when it exits."""

import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from modelbook.core.runs.run_log import Ending


class Terminated(SystemExit):
    """Raised where a signal asks the process to end, so that `finally` and `with` are heeded, and the run is closed."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(128 + number)
        self.signal = number.name


def ending_of(error: BaseException | None) -> tuple[Ending, str | None, str | None]:
    """How a run ends that `error` ends: the status, the error in words, the signal."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "completed", None, None
    if isinstance(error, KeyboardInterrupt):
        return "killed", None, "SIGINT"
    if isinstance(error, Terminated):
        return "killed", None, error.signal
    return "failed", "".join(traceback.format_exception(error))[-4000:], None


class ProcessEnd:
    """Watches from the opening of a run by hand to its end."""

    def __init__(self) -> None:
        self._asked: Terminated | None = None
        self._exit: SystemExit | None = None
        self._cell: BaseException | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._sys_exit: Callable[[str | int | None], NoReturn] | None = None
        self._shell: Any = None

    def watch(self) -> None:
        """Begin. Signals are taken only where they would end the process at once, and by a main thread."""
        if threading.current_thread() is threading.main_thread():
            for each in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(each) == signal.SIG_DFL:
                    self._before[each] = signal.signal(each, self._terminate)
        # `sys.exit(3)` leaves no trace that could be read when Python exits.
        self._sys_exit = sys.exit
        sys.exit = self._exiting
        if "IPython" in sys.modules and (shell := sys.modules["IPython"].get_ipython()):
            self._shell = shell
            shell.events.register("post_run_cell", self._cell_ended)

    def release(self) -> None:
        """Leave everything as it was."""
        for each, handler in self._before.items():
            if signal.getsignal(each) == self._terminate and threading.current_thread() is threading.main_thread():
                signal.signal(each, handler)
        if sys.exit == self._exiting and self._sys_exit is not None:
            sys.exit = self._sys_exit  # type: ignore[assignment]
        if self._shell is not None:
            self._shell.events.unregister("post_run_cell", self._cell_ended)
            self._shell = None

    def reason(self) -> BaseException | None:
        """What ends the process now that it exits: None where it has simply done its work."""
        if self._asked is not None:
            return self._asked
        if self._shell is not None:
            return self._cell
        if hasattr(sys, "ps1"):
            return None  # at a prompt the last error may be one of long ago
        last: BaseException | None = getattr(sys, "last_value", None)
        return last or self._exit

    def _terminate(self, number: int, _: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)  # whoever asks twice means it
        self._asked = Terminated(signal.Signals(number))
        raise self._asked

    def _exiting(self, code: str | int | None = None) -> NoReturn:
        self._exit = SystemExit(code)
        raise self._exit

    def _cell_ended(self, result: Any) -> None:
        self._cell = result.error_before_exec or result.error_in_exec
        if self._cell is None:
            self._asked = None  # a kernel lives on after a signal that met a cell
