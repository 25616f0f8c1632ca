"""Ctrl-C, pressed once or many times: a command ends with one line on standard error, and never with a traceback."""

import atexit
import os
import signal
import sys
import time

TYPE_CHECKING = False  # what typing, types and contextlib bring takes longer than all else here, and is unprotected
if TYPE_CHECKING:
    from types import FrameType
    from typing import Literal

_ONE_PRESS = 1.0  # seconds: who presses thrice within it means it once; later, that it takes too long
_MOMENT = 0.01


class Interrupts:
    """What SIGINT does to this process, by what it is about.

    Python raises KeyboardInterrupt wherever it is, also where nothing catches it: while it imports, while it tells that
    it was interrupted, while it ends. Here a press is only noted until the command begins, passed over while
    something is told, and ends the process at once when nothing is left to do. Before the first of these lines runs
    Python is by itself: a press in those hundredths of a second has Python's own traceback.
    """

    def __init__(self) -> None:
        self._does: Literal["starts", "works", "tells", "ends"] = "starts"
        self._pressed: float | None = None
        self._status = 0

    def note(self) -> None:
        """Begin, unless whoever started this process wants it to be deaf, as `nohup` and `&` do."""
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._press)
            # As the last of all, since Python then lets SIGINT kill, and the command has been done. What is ignored
            # stays so, in every thread.
            atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
            sys.unraisablehook = self._not_raised

    def works(self) -> None:
        """From here on a press raises KeyboardInterrupt; one that came before does so now."""
        self._does = "works"
        if self._pressed is not None:
            raise KeyboardInterrupt

    def tells(self) -> None:
        """From here on a press changes nothing: the end is being told."""
        self._does = "tells"

    def ends(self, status: int) -> None:
        """From here on a press ends the process with `status`, without waiting for threads that linger."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError, AttributeError):  # closed, or its reader is gone
                continue
        self._status, self._does = status, "ends"

    def _press(self, _signal: int, _frame: "FrameType | None") -> None:
        if self._does == "ends":
            os._exit(self._status)
        now = time.monotonic()
        if self._does == "starts":
            self._pressed = now
        elif self._does == "works" and (self._pressed is None or now - self._pressed > _ONE_PRESS):
            self._pressed = now
            raise KeyboardInterrupt

    def _not_raised(self, lost: "sys.UnraisableHookArgs") -> None:
        """A press that came where no exception can leave, as in a finaliser, comes again a moment later."""
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(lost)
            return
        import threading

        self._pressed = None
        again = threading.Timer(_MOMENT, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()


INTERRUPTS = Interrupts()
