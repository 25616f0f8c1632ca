"""Work that nobody can know the end of, such as a query of somebody's: it ends by itself, or it is ended.

It runs in a process of its own, since nothing else can stop a loop inside a library, or take back the memory of one.
"""

import math
import os
import pickle
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from modelbook.errors import BadInput, WorkerError

R = TypeVar("R")
SECONDS = 60
MEMORY = 2 * 1024**3  # bytes, beyond what this process has already
_NO_MEMORY = 77


def bounded(
    work: Callable[[], R], *, what: str, seconds: float = SECONDS, memory: int = MEMORY, waits: bool = False
) -> R:
    """What `work` returns, which can be pickled. Raises BadInput where it takes more than `seconds` or `memory`.

    The seconds are those of the processor, so that a busy machine ends nothing; of the clock where `work` waits, or has
    several threads at work. `what` names it in the error. An exception of `work` is raised again here.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(work, writing, seconds, memory, waits=waits)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            data = pipe.read()
    except BaseException:  # Ctrl-C
        os.kill(child, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    simpler = "Ask for less: fewer loops inside one another, or fewer rows."
    if code in {-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGALRM}:
        of_work = "" if waits else " of work"
        raise BadInput(f"{what} was stopped after {seconds:g} seconds{of_work}", remedy=simpler)
    if code in {_NO_MEMORY, -signal.SIGABRT}:
        raise BadInput(f"{what} was stopped: it takes more than {memory / 1024**3:.2g} GiB of memory", remedy=simpler)
    if code:
        raise WorkerError(f"{what} ended with {code} before it was done")
    good, answer = pickle.loads(data)  # noqa: S301 - from this very program
    if not good:
        raise answer
    result: R = answer
    return result


def _work(work: Callable[[], R], writing: int, seconds: float, memory: int, *, waits: bool) -> None:
    """In the new process: never returns."""
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if waits:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, seconds)
        else:
            _limit(resource.RLIMIT_CPU, math.ceil(seconds))
        sizes = Path("/proc/self/statm")
        if sizes.exists():
            now = int(sizes.read_text().split()[0]) * resource.getpagesize()
            _limit(resource.RLIMIT_AS, now + memory)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a library that aborts says so, in words for its makers
        answer: tuple[bool, object]
        try:
            answer = True, work()
        except MemoryError:
            os._exit(_NO_MEMORY)
        except Exception as error:  # noqa: BLE001 - it is raised again where `bounded` was called
            answer = False, error
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(answer, pipe)
        status = 0
    finally:
        os._exit(status)


def _limit(what: int, most: int) -> None:
    """Set a limit of this process, and leave a smaller one that it had already."""
    soft, hard = resource.getrlimit(what)
    resource.setrlimit(what, (min((most, *(one for one in (soft, hard) if one != resource.RLIM_INFINITY))), hard))
