"""An object in ranges: read in parallel into a few buffers that are used again and again, and seen in order.

Memory is touched once and not per range: fresh pages cost a system more than all the rest of a transfer.
"""

import os
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Literal, overload

from modelbook.adapters.parallel import Crew, Joint

RANGE = 8 * 1024 * 1024  # bytes; a whole number of any file system's blocks
AHEAD = 5  # ranges of one object that are in memory or on their way
_LOOK_UP_SECONDS = 0.1  # as in `parallel`: a signal just before a wait does not end the wait

Fill = Callable[[int, memoryview], None]
"""Fills the view with the bytes of an object from the given one on; called from several threads at once."""


class _Buffers:
    """All buffers of this process, made when first needed: what bounds the memory of any number of transfers."""

    def __init__(self, most: int) -> None:
        self._unmade: SimpleQueue[None] = SimpleQueue()
        for _ in range(most):
            self._unmade.put(None)
        self._free: SimpleQueue[bytearray] = SimpleQueue()

    @overload
    def take(self, *, wait: Literal[True]) -> bytearray: ...
    @overload
    def take(self, *, wait: bool) -> bytearray | None: ...
    def take(self, *, wait: bool) -> bytearray | None:
        """A buffer of RANGE bytes, or None where there is none now and it is not waited for."""
        while True:
            with suppress(Empty):
                return self._free.get_nowait()
            with suppress(Empty):
                self._unmade.get_nowait()
                return bytearray(RANGE)
            if not wait:
                return None
            with suppress(Empty):
                return self._free.get(timeout=_LOOK_UP_SECONDS)

    def give(self, buffer: bytearray) -> None:
        """Give back what `take` returned."""
        self._free.put(buffer)


_BUFFERS = _Buffers(12)
_CREW = Crew(8)


def _begin_anew() -> None:
    """In a process that was forked, no thread of the crew lives, and what they held is lost."""
    global _BUFFERS, _CREW
    _BUFFERS, _CREW = _Buffers(12), Crew(8)


os.register_at_fork(after_in_child=_begin_anew)


def in_order(fill: Fill, start: int, size: int) -> Generator[memoryview]:
    """Each range of an object from byte `start` to `size`, when `fill` has filled it: good until the next is asked for.

    Up to AHEAD of them are filled at the same time. What `fill` raises is raised when the turn of that range comes.
    """
    waiting: deque[_Range] = deque()
    at = start
    joint = Joint()
    try:
        with joint:
            while at < size or waiting:
                more = at < size and len(waiting) < AHEAD
                # Who holds a buffer never waits for another: so no two wait for each other.
                buffer = _BUFFERS.take(wait=not waiting) if more else None
                if buffer is None:
                    waiting[0].wait()
                    yield waiting[0].view
                    _BUFFERS.give(waiting.popleft().buffer)
                    continue
                one = _Range(buffer, at, min(RANGE, size - at))
                waiting.append(one)
                if size - start <= RANGE:
                    one.fill(fill, joint)  # no other thread is worth its start
                else:
                    joint.hand(_CREW, partial(one.fill, fill, joint))
                at += len(one.view)
    finally:
        for one in waiting:
            _BUFFERS.give(one.buffer)


class _Range:
    def __init__(self, buffer: bytearray, at: int, length: int) -> None:
        self.buffer = buffer
        self.view = memoryview(buffer)[:length]
        self._at = at
        self._ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def fill(self, fill: Fill, joint: Joint) -> None:
        try:
            if not joint.stopped:
                fill(self._at, self.view)
            self._ended.put(None)
        except BaseException as error:  # noqa: BLE001 - `wait` raises it
            self._ended.put(error)

    def wait(self) -> None:
        while True:
            with suppress(Empty):
                error = self._ended.get(timeout=_LOOK_UP_SECONDS)
                break
        if error is not None:
            raise error
