"""What an error of ours looks like that ends a script: the script's own lines, and the words that say what to do."""

import os
import sys
from pathlib import Path
from types import TracebackType

from modelbook.errors import ModelbookError

_OWN = str(Path(__file__).parents[1]) + os.sep


def show_only_the_script() -> None:
    """From here on, leave this package's own lines out of the traceback of an error that nobody caught.

    MODELBOOK_TRACEBACK=1 keeps them.
    """
    if getattr(sys.excepthook, "of_modelbook", False) or os.environ.get("MODELBOOK_TRACEBACK"):
        return
    before = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, ModelbookError):
            trace = _of_others(trace) or trace
            error.__traceback__ = trace  # the log of a run by hand is written from it
        before(kind, error, trace)

    show.of_modelbook = True  # type: ignore[attr-defined]
    sys.excepthook = show


def _of_others(trace: TracebackType | None) -> TracebackType | None:
    if trace is None:
        return None
    rest = _of_others(trace.tb_next)
    if trace.tb_frame.f_code.co_filename.startswith(_OWN):
        return rest
    return TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
