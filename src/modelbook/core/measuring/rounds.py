"""A suite that ran several times: in which order two versions take turns, and what the rounds say together.

A process is the sample. What one process meets for all of its life (where its memory lies, who else is on the machine,
how warm the processor is) makes its thousands of calls alike, so they say little of what the next process will see:
Kalibera and Jones, "Rigorous benchmarking in reasonable time", ISMM 2013.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Literal

from modelbook.core.evaluation import CONFIDENCE, Interval, Metric

Side = Literal["candidate", "baseline"]


def turns(rounds: int) -> tuple[Side, ...]:
    """Candidate and baseline, `rounds` times each, as A B B A A B B A: neither is always first.

    With an even number of rounds a machine that slows down evenly is as unkind to the one as to the other.
    """
    pairs: tuple[tuple[Side, Side], tuple[Side, Side]] = (("candidate", "baseline"), ("baseline", "candidate"))
    return tuple(side for number in range(rounds) for side in pairs[number % 2])


def combined(rounds: Sequence[Mapping[str, Metric]]) -> dict[str, Metric]:
    """The metrics of all rounds (at least one) as one: of those that depend on the machine, the mean of the rounds.

    Its `n` is the number of rounds, its noise that between them (Student's t). What does not depend on the machine is
    taken from the first round.
    """
    first = rounds[0]
    if len(rounds) == 1:
        return dict(first)
    names = dict.fromkeys(name for one in rounds for name in one if name in first or one[name].hardware)
    return {name: _together([one.get(name) for one in rounds]) for name in names}


def _together(measured: Sequence[Metric | None]) -> Metric:
    if not any(one and one.hardware for one in measured) and measured[0]:
        return measured[0]
    values: list[float] = []
    for number, one in enumerate(measured, start=1):
        if one is None or one.value is None:
            why = one.problem if one else "missing"
            return Metric(problem=f"{why} in round {number} of {len(measured)}", hardware=True)
        values.append(one.value)
    from scipy import special  # late: a suite that runs once needs none of it

    n, middle = len(values), mean(values)
    try:
        error = stdev(values) / math.sqrt(n)
    except OverflowError:  # at the very end of what a float can hold
        error = math.inf
    reach = float(special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * error
    if not math.isfinite(middle - reach) or not math.isfinite(middle + reach):
        return Metric(problem="of rounds that differ by more than a float can hold", hardware=True)
    interval = Interval(low=middle - reach, high=middle + reach, confidence=CONFIDENCE)
    return Metric(value=middle, n=n, stderr=error, interval=interval, hardware=True)
