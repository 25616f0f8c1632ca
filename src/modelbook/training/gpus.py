"""The GPUs that this process works on, as torch knows them; none where it has not imported torch."""

import sys
from typing import Any


class Gpus:
    """Those on which torch holds memory at this moment."""

    def __init__(self) -> None:
        torch: Any = sys.modules.get("torch")
        works = torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized()
        self._cuda: Any = torch.cuda if works else None
        # To wait for one that is not used would take memory on it.
        numbers = range(torch.cuda.device_count()) if works else ()
        self.used = tuple(number for number in numbers if torch.cuda.memory_reserved(number))

    def wait(self) -> None:
        """Return when they have done all that they were told."""
        for number in self.used:
            self._cuda.synchronize(number)

    def forget_peaks(self) -> None:
        """From here on, peaks are measured anew; what is allocated now counts."""
        for number in self.used:
            self._cuda.reset_peak_memory_stats(number)

    def peaks(self) -> dict[int, int]:
        """The most bytes that torch's allocator has given out on each, since `forget_peaks`."""
        return {number: self._cuda.max_memory_allocated(number) for number in self.used}
