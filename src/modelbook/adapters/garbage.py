"""Python's search for cycles of objects to free, put off where it finds none and takes long."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """A block without that search: for what makes many objects and keeps nearly all, or is timed.

    To look through them again and again would take a tenth to a third of its time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
