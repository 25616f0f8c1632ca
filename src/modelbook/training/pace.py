"""How often a checkpoint is due."""

import re
import time
from collections.abc import Callable

from modelbook.errors import BadInput

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_EVERY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|m|min|h)")


class Pace:
    """Counts from the last checkpoint, or from the beginning."""

    def __init__(self, every: int | str, clock: Callable[[], float] = time.monotonic) -> None:
        """`every` is a number of steps, or a time: `"30s"`, `"10m"`, `"1h"`. Raises BadInput for anything else."""
        found = _EVERY.fullmatch(every.strip()) if isinstance(every, str) else None
        self.steps = every if type(every) is int and every > 0 else None
        self.seconds = float(found[1]) * _UNITS[found[2]] if found else None
        if not self.steps and not self.seconds:
            raise BadInput(
                f"every={every!r} is no pace for checkpoints",
                remedy='Give a number of steps, as in every=100, or a time, as in every="60s", "10m" or "1h".',
            )
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """A checkpoint was taken."""
        self._done, self._since = 0, self._clock()

    def due(self) -> bool:
        """Whether one is due now that one more step is done."""
        self._done += 1
        if self.steps:
            return self._done >= self.steps
        return self._clock() - self._since >= (self.seconds or 0.0)
