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
    return 1 - student_t(within / error, len(values) - 1)


def student_t(t: float, freedom: int) -> float:
    """The distribution function of Student's t with a whole number of degrees of freedom, at `t`.

    In closed form: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term, total = (cosine, 0.0) if odd else (1.0, 0.0)
    for k in range(2 if odd else 1, freedom, 2):
        total += term
        term *= cosine * cosine * k / (k + 1)
    central = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return (1 + central) / 2
