"""Candidate and baseline compared on each example: a bootstrap of the differences, or a t-test where they are many.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 14: bias-corrected and accelerated (BCa), as
SciPy has it. The random numbers begin with the same seed each time, so that the same files give the same verdict.
"""

from modelbook.core.judging.claims import Claim
from modelbook.core.judging.examples import Column
from modelbook.core.judging.significance import Compared, Estimate, welch

RESAMPLES, SEED = 9_999, 0
MANY = 2_000  # differences whose mean is normal for all purposes
FEW = 20  # examples that must differ: of fewer, a bootstrap knows too little to be believed


def tested(
    claim: Claim, estimates: tuple[Estimate, Estimate], columns: tuple[Column, Column] | None
) -> Compared | str | None:
    """Test a claim on candidate and baseline: example by example where that can be done, else as two samples.

    A text says why they are not the same examples; None is where the numbers are too large to be told apart.
    """
    found = paired(claim, *columns, estimates) if columns else None
    return welch(claim, *estimates) if found is None else found


def paired(
    claim: Claim, candidate: Column, baseline: Column, estimates: tuple[Estimate, Estimate]
) -> Compared | str | None:
    """Test a claim on the same examples. None where too few of them differ; a text says why they are not the same."""
    if candidate.keys() != baseline.keys():
        alone, others = len(candidate.keys() - baseline.keys()), len(baseline.keys() - candidate.keys())
        both = f"{alone} are the candidate's alone and {others} the baseline's"
        return f"{claim.metric} was measured on other examples: {both}, on one dataset version"
    import numpy as np  # late: most gates need none of it
    from scipy import stats

    ids = sorted(candidate)
    differences = np.array([candidate[one] - baseline[one] for one in ids])
    if np.count_nonzero(differences) < FEW or not np.isfinite(differences).all() or not np.ptp(differences):
        return None
    level = 2 * claim.confidence - 1  # the chance of error is 1 - confidence at each end
    if len(ids) > MANY:
        method = "paired t-test"
        interval = stats.ttest_1samp(differences, 0.0).confidence_interval(level)
    else:
        method = "paired bootstrap"
        interval = stats.bootstrap(
            (differences,),
            np.mean,
            confidence_level=level,
            n_resamples=RESAMPLES,
            method="BCa",
            batch=100,
            rng=np.random.default_rng(SEED),
        ).confidence_interval
    low, high = float(interval.low), float(interval.high)
    if not (np.isfinite(low) and np.isfinite(high)):
        return None
    return Compared(claim, *estimates, estimates[0].value - estimates[1].value, low, high, method)
