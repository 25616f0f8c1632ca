"""Which trial of a sweep is the best one, and how sure that is: what it gives with other seeds counts, not a lucky one.

The value that a trial was chosen by is the best of many draws, so it is too good to be what the trial gives on average
(the winner's curse), and no part of any mean. Training with other seeds is a draw that nobody chose by.
"""

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
    """One trial with a value, `chosen_by`, and the `others` that its repetitions with other seeds gave.

    `runs` are all of its runs, its own first. Where there is no other seed, what it was chosen by stands for the mean.
    """

    trial: TrialResult
    chosen_by: float
    others: tuple[float, ...]
    runs: tuple[str, ...]

    @property
    def mean(self) -> float:
        """The mean over the other seeds."""
        return statistics.fmean(self.others or (self.chosen_by,))

    @property
    def deviation(self) -> float | None:
        """The standard deviation over the other seeds, None where there are not two."""
        return statistics.stdev(self.others) if len(self.others) > 1 else None

    @property
    def seeds(self) -> str:
        """What the mean is over, for people."""
        if not self.others:
            return "with the one seed that it was chosen by"
        return "with one other seed" if len(self.others) == 1 else f"over {len(self.others)} other seeds"


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
    """The trials that may be named best, the best one first: by what it was chosen by, where nothing confirms that.

    Where the best are confirmed, only they are among them, by the mean over their other seeds, and one that no other
    seed has confirmed comes last.
    """
    asked = sweep.confirming
    by_number: dict[int, list[TrialResult]] = {}
    for one in trials:
        if one.value is not None:
            by_number.setdefault(one.leg.number, []).append(one)
    found = []
    for one in ranked(sweep, trials)[: asked.best if asked else None]:
        seeds = sorted(by_number[one.leg.number], key=lambda each: each.leg)
        chosen_by, *others = (each.value for each in seeds if each.value is not None)
        found.append(Standing(one, chosen_by, tuple(others), tuple(each.run for each in seeds)))
    if not asked:  # what somebody trained with another seed by hand is not to be compared with the rest
        return sorted(found, key=lambda each: -better(sweep, each.chosen_by))
    return sorted(found, key=lambda each: (not each.others, -better(sweep, each.mean)))


def confirmed(sweep: Sweep, trials: Sequence[TrialResult]) -> bool:
    """Whether every repetition that is asked for has ended, well or not."""
    spent = {one.leg for one in trials if one.spent}
    return all(leg in spent for leg in confirmations(sweep, trials))
