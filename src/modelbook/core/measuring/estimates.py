"""What a suite writes of a sample: the value with its size, its standard error and the interval that holds the truth.

The statistics are SciPy's: Wilson's interval of a share, Student's of a mean, and of a percentile the interval between
two of the samples with the standard error of Maritz and Jarrett (JASA 73, 1978). They take the sample for independent.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsFloat

from modelbook.core.evaluation import CONFIDENCE
from modelbook.errors import BadInput

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Estimated = dict[str, Any]
"""The fields of a Metric (core/evaluation.py), ready for the suite's JSON."""


def proportion(hits: SupportsFloat, n: SupportsFloat) -> Estimated:
    """The share of `n` examples that were right: {"value", "n", "stderr", "interval"}.

    Both are whole numbers, of Python, NumPy or torch. Raises BadInput unless 0 <= hits <= n and n >= 1.
    """
    right, size = float(hits), float(n)
    if not (right.is_integer() and size.is_integer() and 0 <= right <= size and size >= 1):
        raise BadInput(
            f"{right:g} of {size:g} is no share", remedy="Give whole numbers: how many were right, of how many."
        )
    from scipy import stats  # late: importing it takes a second

    share = right / size
    found = stats.binomtest(int(right), int(size)).proportion_ci(CONFIDENCE, method="wilson")
    error = math.sqrt(share * (1 - share) / size)
    return {"value": share, "n": int(size), "stderr": error, "interval": _interval(found.low, found.high)}


def mean(values: "ArrayLike") -> Estimated:
    """The mean of `values`, one of each example: {"value", "n", "stderr", "interval"}; of one value alone, no noise.

    Raises BadInput where there is none. A mean that is not finite comes back as it is, and passes no gate.
    """
    import numpy as np
    from scipy import stats

    sample = np.asarray(values, dtype=np.float64).ravel()
    if not len(sample):
        raise BadInput("there is no mean of nothing", remedy="Measure one example or more.")
    with np.errstate(over="ignore", invalid="ignore"):
        middle = float(sample.mean())
    found: Estimated = {"value": middle, "n": len(sample)}
    if len(sample) == 1 or not math.isfinite(middle):
        return found
    error = float(stats.sem(sample))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(sample) - 1)) * error
    return found | {"stderr": error, "interval": _interval(middle - reach, middle + reach)}


def fewest(percent: float) -> int:
    """How many samples a percentile takes, so that its interval has two ends.

    Of fewer, even the largest sample is no bound: of 100 calls the 99th percentile may lie beyond all of them.
    """
    share = max(percent, 100 - percent) / 100
    return math.ceil(math.log((1 - CONFIDENCE) / 2) / math.log(share))


def percentile(sample: Sequence[float], percent: float) -> Estimated:
    """A percentile of `fewest(percent)` values or more: {"value", "n", "stderr", "interval"}."""
    import numpy as np
    from scipy import stats
    from scipy.stats import mstats

    values, share = np.asarray(sample, dtype=np.float64), percent / 100
    value = float(np.quantile(values, share))
    found = stats.quantile_test(values, q=value, p=share).confidence_interval(CONFIDENCE)
    # The formula subtracts two squares, whose rounding drowns the error of values that lie close together: it is given
    # the distances from the percentile; and where rounding leaves less than nothing, there is no error.
    with np.errstate(invalid="ignore"):
        error = float(np.nan_to_num(mstats.mjci(values - value, [share])[0]))
    return {"value": value, "n": len(values), "stderr": error, "interval": _interval(found.low, found.high)}


def _interval(low: float, high: float) -> dict[str, float]:
    return {"low": float(low), "high": float(high), "confidence": CONFIDENCE}
