"""Whether two measurements differ by more than their noise: Welch's t-test on values, standard errors and sizes.

The test and its degrees of freedom: Welch, "The generalization of Student's problem when several different population
variances are involved", Biometrika 34 (1947). A share of n examples has the standard error of a binomial after one
success and one failure were added (Agresti and Caffo, The American Statistician 54, 2000), so that 10 of 10 is no
certainty.
"""

import math
from dataclasses import dataclass
from decimal import Decimal

from modelbook.core.evaluation import Metric
from modelbook.core.judging.claims import Claim

_ROUNDING = 1e-6  # of a share that was computed with few bits: float32 keeps 24


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error, of n examples; `middle` is where the noise lies around, mostly the value."""

    value: float
    n: int
    stderr: float
    middle: float


@dataclass(frozen=True)
class Compared:
    """A claim with the numbers that decide it: `difference` is candidate - baseline, `low` and `high` enclose it.

    The true difference lies below `low` with a chance of 1 - confidence, and above `high` with as much: the end
    towards the limit decides.
    """

    claim: Claim
    candidate: Estimate
    baseline: Estimate
    difference: float
    low: float
    high: float
    method: str

    @property
    def holds(self) -> bool:
        """Whether the claim is borne out, by the interval and by the plain difference."""
        sign, limit = self.claim.sign, -self.claim.margin
        return sign * self.difference > limit and sign * (self.low if sign > 0 else self.high) > limit

    @property
    def words(self) -> str:
        """How it was tested, and on how much."""
        sizes = f"n {self.candidate.n} and {self.baseline.n}"
        return f"{self.claim.metric}: {self.method}, {sizes}, confidence {self.claim.confidence:g}"

    @property
    def why_not(self) -> str:
        """What keeps a claim that does not hold from holding."""
        claim = self.claim
        if claim.sign * self.difference <= -claim.margin:
            return f"{claim.metric} is {self.candidate.value:.6g}, the baseline's {self.baseline.value:.6g}"
        limit = "no difference" if not claim.margin else f"a difference of {-claim.sign * claim.margin:+.6g}"
        return f"noise is not excluded: {limit} lies within {self.low:+.6g} to {self.high:+.6g}"


def estimate_of(name: str, metric: Metric) -> Estimate | str:
    """What can be said of the noise in a metric; a text says what the suite would have to record."""
    value, n, stderr = metric.value, metric.n, metric.stderr
    if value is None:
        return f"{name} has no value"
    if n is None:
        also = "" if stderr is not None else ', and "stderr" unless it is a share of n examples'
        return f'{name} says not of how many examples it is: let the suite write "n" beside its value{also}'
    if n < 2:
        return f"{name} is of {n} example: of one, nobody knows how far the next may lie"
    if not 0 <= (stderr or 0) < math.inf:  # no file can hold it
        return f"{name} has a standard error of {stderr}"
    if stderr:
        return Estimate(value, n, stderr, value)
    if stderr is None and not is_share(value, n):
        told = f"{value:.6g} is no share of {n} examples"
        return f'{name} has no standard error, and {told}: let the suite write "stderr" beside its value'
    if stderr == 0 and value not in {0, 1}:
        return f"{name} has a standard error of 0, so there is no noise to tell it from: compare the values themselves"
    middle = (value * n + 1) / (n + 2)
    return Estimate(value, n, math.sqrt(middle * (1 - middle) / (n + 2)), middle)


def is_share(value: float, n: int) -> bool:
    """Whether `value`, to the digits that it was written with, is a whole number of `n` examples."""
    exponent = Decimal(repr(value)).as_tuple().exponent
    rounding = max(_ROUNDING, 0.5 * 10.0**exponent if isinstance(exponent, int) else 0)
    return 0 <= value <= 1 and abs(value * n - round(value * n)) <= n * rounding


def welch(claim: Claim, candidate: Estimate, baseline: Estimate) -> Compared | None:
    """Test a claim on two independent estimates; None where the numbers are too large to be told apart."""
    from scipy import special  # late: most gates need none of it

    difference = candidate.middle - baseline.middle
    error = math.hypot(candidate.stderr, baseline.stderr)
    if not error or not math.isfinite(error) or not math.isfinite(difference):
        return None
    parts = ((one.stderr / error) ** 4 / (one.n - 1) for one in (candidate, baseline))
    freedom = 1 / sum(parts)
    reach = float(special.stdtrit(freedom, claim.confidence)) * error
    low, high, plain = difference - reach, difference + reach, candidate.value - baseline.value
    if not all(map(math.isfinite, (low, high, plain))):
        return None
    return Compared(claim, candidate, baseline, plain, low, high, "Welch's t-test")
