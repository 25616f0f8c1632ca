"""Timing calls one by one: warm first, then until there are enough, with nothing in between that is not the call."""

from array import array
from collections.abc import Callable, Iterator
from itertools import cycle
from statistics import median
from typing import Any, Protocol, TypeVar

from modelbook.errors import BadInput

MOST = 200_000  # calls that are kept: of more, no percentile becomes better known that anybody asks for
STEADY = 0.95  # warm: the median call of a window took at least so much of that of the window before
_WINDOWS = 20  # of half the warm-up each; what is not steady by then never is
_FEWEST = 5  # calls of a window

Clock = Callable[[], int]
"""Gives nanoseconds that never go back, as `time.perf_counter_ns` does."""
Sliced = TypeVar("Sliced", covariant=True)


class Inputs(Protocol[Sliced]):
    """What gives batches by slices: a list, or an array or tensor whose first axis counts the inputs."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> Sliced: ...


def batches(inputs: Inputs[Sliced], size: int) -> Iterator[Sliced]:
    """Batches of exactly `size` inputs, round and round. Raises BadInput where there are fewer inputs than that."""
    if not 1 <= size <= len(inputs):
        raise BadInput(f"there is no batch of {size} of {len(inputs)} inputs", remedy="Give more, or smaller batches.")
    return (inputs[start : start + size] for start in cycle(range(0, len(inputs) - size + 1, size)))


def nanoseconds(
    predict: Callable[[Any], object], given: Iterator[Any], clock: Clock, synchronize: Callable[[], None]
) -> Iterator[int]:
    """How long each call takes, until what it began elsewhere (on a GPU) is done as well. Endless, as `given` is."""
    for batch in given:
        synchronize()
        started = clock()
        answer = predict(batch)
        synchronize()
        ended = clock()
        del answer  # to free it is not part of the call
        yield ended - started


def warm_up(calls: Iterator[int], seconds: float, what: str) -> int:
    """Call for `seconds` at least, and until calls no longer become quicker; how many it took.

    Judged by windows of half that time: warm is what has a median of at least STEADY times the one before. By then
    compilers, caches, allocators and the processor's clock have settled, whichever takes longest. Raises BadInput for
    what goes on becoming quicker.
    """
    before, count = None, 0
    for _ in range(_WINDOWS):
        window = until(calls, seconds / 2, _FEWEST)
        count += len(window)
        now = median(window)
        if before is not None and now >= STEADY * before:
            return count
        before = now
    raise BadInput(
        f"{what} still becomes quicker after {count:,} calls ({_WINDOWS / 2 * seconds:g} s of them)",
        remedy=f"Give it longer to warm up: warmup={10 * seconds:g}.",
    )


def until(calls: Iterator[int], seconds: float, fewest: int) -> "array[int]":
    """The nanoseconds of each call, until they make `seconds` and are `fewest`, or are MOST. All are kept."""
    found, left = array("q"), int(seconds * 1e9)
    for took in calls:
        found.append(took)
        left -= took
        if (left <= 0 and len(found) >= fewest) or len(found) >= MOST:
            break
    return found
