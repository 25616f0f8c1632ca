"""Optuna's pruners: whether a trial is to be given up, by what it and the other trials logged step by step."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from modelbook.adapters.optuna_study import quiet
from modelbook.core.sweeps.rungs import compared_at
from modelbook.core.sweeps.sweep import EarlyTerminate, Sweep
from modelbook.core.sweeps.trials import TrialResult

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner


def is_hopeless(sweep: Sweep, number: int, steps: Mapping[int, float], others: Sequence[TrialResult]) -> bool:
    """Whether trial `number`, whose metric has the values `steps` by step, should stop after the last of them."""
    early = sweep.early_terminate
    if early is None or not steps:
        return False
    known = {one.leg.number: one for one in others if not one.leg.repeat}
    with quiet() as optuna:
        study: Study = optuna.create_study(
            study_name=sweep.name,
            direction=sweep.metric.goal,
            sampler=optuna.samplers.RandomSampler(),  # nothing is drawn
            pruner=_pruner(early),
        )
        if early.type == "median":
            return _below_median(study, steps, list(known.values()))
        return _left_behind(study, early, number, steps, known)


def _pruner(early: EarlyTerminate) -> "BasePruner":
    from optuna import pruners

    if early.type == "median":
        return pruners.MedianPruner(n_startup_trials=early.startup, n_warmup_steps=early.min_iter)
    if early.type == "asha":
        return pruners.SuccessiveHalvingPruner(min_resource=early.min_iter, reduction_factor=early.eta)
    most = early.max_iter or early.min_iter
    return pruners.HyperbandPruner(min_resource=early.min_iter, max_resource=most, reduction_factor=early.eta)


def _below_median(study: "Study", steps: Mapping[int, float], others: Sequence[TrialResult]) -> bool:
    from optuna.trial import TrialState, create_trial

    for one in others:
        if one.value is not None:
            before = dict(one.steps)
            study.add_trial(create_trial(state=TrialState.COMPLETE, value=one.value, intermediate_values=before))
    trial = study.ask()
    for step in sorted(steps):
        trial.report(steps[step], step)
    return trial.should_prune()


def _left_behind(
    study: "Study", early: EarlyTerminate, number: int, steps: Mapping[int, float], known: Mapping[int, TrialResult]
) -> bool:
    """Live through all trials again: the pruner keeps what it compares with each trial as it comes to a rung.

    Hyperband tells by a trial's number which of its values of min_iter it has, so that none may be missing.
    """
    for each in range(1, max([number, *known]) + 1):
        trial = study.ask()
        if each == number:
            own = trial
            continue
        for step in compared_at(early, known[each].steps) if each in known else ():
            trial.report(known[each].steps[step], step)
            trial.should_prune()
    verdict = False
    for step in compared_at(early, steps):
        own.report(steps[step], step)
        verdict = own.should_prune() and step == max(steps)
    return verdict
