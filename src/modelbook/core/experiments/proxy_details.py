"""What a person wants to know beside the verdict on a proxy: intervals by bootstrap, and prediction left one out."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelbook.core.evaluation import CONFIDENCE, Interval
from modelbook.core.experiments.proxies import Pair

if TYPE_CHECKING:
    from modelbook.core.experiments.online_history import Floats

RESAMPLES, SEED = 1_999, 0
_AT_ONCE = 2_000_000  # differences of two versions: 16 MB


@dataclass(frozen=True)
class Prediction:
    """How far the online metric of a version lies from what a line through all others says (root mean square, in its
    own unit), and from the plain mean of the others. `predicted` has shape (V,), larger is better."""

    error: float
    error_of_mean: float
    predicted: "Floats"


@dataclass(frozen=True)
class Details:
    """Intervals of the rank correlations, and the prediction."""

    spearman: Interval
    kendall: Interval
    prediction: Prediction


def details(pair: Pair) -> Details:
    """Of one pair. Versions are drawn again with the same seed each time, so that the same files give the same."""
    import numpy as np
    from scipy import stats

    def interval(statistic: Any) -> Interval:
        found = stats.bootstrap(
            (pair.x, pair.y),
            statistic,
            paired=True,
            vectorized=True,
            confidence_level=CONFIDENCE,
            n_resamples=RESAMPLES,
            batch=max(1, _AT_ONCE // len(pair.x) ** 2),
            method="percentile",
            rng=np.random.default_rng(SEED),
        ).confidence_interval
        return Interval(low=float(found.low), high=float(found.high), confidence=CONFIDENCE)

    return Details(interval(spearman), interval(kendall), predict(pair))


def spearman(x: "Floats", y: "Floats", axis: int = -1) -> "Floats":
    """Spearman's rho along the last axis: Pearson's r of the ranks."""
    from scipy import stats

    return _correlation(stats.rankdata(x, axis=axis), stats.rankdata(y, axis=axis))


def kendall(x: "Floats", y: "Floats", axis: int = -1) -> "Floats":  # noqa: ARG001 - the bootstrap names it, and it is the last
    """Kendall's tau-b along the last axis: Pearson's r of the signs of all differences (Daniels, Biometrika 33, 1944).

    SciPy's own takes one sample at a time, and a bootstrap has thousands.
    """
    import numpy as np

    def signs(sample: "Floats") -> "Floats":
        found: Floats = np.sign(sample[..., :, None] - sample[..., None, :])
        return found.reshape(*sample.shape[:-1], -1)

    return _correlation(signs(x), signs(y))


def _correlation(x: "Floats", y: "Floats") -> "Floats":
    """Pearson's r along the last axis; 0 where one of the two never varies, and nothing is known of it."""
    import numpy as np
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        found: Floats = np.nan_to_num(stats.pearsonr(x, y, axis=-1).statistic)
    return found


def predict(pair: Pair) -> Prediction:
    """The online metric of each version from a straight line through all other versions."""
    import numpy as np
    from scipy import stats

    predicted, means = np.empty_like(pair.y), np.empty_like(pair.y)
    for at in range(len(pair.y)):
        x, y = np.delete(pair.x, at), np.delete(pair.y, at)
        means[at] = y.mean()
        line = stats.linregress(x, y) if np.ptp(x) else None  # all others alike: there is no line through a point
        predicted[at] = line.intercept + line.slope * pair.x[at] if line else means[at]

    def error(of: "Floats") -> float:
        return float(np.sqrt(np.mean((pair.y - of) ** 2)))

    return Prediction(error(predicted), error(means), predicted)
