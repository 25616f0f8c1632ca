"""What a sweep does next: the trials of a round, those that were killed, the best once more, or nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from modelbook.core.sweeps.search_space import grid
from modelbook.core.sweeps.standings import better, confirmations
from modelbook.core.sweeps.sweep import MOST_LEGS, Sweep
from modelbook.core.sweeps.trials import Leg, TrialResult, never_logged

_ENOUGH = 10  # failures and nothing else: the eleventh trial would be one more

MEND = "Mend the training or the file, and give the sweep another name: what was trained stays as it is."
"""What to do where no trial can be any good as it is."""


@dataclass(frozen=True)
class Round:
    """The legs to train now, at most MOST_LEGS, and why: `stage` is `search`, `confirm` or `over`.

    `why` is what ended the search, None while it goes on. `broken` says that no trial can be any good as it is.
    """

    legs: tuple[Leg, ...]
    stage: str
    why: str | None = None
    broken: bool = False


def next_round(sweep: Sweep, trials: Sequence[TrialResult], alive: Collection[Leg] = ()) -> Round:
    """Decide by what the runs of the sweep say, in any order; legs that are `alive` are being trained elsewhere.

    Of any other that has no end, nobody saw the end: it is begun again.
    """
    searched, most = [one for one in trials if not one.leg.repeat], most_trials(sweep)
    killed = tuple(one.leg for one in trials if not one.spent and one.leg not in alive)
    if problem := _hopeless(sweep, searched, most):
        return Round((), "over", problem, broken=True)
    begun = {one.leg.number for one in searched} | {leg.number for leg in alive}
    why = _spent(sweep, searched, len(begun), most)
    if not why:
        left = most - len(begun)
        fresh = [number for number in range(1, 10_000) if number not in begun][: min(sweep.legs, max(0, left))]
        legs = (*(leg for leg in killed if not leg.repeat), *(Leg(number) for number in fresh))
        return Round(legs[:MOST_LEGS], "search")
    if waiting := [leg for leg in killed if not leg.repeat]:
        return Round(tuple(waiting[:MOST_LEGS]), "search", why)
    known = {one.leg for one in trials} | set(alive)
    again = [leg for leg in confirmations(sweep, trials) if leg not in known or leg in killed]
    if any(not leg.repeat for leg in alive):
        return Round((), "search", why)  # which ones are the best is not known yet
    return Round(tuple(again[:MOST_LEGS]), "confirm" if again or any(leg.repeat for leg in alive) else "over", why)


def _hopeless(sweep: Sweep, trials: Sequence[TrialResult], most: int) -> str | None:
    """Why going on makes no sense: a whole round ended, and no trial has a value or was given up for a worse one."""
    ended = [one for one in trials if one.ended]
    enough = min(sweep.legs, most, _ENOUGH)
    if len(ended) < enough or any(one.status in {"completed", "pruned"} for one in ended):
        return None
    metric = sweep.metric.name
    silent = [one for one in ended if one.problem == never_logged(metric)]
    if len(silent) == len(ended):
        names = ", ".join(dict.fromkeys(name for one in silent for name in one.logged)) or "nothing"
        return f"no trial logged {metric!r}; they logged: {names}"
    reasons = "; ".join(dict.fromkeys(str(one.problem) for one in ended))[:500]
    return f"all {len(ended)} trials failed: {reasons}"


def most_trials(sweep: Sweep) -> int:
    """How many trials the sweep has at most, repetitions not counted."""
    points = len(grid(sweep)) if sweep.method == "grid" else 9999
    return min(points, sweep.budget.trials or points)


def trials_to_come(sweep: Sweep, trials: Sequence[TrialResult]) -> int | None:
    """How many trials, repetitions counted, are left at most; None where no number bounds them."""
    if sweep.method != "grid" and sweep.budget.trials is None:
        return None
    again = sweep.confirming.best * sweep.confirming.seeds if sweep.confirming else 0
    return max(0, most_trials(sweep) + again - sum(one.ended for one in trials))


def _spent(sweep: Sweep, trials: Sequence[TrialResult], begun: int, most: int) -> str | None:
    """What of the budget is spent, of which no more than `most` trials are begun."""
    if begun >= most:
        whole = sweep.method == "grid" and begun != sweep.budget.trials
        return f"all {begun} points were tried" if whole else f"{begun} trials were begun"
    hours = sum(one.hours for one in trials)
    if sweep.budget.gpu_hours is not None and hours >= sweep.budget.gpu_hours:
        return f"{hours:.2f} GPU hours are spent"
    if sweep.budget.patience and (rounds := _rounds_without_gain(sweep, trials)) >= sweep.budget.patience:
        return f"the last {rounds} rounds brought nothing better"
    return None


def _rounds_without_gain(sweep: Sweep, trials: Sequence[TrialResult]) -> int:
    """How many whole rounds, counted from the last one, brought no better value than the rounds before them."""
    rounds: dict[int, list[TrialResult]] = {}
    for one in trials:
        rounds.setdefault((one.leg.number - 1) // sweep.legs, []).append(one)
    whole = [each for _, each in sorted(rounds.items()) if len(each) == sweep.legs and all(one.ended for one in each)]
    best: float | None = None
    count = 0
    for each in whole:
        values = [one.value for one in each if one.value is not None]
        top = max(values, key=lambda value: better(sweep, value), default=None)
        if top is not None and (best is None or better(sweep, top) > better(sweep, best)):
            best, count = top, 0
        elif best is not None:
            count += 1
    return count
