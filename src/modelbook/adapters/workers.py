"""Pure work spread over processes where there is much of it: the same answers as in one process, in the same order.

The processes are forks, so that what they work on is there already and is never sent. Where the system cannot fork
safely (macOS, Windows), one process does it all.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from modelbook.adapters.store import Progress
from modelbook.errors import WorkerError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

T = TypeVar("T")
R = TypeVar("R")
WORTH = 200  # items that one more process must have to do: it takes some milliseconds to start
_BATCH = 50  # answers that are handed over at once


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(
    work: Callable[[T], R],
    items: Sequence[T],
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    worth: int = WORTH,
) -> list[R]:
    """`work` of each item, in their order, by at most `jobs` processes (None: as many as there are processors).

    `work` must be pure, and its answers such that they can be pickled. `progress` counts items; `worth` is how many of
    them one more process must have to do. The first exception
    is raised again here; a process that ends before its work does is a WorkerError, never a shorter list.
    """
    processes = min(jobs or cores(), max(1, len(items) // worth))
    if processes == 1 or sys.platform != "linux":
        return list(_one_by_one(work, items, progress))
    answers: dict[int, R] = {}
    with _forked(work, items, processes) as crew:
        from multiprocessing.connection import wait

        shares = {pipe: iter(range(first, len(items), processes)) for first, (pipe, _) in enumerate(crew)}
        while shares:
            for pipe in cast("list[Connection]", wait(list(shares))):
                try:
                    batch = pipe.recv()
                except (EOFError, OSError):
                    raise _dead(next(process for one, process in crew if one is pipe)) from None
                if isinstance(batch, BaseException):
                    raise batch
                if not batch:
                    del shares[pipe]
                answers |= {next(shares[pipe]): answer for answer in batch}
                if progress:
                    progress(len(batch))
    return [answers[number] for number in range(len(items))]


def _one_by_one(work: Callable[[T], R], items: Sequence[T], progress: Progress | None) -> Iterator[R]:
    for item in items:
        yield work(item)
        if progress:
            progress(1)


@contextmanager
def _forked(
    work: Callable[[T], R], items: Sequence[T], processes: int
) -> "Iterator[list[tuple[Connection, ForkProcess]]]":
    """That many processes at work, each with the pipe that its answers come by. None of them is left afterwards."""
    from multiprocessing import get_context

    fork = get_context("fork")
    crew: list[tuple[Connection, ForkProcess]] = []
    gc.freeze()  # else each process would copy what a collection of garbage only looks at
    # Ctrl-C reaches every process of the terminal; it is this one that ends the others.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        try:
            for first in range(processes):
                ours, theirs = fork.Pipe(duplex=False)
                process = fork.Process(target=_answer, args=(theirs, work, items, first, processes), daemon=True)
                process.start()
                theirs.close()
                crew.append((ours, process))
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        yield crew
    finally:
        gc.unfreeze()
        for pipe, process in crew:
            pipe.close()
            process.kill()
            process.join()


def _answer(pipe: "Connection", work: Callable[[T], R], items: Sequence[T], first: int, step: int) -> None:
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    mine = range(first, len(items), step)
    try:
        for at in range(0, len(mine), _BATCH):
            pipe.send([work(items[number]) for number in mine[at : at + _BATCH]])
        pipe.send([])
    except BrokenPipeError:
        pass  # nobody waits for it any more
    except Exception as error:  # noqa: BLE001 - it is raised again where `spread` was called
        pipe.send(error)


def _dead(process: "ForkProcess") -> WorkerError:
    process.join()
    code = process.exitcode or 0
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
    return WorkerError(
        f"a process that worked on this {how} before it was done",
        remedy="It may have had too little memory. Run it again with `--jobs 1`.",
    )
