"""Many transfers at once, bounded in number and in memory; the first error, or Ctrl-C, ends them all."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from modelbook.adapters.store import Progress
from modelbook.errors import Interrupted

T = TypeVar("T")
WORKERS = 4


def move_all(
    tasks: Iterable[Callable[[Progress], T]], *, workers: int = WORKERS, progress: Progress | None = None
) -> list[T]:
    """The results of all `tasks`, in their order, with at most `workers` running at once.

    A task is a put or a fetch that hands the progress function it is given on to the store::

        move_all([lambda report, each=each: store.put_file(each.key, each.path, progress=report) for each in
        files])

    When one raises, those that wait are not begun, those that run are stopped at their next report of
    progress (the store then leaves nothing of them behind), and the first error is raised. Ctrl-C does the
    same.
    """
    stop = threading.Event()

    def report(count: int) -> None:
        if stop.is_set():
            raise Interrupted("stopped, because another transfer failed or somebody pressed Ctrl-C")
        if progress:
            progress(count)

    def run(task: Callable[[Progress], T]) -> T:
        try:
            report(0)
            return task(report)
        except BaseException as error:
            if not stop.is_set():
                first.append(error)
            stop.set()
            raise

    first: list[BaseException] = []
    with ThreadPoolExecutor(workers, thread_name_prefix="modelbook-move") as pool:
        running: list[Future[T]] = []
        try:
            running = [pool.submit(run, task) for task in tasks]
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            if any(not each.done() for each in running):
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
    if first:
        raise first[0]
    return [each.result() for each in running]


class ByteBudget:
    """How many bytes may be in memory at once, shared by all transfers of a store.

    One piece larger than the whole budget is let through when nothing else is in memory.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._used = 0
        self._changed = threading.Condition()

    def take(self, amount: int) -> None:
        """Wait until `amount` bytes are free, and hold them."""
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + amount <= self._total)
            self._used += amount

    def give(self, amount: int) -> None:
        """Give back what `take` held."""
        with self._changed:
            self._used -= amount
            self._changed.notify_all()
