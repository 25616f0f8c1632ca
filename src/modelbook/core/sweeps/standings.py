"""Which trial of a sweep is the best one, and how sure that is: the mean over several seeds counts, not a lucky one."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from modelbook.core.sweeps.sweep import Sweep
from modelbook.core.sweeps.trials import Leg, TrialResult


def better(sweep: Sweep, value: float) -> float:
    """A value so that more is better."""
    return value if sweep.metric.goal == "maximize" else -value


@dataclass(frozen=True)
class Standing:
    """One trial with a value and what its repetitions with other seeds gave. `deviation` needs two values."""

    trial: TrialResult
    values: tuple[float, ...]
    runs: tuple[str, ...]

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """The standard deviation over the seeds, None for one of them."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None


def ranked(sweep: Sweep, trials: Sequence[TrialResult]) -> list[TrialResult]:
    """The trials that have a value, the best one first; of equals the earlier one."""
    valued = [(one, one.value) for one in trials if one.value is not None and not one.leg.repeat]
    return [one for one, value in sorted(valued, key=lambda pair: (-better(sweep, pair[1]), pair[0].leg))]


def confirmations(sweep: Sweep, trials: Sequence[TrialResult]) -> list[Leg]:
    """The repetitions that it takes before one trial is named best."""
    asked = sweep.confirming
    if asked is None:
        return []
    best = ranked(sweep, trials)[: asked.best]
    return [Leg(one.leg.number, repeat) for one in best for repeat in range(1, asked.seeds + 1)]


def standings(sweep: Sweep, trials: Sequence[TrialResult]) -> list[Standing]:
    """The trials that may be named best, the best one first by the mean over its seeds.

    Where the best are confirmed, only they are among them.
    """
    asked = sweep.confirming
    by_number: dict[int, list[TrialResult]] = {}
    for one in trials:
        if one.value is not None:
            by_number.setdefault(one.leg.number, []).append(one)
    found = []
    for one in ranked(sweep, trials)[: asked.best if asked else None]:
        seeds = sorted(by_number[one.leg.number], key=lambda each: each.leg)
        values = tuple(each.value for each in seeds if each.value is not None)
        found.append(Standing(one, values, tuple(each.run for each in seeds)))
    return sorted(found, key=lambda each: -better(sweep, each.mean))


def confirmed(sweep: Sweep, trials: Sequence[TrialResult]) -> bool:
    """Whether every repetition that is asked for has ended, well or not."""
    spent = {one.leg for one in trials if one.spent}
    return all(leg in spent for leg in confirmations(sweep, trials))
