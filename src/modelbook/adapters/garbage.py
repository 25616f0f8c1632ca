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
            if not gc.get_freeze_count():  # nobody has frozen anything that would thaw here
                # What was made is old then; else the next search would go through all of it at once.
                gc.freeze()
                gc.unfreeze()
            gc.enable()
