"""Whether repeated measurements agree with a recorded value: two one-sided t-tests (Schuirmann, 1987).

A difference test that finds nothing proves nothing: few repetitions never find a difference. Here the burden lies on
the other side: only enough repetitions, close enough to the recorded value, prove that it was met.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev


@dataclass(frozen=True)
class Equivalence:
    """The outcome. `p` is the chance of such values if the true mean lay `margin` or more away from what is recorded.

    `p` is None with fewer than two values: one value says nothing of how far the next one may lie.
    """

    recorded: float
    mean: float
    n: int
    margin: float
    p: float | None

    def holds(self, confidence: float) -> bool:
        """Whether the mean is within the margin, with that confidence (0.95: a chance of error of 5 %)."""
        return self.p is not None and self.p < 1 - confidence


def equivalence(values: Sequence[float], recorded: float, margin: float) -> Equivalence:
    """Test `values` (finite, at least one) against `recorded` ± `margin`, both in the metric's own unit.

    Where all values are the same, there is no noise to allow for, and their distance alone decides.
    """
    middle, n = mean(values), len(values)
    return Equivalence(recorded, middle, n, margin, None if n < 2 else _p(values, middle, recorded, margin))


def _p(values: Sequence[float], middle: float, recorded: float, margin: float) -> float:
    within = margin - abs(middle - recorded)  # of the two one-sided tests, the one towards the nearer bound decides
    try:
        error = stdev(values) / math.sqrt(len(values))
    except OverflowError:  # at the very end of what a float can hold
        return 1.0
    if not error:
        return 0.0 if within > 0 else 1.0
    from scipy import special  # late: it takes longer to import than most commands take to run

    return float(special.stdtr(len(values) - 1, -within / error))
