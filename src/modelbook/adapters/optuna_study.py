"""Optuna: a sweep's study, made anew from what the runs say whenever it is asked something, and kept nowhere.

Optuna's own storages are left out on purpose: the runs are the truth, and nothing else can be lost or disagree.
"""

import hashlib
import math
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from modelbook.adapters.extras import extra
from modelbook.core.sweeps.search_space import Dimension, Point, dimensions, fits, grid
from modelbook.core.sweeps.sweep import Scalar, Sweep
from modelbook.core.sweeps.trials import TrialResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

_EXPLAINED = 500  # trials that fANOVA is asked about


def suggest(sweep: Sweep, trials: Sequence[TrialResult], number: int, inherited: Sequence[TrialResult] = ()) -> Point:
    """The parameters of trial `number`, chosen by all that the other trials say by now.

    Trials before it of which nothing is known yet are asked for first and taken to be under way, so that the legs of
    a round that start at once try different things. The same question has the same answer.
    """
    if sweep.method == "grid":
        return grid(sweep)[number - 1]
    with quiet():
        known = {one.leg.number: one for one in trials if not one.leg.repeat}
        before = [known[each] for each in sorted(known) if each != number]
        study = (_replayed if sweep.sampler == "cmaes" else _made)(sweep, [*inherited, *before])
        for missing in (each for each in range(1, number) if each not in known):
            _ask(study, sweep, missing)
        return _ask(study, sweep, number)


def study_of(sweep: Sweep, trials: Sequence[TrialResult]) -> "Study":
    """The study as Optuna's pictures and importances read it. Raises BadInput without Optuna."""
    with quiet():
        known = {one.leg.number: one for one in trials if not one.leg.repeat}
        from optuna.trial import TrialState, create_trial

        study = _empty(sweep)
        # A trial of Optuna's has the number of its place, and ours begin with 1.
        for number in range(max(known, default=-1) + 1):
            if number not in known or not _add(study, sweep, known[number]):
                study.add_trial(create_trial(state=TrialState.FAIL))
        return study


def importances(sweep: Sweep, trials: Sequence[TrialResult]) -> dict[str, float]:
    """How much of the metric's variance each parameter explains (fANOVA: Hutter, Hoos, Leyton-Brown, 2014).

    Shares of 1, the greatest first; empty where no two trials differ, so that nothing is to be explained. Of more than
    _EXPLAINED trials some are taken at equal distances: the time grows faster than their number, to minutes for 3,000.
    """
    valued = [one for one in trials if one.value is not None and not one.leg.repeat]
    study = study_of(sweep, valued[:: math.ceil(len(valued) / _EXPLAINED) or 1])
    complete = [one for one in study.trials if one.value is not None and one.state.name == "COMPLETE"]
    if len({one.value for one in complete}) < 2:
        return {}
    extra("sklearn", "sweep", "the importance of parameters")
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    with quiet():
        try:
            found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=sweep.seed))
            return {name: float(share) for name, share in found.items()}
        except (ValueError, RuntimeError):  # no parameter that all trials have, or none that differs
            return {}


def _empty(sweep: Sweep) -> "Study":
    optuna = extra("optuna", "sweep", "a sweep")
    study: Study = optuna.create_study(study_name=sweep.name, direction=sweep.metric.goal, sampler=_sampler(sweep, 0))
    return study


def _made(sweep: Sweep, trials: Sequence[TrialResult]) -> "Study":
    study = _empty(sweep)
    for one in trials:
        _add(study, sweep, one)
    return study


def _add(study: "Study", sweep: Sweep, one: TrialResult) -> bool:
    """Add a trial; False where its parameters lie outside of the space, as those of an inherited one may."""
    from optuna.trial import create_trial

    if (point := fits(sweep, one.params)) is None:
        return False
    state, value = _state(one)
    distributions = _distributions(sweep, point)
    study.add_trial(
        create_trial(
            state=state,
            value=value,
            params={name: point[name] for name in distributions},
            distributions=distributions,
            intermediate_values=dict(one.steps) if state.is_finished() else {},
        )
    )
    return True


