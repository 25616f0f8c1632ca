"""An object in ranges: read in parallel into a few buffers that are used again and again, and seen in order.

Who pulls and who pushes go the same way: a range is filled (from the network, from a file), then seen in its turn
(hashed) while another thread does with it what is to be done after (writes it, sends it). Memory is touched once and
not per range: fresh pages cost a system more than all the rest of a transfer.
"""

import os
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue

from modelbook.adapters.parallel import LOOK_UP_SECONDS, Crew, Joint

RANGE = 8 * 1024 * 1024  # bytes; a whole number of any file system's blocks
AHEAD = 8  # ranges of one object that are in memory or on their way

Fill = Callable[[int, memoryview], None]
"""Fills the view with the bytes of an object from the given one on; called from several threads at once."""

After = Callable[[int, memoryview], None]
"""Does with a range that is filled what is to be done beside seeing it; called from several threads at once."""


class _Buffers:
    """Some buffers of one size, made when first needed and used again and again."""

    def __init__(self, most: int, size: int = RANGE) -> None:
        self._size = size
        self._unmade: SimpleQueue[None] = SimpleQueue()
        for _ in range(most):
            self._unmade.put(None)
        self._free: SimpleQueue[bytearray] = SimpleQueue()

    def take(self, *, wait: bool) -> bytearray | None:
        """A buffer, or None where there is none now and it is not waited for."""
        while True:
            with suppress(Empty):
                return self._free.get_nowait()
            with suppress(Empty):
                self._unmade.get_nowait()
                return bytearray(self._size)
            if not wait:
                return None
            with suppress(Empty):
                return self._free.get(timeout=LOOK_UP_SECONDS)

    def give(self, buffer: bytearray) -> None:
        """Give back what `take` returned."""
        self._free.put(buffer)


_BUFFERS = _Buffers(12)  # what bounds the memory of any number of transfers in this process
_CREW = Crew(8)


def _begin_anew() -> None:
    """In a process that was forked, no thread of the crew lives, and what they held is lost."""
    global _BUFFERS, _CREW
    _BUFFERS, _CREW = _Buffers(12), Crew(8)


os.register_at_fork(after_in_child=_begin_anew)


def in_order(
    fill: Fill, start: int, size: int, *, after: After | None = None, step: int = RANGE
) -> Generator[memoryview]:
    """Each range of an object from byte `start` to `size`, when `fill` has filled it: good until the next is asked for.

    Up to AHEAD of them, of `step` bytes each, are being filled, wait for their turn, or are in the hand of `after`; the
    last `next` returns when that has ended for all. What `fill` raises is raised when the turn of that range comes,
    what `after` raises as soon as it is known. Ranges larger than RANGE have a few buffers of their own.
    """
    ahead = max(1, min(AHEAD, AHEAD * RANGE // step))
    buffers = _BUFFERS if step <= RANGE else _Buffers(ahead, step)
    waiting: deque[_Range] = deque()
    held: set[_Range] = set()
    ended: SimpleQueue[_Range] = SimpleQueue()
    at = start
    joint = Joint()
    try:
        with joint:
            while at < size or held:
                # Who holds a buffer never waits for another: so no two wait for each other.
                buffer = buffers.take(wait=not held) if at < size and len(held) < ahead else None
                if buffer is not None:
                    one = _Range(buffer, at, min(step, size - at))
                    held.add(one)
                    waiting.append(one)
                    at += len(one.view)
                    if start + len(one.view) == size:
                        one.run(fill, after, joint, ended)  # no other thread is worth its start
                    else:
                        joint.hand(_CREW, partial(one.run, fill, after, joint, ended))
                elif waiting:
                    one = waiting[0]
                    one.wait_until_filled()
                    yield one.view
                    waiting.popleft().seen = True
                    _let_go(one, held, buffers)
                else:
                    _settle(ended, held, buffers, wait=True)
                _settle(ended, held, buffers, wait=False)
    finally:
        for one in held:
            buffers.give(one.buffer)


def _settle(ended: "SimpleQueue[_Range]", held: "set[_Range]", buffers: _Buffers, *, wait: bool) -> None:
    """Let go of the ranges that have ended since; raises what ended one."""
    while True:
        try:
            one = ended.get(wait, LOOK_UP_SECONDS)
        except Empty:
            if wait:
                continue
            return
        wait = False
        one.ended = True
        if one.error is not None and not one.unfilled:
            raise one.error
        _let_go(one, held, buffers)


def _let_go(one: "_Range", held: "set[_Range]", buffers: _Buffers) -> None:
    if one.seen and one.ended:
        held.remove(one)
        buffers.give(one.buffer)


class _Range:
    """One range on its way. It may be let go when it was seen, and its thread has ended."""

    def __init__(self, buffer: bytearray, at: int, length: int) -> None:
        self.buffer = buffer
        self.view = memoryview(buffer)[:length]
        self.seen = self.ended = False
        self.unfilled = True
        self.error: BaseException | None = None
        self._at = at
        self._filled: SimpleQueue[None] = SimpleQueue()

    def run(self, fill: Fill, after: After | None, joint: Joint, ended: "SimpleQueue[_Range]") -> None:
        try:
            if not joint.stopped:
                fill(self._at, self.view)
                self.unfilled = False
                self._filled.put(None)
                if after:
                    after(self._at, self.view)
        except BaseException as error:  # noqa: BLE001 - `wait_until_filled` or `_settle` raises it
            self.error = error
        finally:
            self._filled.put(None)
            ended.put(self)

    def wait_until_filled(self) -> None:
        while True:
            with suppress(Empty):
                self._filled.get(timeout=LOOK_UP_SECONDS)
                break
        if self.unfilled and self.error is not None:
            raise self.error
