"""Many transfers at once, bounded in number; the first error, or Ctrl-C, ends them all.

Ctrl-C reaches the main thread between any two of its steps. Were it holding one of the locks inside
`concurrent.futures` or `threading.Condition` then, the others would wait for that lock for ever. So the main thread
waits here on `SimpleQueue` alone, which is written in C and left whole; what it waits for is counted by threads that
are never interrupted; and it looks up now and then, since a signal just before a wait does not end the wait.
"""

import _thread
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from modelbook.adapters.store import Progress
from modelbook.errors import Interrupted

T = TypeVar("T")
WORKERS = 4
_IDLE_SECONDS = 1.0
LOOK_UP_SECONDS = 0.1


def move_all(
    tasks: Iterable[Callable[[Progress], T]], *, workers: int = WORKERS, progress: Progress | None = None
) -> list[T]:
    """The results of all `tasks`, in their order, with at most `workers` running at once.

    A task is a put or a fetch that hands the progress function it is given on to the store::

        def put(file, report):
            return store.put_file(file.key, file.path, progress=report)

        stored = move_all([partial(put, file) for file in files])

    When one raises, those that wait are not begun, those that run are stopped at their next report of progress
    (the store then shows nothing of them), and the first error is raised. Ctrl-C does the same.
    """
    waiting: SimpleQueue[tuple[int, Callable[[Progress], T]]] = SimpleQueue()
    results: dict[int, T] = {}
    errors: list[BaseException] = []
    joint = Joint()

    def report(count: int) -> None:
        if joint.stopped:
            raise Interrupted("stopped, because another transfer failed or somebody pressed Ctrl-C")
        if progress:
            progress(count)

    def run_some() -> None:
        while not joint.stopped:
            try:
                number, task = waiting.get_nowait()
            except Empty:
                return
            try:
                results[number] = task(report)
            except BaseException as error:  # noqa: BLE001 - it is raised again where `move_all` was called
                if not joint.stopped:
                    errors.append(error)
                joint.stopped = True

    count = 0
    for count, task in enumerate(tasks, 1):
        waiting.put((count, task))
    crew = Crew(min(workers, count))
    with joint:
        for _ in range(crew.size):
            joint.hand(crew, run_some)
        joint.wait()
    if errors:
        raise errors[0]
    return [results[number] for number in range(1, count + 1)]


class Crew:
    """Up to `size` threads that run what they are handed: started when needed, gone when idle, no hindrance to exit."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._changing = threading.Lock()
        self._threads = 0

    def hand(self, work: Callable[[], None]) -> None:
        """Run `work`, which raises nothing, as soon as a thread is free."""
        with self._changing:
            self._work.put(work)
            if self._threads < self.size:
                # Not `Thread.start`: it waits for the new thread with a lock of the kind that Ctrl-C must not meet.
                _thread.start_new_thread(self._run, ())
                self._threads += 1

    def _run(self) -> None:
        while True:
            try:
                work = self._work.get(timeout=_IDLE_SECONDS)
            except Empty:
                with self._changing:
                    if self._work.empty():
                        self._threads -= 1
                        return
                continue
            work()
            del work  # it may hold a part of a file, and the next one may be long in coming


class Joint:
    """Several works that belong together: whoever handed them in waits for all, and an error in its block stops all.

    Works look at `stopped` now and then, and may set it themselves.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._begun = 0
        self._ended: list[None] = []
        self._news: SimpleQueue[None] = SimpleQueue()
        self._in_hand: list[Callable[[], None]] = []

    def hand(self, crew: Crew, work: Callable[[], None]) -> None:
        """Let the crew run `work`: also when all is stopped by then, since it may have something to give back."""
        unclaimed = [work]

        def run() -> None:
            with suppress(IndexError):  # claimed: it was handed in twice
                claimed = unclaimed.pop()
                try:
                    claimed()
                finally:
                    self._ended.append(None)
                    self._news.put(None)

        self._in_hand = [partial(crew.hand, run)]
        self._begun += 1
        crew.hand(run)
        self._in_hand = []

    def wait(self) -> None:
        """Return when all have ended."""
        while len(self._ended) < self._begun:
            with suppress(Empty):
                self._news.get(timeout=LOOK_UP_SECONDS)

    def __enter__(self) -> "Joint":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            return
        self.stopped = True
        for hand_again in self._in_hand:  # Ctrl-C came between counting it and handing it in, or just after
            hand_again()
        self.wait()
