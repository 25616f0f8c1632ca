"""An object in ranges: seen in order, done with beside that, and never more of it in memory than is allowed."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelbook.adapters import ranges
from modelbook.adapters.ranges import AHEAD, RANGE, in_order

STEP = 1000
DATA = bytes(range(251)) * 200  # 51 ranges
WAIT = 20


def filled(at: int, view: memoryview) -> None:
    """A range of DATA."""
    view[:] = DATA[at : at + len(view)]


def free_buffers() -> int:
    """How many are in nobody's hand."""
    return ranges._BUFFERS._free.qsize() + ranges._BUFFERS._unmade.qsize()


@pytest.mark.parametrize("start", [0, 7, STEP, len(DATA) - 1, len(DATA)])
@pytest.mark.parametrize("step", [1, STEP, len(DATA), RANGE + 1], ids=["bytes", "ranges", "whole", "larger"])
def test_each_range_is_seen_in_order_and_given_to_what_comes_after(start: int, step: int) -> None:
    size = min(len(DATA), start + 50 * step)
    given: dict[int, bytes] = {}
    views = in_order(filled, start, size, after=lambda at, view: given.update({at: bytes(view)}), step=step)
    seen = [bytes(view) for view in views]
    assert b"".join(seen) == DATA[start:size]
    assert [given[at] for at in sorted(given)] == seen
    assert free_buffers() == 12


def test_no_more_than_a_few_ranges_of_one_object_are_in_memory() -> None:
    held: set[int] = set()
    most: list[int] = []
    lock = threading.Lock()

    def fill(at: int, view: memoryview) -> None:
        with lock:
            held.add(at)
            most.append(len(held))

    def after(at: int, _: memoryview) -> None:
        with lock:
            held.remove(at)

    for _ in in_order(fill, 0, 100 * STEP, after=after, step=STEP):
        pass
    assert max(most) <= AHEAD
    assert held == set()


def test_more_objects_than_buffers_do_not_wait_for_each_other() -> None:
    def move(_: int) -> bytes:
        return b"".join(bytes(view) for view in in_order(filled, 0, len(DATA), after=lambda *_: None, step=STEP))

    with ThreadPoolExecutor(30) as pool:
        assert set(pool.map(move, range(60), timeout=WAIT)) == {DATA}
    assert free_buffers() == 12


def _fails(at: int, _: memoryview) -> None:
    if at == 20 * STEP:
        raise OSError("disk fault")


def _fill_fails() -> None:
    seen = 0
    try:
        for view in in_order(_fails, 0, len(DATA), step=STEP):
            seen += len(view)
    finally:
        assert seen == 20 * STEP  # it is raised in its turn


def _after_fails() -> None:
    for _ in in_order(filled, 0, len(DATA), after=_fails, step=STEP):
        pass


def _last_after_fails() -> None:
    for _ in in_order(filled, 0, 21 * STEP, after=_fails, step=STEP):
        pass


def _seeing_fails() -> None:
    for _ in in_order(filled, 0, len(DATA), after=lambda *_: None, step=STEP):
        raise OSError("disk fault")


@pytest.mark.parametrize("fails", [_fill_fails, _after_fails, _last_after_fails, _seeing_fails])
def test_whatever_fails_ends_it_and_no_buffer_is_lost(fails: Callable[[], None]) -> None:
    for _ in range(20):
        with pytest.raises(OSError, match="disk fault"):
            fails()
    assert free_buffers() == 12