def _replayed(sweep: Sweep, trials: Sequence[TrialResult]) -> "Study":
    """As `_made`, but lived through again: CMA-ES keeps its state with the trials, where it asks for the next one."""
    extra("cmaes", "sweep", "the sampler cmaes")
    study = _empty(sweep)
    from optuna.trial import TrialState

    for one in trials:
        if (point := fits(sweep, one.params)) is None:
            continue
        study.enqueue_trial({name: point[name] for name in _distributions(sweep, point)})
        trial = study.ask()
        _choose(trial, sweep)
        state, value = _state(one)
        if state == TrialState.COMPLETE:
            study.tell(trial, value)
        elif state.is_finished():
            study.tell(trial, state=TrialState.FAIL)
    return study


def _state(one: TrialResult) -> Any:
    from optuna.trial import TrialState

    if one.status == "completed":
        return TrialState.COMPLETE, one.value
    if one.status == "pruned" and one.steps:
        return TrialState.PRUNED, one.steps[max(one.steps)]
    # A killed trial may go on: until it has ended, it is under way, and nobody tries the same.
    return (TrialState.FAIL if one.ended else TrialState.RUNNING), None


def _ask(study: "Study", sweep: Sweep, number: int) -> Point:
    if sweep.sampler != "cmaes":
        study.sampler = _sampler(sweep, number)
    return _choose(study.ask(), sweep)


def _choose(trial: "Trial", sweep: Sweep) -> Point:
    point: Point = {}
    for one in dimensions(sweep):
        if one.holds(point):
            point[one.name] = _suggested(trial, one)
    return point


def _suggested(trial: "Trial", one: Dimension) -> Scalar:
    if len(one.choices) == 1:
        return one.choices[0]
    if one.kind == "choice":
        chosen: Any = trial.suggest_categorical(one.name, one.choices)
        return chosen  # type: ignore[no-any-return]  # one of them
    if one.kind == "int":
        return trial.suggest_int(one.name, int(one.low), int(one.high), step=int(one.step or 1), log=one.log)
    return trial.suggest_float(one.name, one.low, one.high, step=one.step, log=one.log)


def _distributions(sweep: Sweep, point: Mapping[str, Scalar]) -> "dict[str, BaseDistribution]":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for one in dimensions(sweep):
        if one.name not in point or len(one.choices) == 1:  # of what is always the same Optuna need not know
            continue
        if one.kind == "choice":
            found[one.name] = CategoricalDistribution(one.choices)
        elif one.kind == "int":
            found[one.name] = IntDistribution(int(one.low), int(one.high), log=one.log, step=int(one.step or 1))
        else:
            found[one.name] = FloatDistribution(one.low, one.high, log=one.log, step=one.step)
    return found


def _sampler(sweep: Sweep, number: int) -> "BaseSampler":
    """The sampler of one trial: what it draws follows from the sweep's seed and the trial's number."""
    from optuna import samplers

    seed = int.from_bytes(hashlib.sha256(f"{sweep.seed} {number}".encode()).digest()[:4], "big") >> 1
    if sweep.method != "bayes":
        return samplers.RandomSampler(seed=seed)
    if sweep.sampler == "gp":
        extra("torch", "train", "the sampler gp")
        return samplers.GPSampler(seed=seed, n_startup_trials=sweep.startup)
    if sweep.sampler == "cmaes":
        return samplers.CmaEsSampler(seed=seed, n_startup_trials=sweep.startup, warn_independent_sampling=False)
    return samplers.TPESampler(seed=seed, n_startup_trials=sweep.startup, multivariate=True, group=True)


@contextmanager
def quiet() -> "Iterator[Any]":
    """Optuna, without its talk of each trial, and its warnings of what it calls experimental for years."""
    optuna = extra("optuna", "sweep", "a sweep")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)
