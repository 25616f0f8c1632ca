"""A study that is made anew from the trials whenever it is asked finds what Optuna finds, and legs do not collide."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from modelbook.adapters.optuna_pictures import draw
from modelbook.adapters.optuna_pruning import is_hopeless
from modelbook.adapters.optuna_study import importances, study_of, suggest
from modelbook.core.sweeps.search_space import Point, fits
from modelbook.core.sweeps.sweep import Sweep
from modelbook.core.sweeps.trials import TrialResult
from tests.unit.sweeps import sweep, trial

SPACE = {
    "x": {"min": -5.0, "max": 5.0},
    "y": {"distribution": "log_uniform_values", "min": 0.001, "max": 10.0},
    "kind": {"values": ["a", "b", "c"]},
}


def bowl(point: Point) -> float:
    """The least value is 0, at x = 2, y = 0.1 and kind b."""
    x, y = float(point["x"]), float(point["y"])
    return (x - 2) ** 2 + (math.log10(y) + 1) ** 2 + (0.0 if point["kind"] == "b" else 2.0)


def tried(asked: Sweep, count: int, objective: Callable[[Point], float] = bowl) -> list[TrialResult]:
    """`count` trials, one after the other, each chosen by those before it."""
    found: list[TrialResult] = []
    for number in range(1, count + 1):
        point = suggest(asked, found, number)
        found.append(trial(number, objective(point), params=point))
    return found


def best(trials: list[TrialResult]) -> float:
    return min(one.value for one in trials if one.value is not None)


def asking(**changes: object) -> Sweep:
    return sweep(
        **{"metric": {"name": "loss", "goal": "minimize"}, "parameters": SPACE, "budget": {"trials": 30}} | changes
    )


def test_tpe_finds_more_than_chance_in_as_many_trials() -> None:
    tpe, chance = (
        [best(tried(asking(seed=seed, method=method), 30)) for seed in range(20)] for method in ("bayes", "random")
    )
    better = sum(one < other for one, other in zip(tpe, chance, strict=True))
    assert better >= 15, (better, tpe, chance)
    assert sorted(tpe)[10] < sorted(chance)[10] / 2, "half as far from the optimum, at the median"


@pytest.mark.parametrize("sampler", [pytest.param("gp", marks=pytest.mark.campaign), "cmaes"])
def test_other_samplers_learn_as_well(sampler: str) -> None:
    numbers = {name: SPACE[name] for name in ("x", "y")}
    space = asking(method="bayes", sampler=sampler, startup=4, parameters=numbers)

    def objective(point: Point) -> float:
        return bowl(point | {"kind": "b"})

    found = tried(space, 24, objective)
    assert best(found[4:]) < best(found[:4]) / 4
    assert suggest(space, found[:12], 13) == found[12].params, "the same question has the same answer"


@pytest.mark.parametrize(
    "changes",
    [{"startup": 2}, {"method": "random"}, pytest.param({"sampler": "gp", "startup": 2}, marks=pytest.mark.campaign)],
    ids=["tpe", "random", "gp"],
)
def test_legs_that_start_at_once_try_different_things(changes: dict[str, Any]) -> None:
    asked = asking(**changes)
    found = tried(asked, 3)
    points = [suggest(asked, found, number) for number in range(4, 8)]
    assert len({str(point) for point in points}) == 4
    assert points == [suggest(asked, found[::-1], number) for number in range(4, 8)]


def test_every_suggestion_lies_in_the_space_and_heeds_its_conditions() -> None:
    asked = sweep(startup=3)
    found: list[TrialResult] = []
    for number in range(1, 13):
        point = suggest(asked, found, number)
        assert fits(asked, point) == point
        found.append(trial(number, 0.1 * number, params=point))
    assert {"momentum" in one.params for one in found} == {True, False}


def test_a_grid_asks_nobody() -> None:
    asked = sweep(method="grid", budget=None, parameters={"x": {"values": [3, 1, 2]}})
    assert [suggest(asked, [], number) for number in (1, 2, 3)] == [{"x": 3}, {"x": 1}, {"x": 2}]


def test_what_is_inherited_is_learnt_from_where_it_fits() -> None:
    asked = asking(startup=5)
    old = tried(asking(seed=7), 20)
    assert suggest(asked, [], 1, inherited=old) != suggest(asked, [], 1)
    elsewhere = [trial(1, 0.0, params={"x": 99.0, "y": 0.1, "kind": "b"})] * 20
    assert suggest(asked, [], 1, inherited=elsewhere) == suggest(asked, [], 1)


def test_the_parameter_that_decides_is_the_important_one() -> None:
    found = tried(asking(method="random"), 30, lambda point: float(point["x"]))
    shares = importances(asking(), found)
    assert next(iter(shares)) == "x"
    assert shares["x"] > 0.8
    assert importances(asking(), [trial(n, 1.0, params=found[0].params) for n in (1, 2)]) == {}


def test_a_trial_keeps_its_number_where_others_are_missing() -> None:
    found = tried(asking(), 4)
    study = study_of(asking(), [found[1], found[3]])
    assert [one.number for one in study.trials if one.value is not None] == [2, 4]


def test_pictures_are_drawn_and_too_few_trials_leave_some_out() -> None:
    found = tried(asking(), 6)
    pictures = draw(asking(), [*found, trial(7)], importances(asking(), found))
    assert list(pictures) == ["history.png", "parallel.png", "importance.png", "contour.png"]
    assert all(png.startswith(b"\x89PNG") and len(png) > 5000 for png in pictures.values())
    assert draw(asking(), found[:1], {}) == {}


def steps(*values: float) -> dict[int, float]:
    return dict(enumerate(values, 1))


def stopped_at(asked: Sweep, number: int, values: dict[int, float], others: list[TrialResult]) -> int | None:
    """The step at which a trial is given up that logs these values, None where it goes on to its end."""
    for last in sorted(values):
        if is_hopeless(asked, number, {step: values[step] for step in values if step <= last}, others):
            return last
    return None


def test_median_gives_up_what_is_worse_than_half_of_those_before() -> None:
    asked = sweep(early_terminate={"type": "median", "startup": 3, "min_iter": 2})
    others = [trial(n, 0.6 + 0.1 * n, steps=steps(0.1, 0.3, 0.6 + 0.1 * n)) for n in range(1, 4)]
    assert stopped_at(asked, 4, steps(0.0, 0.2, 0.9), others) == 2
    assert stopped_at(asked, 4, steps(0.0, 0.4, 0.9), others) is None
    assert stopped_at(asked, 4, steps(0.0, 0.0, 0.0), others[:2]) is None, "too few to compare with"


def test_asha_lets_the_best_third_go_on_at_each_rung() -> None:
    asked = sweep(early_terminate={"type": "asha", "min_iter": 1, "eta": 3})
    others = [trial(n, 0.1 * n, steps=steps(0.1 * n, 0.1 * n, 0.1 * n)) for n in range(1, 6)]
    assert stopped_at(asked, 6, steps(0.3, 0.9, 0.9), others) == 1
    assert stopped_at(asked, 6, steps(0.55, 0.5, 0.2), others) == 3
    assert stopped_at(asked, 6, steps(0.55, 0.0, 0.55), others) is None, "step 2 is no rung"
    lost = sweep(metric={"name": "accuracy", "goal": "minimize"}, early_terminate={"type": "asha"})
    assert stopped_at(lost, 6, steps(0.55), others) == 1


def test_hyperband_spreads_its_trials_over_several_first_rungs() -> None:
    asked = sweep(early_terminate={"type": "hyperband", "max_iter": 9})
    others = [trial(n, 0.9, steps=steps(*[0.9] * 9)) for n in range(1, 41)]
    first = {stopped_at(asked, number, steps(*[0.1] * 9), others) for number in range(41, 60)}
    assert {1, 3, 9} <= first
    assert all(stopped_at(asked, number, steps(*[0.95] * 9), others) is None for number in range(41, 46))
