"""Many transfers at once: bounded, in order, and ended by the first error."""

import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import pytest

from modelbook.adapters.parallel import Crew, move_all
from modelbook.adapters.store import Progress
from modelbook.errors import BadInput, IntegrityError, Interrupted
from tests.parts.stores import FolderPlace

WAIT = 20


def test_results_come_in_the_order_of_the_tasks() -> None:
    def task(number: int, report: Progress) -> int:
        return number

    assert move_all([partial(task, number) for number in range(20)], workers=3) == list(range(20))
    assert move_all([]) == []


def test_no_more_run_at_once_than_workers() -> None:
    meeting = threading.Barrier(3)  # passes only when three run at once
    running: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    def task(report: Progress) -> None:
        with lock:
            running.append(1)
            most.append(len(running))
        meeting.wait(WAIT)
        with lock:
            running.pop()

    move_all([task] * 9, workers=3)
    assert max(most) == 3


def test_progress_of_all_is_one_progress() -> None:
    moved: list[int] = []
    move_all([lambda report: report(5), lambda report: report(7)], progress=moved.append)
    assert sum(moved) == 12


def test_the_first_error_stops_what_runs_and_what_waits() -> None:
    began = threading.Event()
    failed = threading.Event()
    ended: list[str] = []

    def fails(report: Progress) -> None:
        assert began.wait(WAIT)
        try:
            raise IntegrityError("the bytes are wrong")
        finally:
            failed.set()

    def runs(report: Progress) -> None:
        began.set()
        assert failed.wait(WAIT)
        try:
            while True:
                report(1)
        except Interrupted:
            ended.append("stopped")
            raise

    def waits(report: Progress) -> None:
        ended.append("begun")

    tasks: list[Callable[[Progress], None]] = [fails, runs, *[waits] * 50]
    with pytest.raises(IntegrityError, match="the bytes are wrong"):
        move_all(tasks, workers=2)
    assert ended == ["stopped"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, BadInput("no")])
def test_whatever_ends_a_task_comes_out(error: BaseException | type[BaseException]) -> None:
    def task(report: Progress) -> None:
        raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        move_all([task, lambda report: None])


def test_ctrl_c_stops_what_runs_and_what_waits() -> None:
    main = threading.main_thread().ident
    assert main is not None
    handed_in = threading.Event()
    ended: list[str] = []

    def interrupts(report: Progress) -> None:
        assert handed_in.wait(WAIT)
        signal.pthread_kill(main, signal.SIGINT)
        try:
            while True:
                report(1)
        except Interrupted:
            ended.append("stopped")
            raise

    def waits(report: Progress) -> None:
        ended.append("begun")

    def tasks() -> Iterator[Callable[[Progress], None]]:
        yield interrupts
        yield from [waits] * 50
        handed_in.set()

    with pytest.raises(KeyboardInterrupt):
        move_all(tasks(), workers=1)
    assert ended == ["stopped"]


def test_stopped_transfers_leave_nothing_behind(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    for name in ("a", "b"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(50_000_000)
    half_way = threading.Event()

    def put(report: Progress) -> None:
        def told(count: int) -> None:
            report(count)
            half_way.set()
            assert failed.wait(WAIT)

        place.store.put_file("runs/r1/artifacts/a", tmp_path / "a", progress=told)

    def fails(report: Progress) -> None:
        assert half_way.wait(WAIT)
        failed.set()
        raise BadInput("the other one")

    failed = threading.Event()
    with pytest.raises(BadInput, match="the other one"):
        move_all([put, fails], workers=2)
    assert place.present() == {}
    assert place.unfinished() == []


def test_threads_end_when_there_is_nothing_to_do() -> None:
    crew = Crew(3)
    ended: SimpleQueue[int] = SimpleQueue()
    ids: set[int] = set()

    def work() -> None:
        ids.add(threading.get_native_id())
        ended.put(1)

    for _ in range(20):
        crew.hand(work)
    assert [ended.get(timeout=WAIT) for _ in range(20)] == [1] * 20
    assert 1 <= len(ids) <= 3
    while any(Path(f"/proc/self/task/{each}").exists() for each in ids):
        threading.Event().wait(0.05)  # pytest's own limit of time ends it if they never go
    crew.hand(work)
    assert ended.get(timeout=WAIT) == 1


# It may come while Python collects garbage, where hypothesis listens, and nobody can raise it there.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_may_come_at_any_moment() -> None:
    """The alarm falls on every step of handing in, waiting and stopping; none may leave others waiting for ever."""
    running: list[int] = []
    armed = False

    def task(report: Progress) -> None:
        running.append(1)
        try:
            report(1)
        finally:
            running.pop()

    def alarm(*_: object) -> None:
        if armed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, alarm)
    interrupted = 0
    try:
        for microseconds in range(1, 2000, 5):
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, microseconds / 1e6)
                move_all([task] * 30, workers=3)
                armed = False
            except KeyboardInterrupt:
                armed = False
                interrupted += 1
            assert running == []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 10
