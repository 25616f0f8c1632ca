"""The space of a sweep: conditions, a grid's points, and what of another sweep fits into it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.sweeps.search_space import dimensions, fits, grid, most_points
from tests.unit.sweeps import POINT, sweep

CHOICES = st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True)


def test_a_grid_has_each_point_once_and_a_condition_takes_points_away() -> None:
    parameters = {
        "momentum": {"values": [0.0, 0.9], "when": {"optimizer": "sgd"}},
        "optimizer": {"values": ["sgd", "adam"]},
        "epochs": {"min": 1, "max": 5, "q": 2},
    }
    found = grid(sweep(method="grid", budget=None, parameters=parameters))
    sgd = [{"optimizer": "sgd", "momentum": m, "epochs": e} for m, e in itertools.product((0.0, 0.9), (1, 3, 5))]
    adam = [{"optimizer": "adam", "epochs": e} for e in (1, 3, 5)]
    assert len(found) == 9
    assert all(point in found for point in sgd + adam)


@given(st.dictionaries(st.sampled_from("abcd"), CHOICES, min_size=1))
def test_a_grid_is_the_product_of_its_values(choices: dict[str, list[int]]) -> None:
    parameters = {name: {"values": each} for name, each in choices.items()}
    asked = sweep(method="grid", budget=None, parameters=parameters)
    found = grid(asked)
    assert len(found) == most_points(asked)
    assert {tuple(point[name] for name in choices) for point in found} == set(itertools.product(*choices.values()))


def test_steps_are_the_numbers_that_a_person_wrote() -> None:
    one = {"x": {"min": 0.1, "max": 0.5, "q": 0.1, "distribution": "q_uniform"}}
    (dimension,) = dimensions(sweep(method="grid", budget=None, parameters=one))
    assert dimension.steps() == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert dimension.size() == 5
    assert dimension.contains(0.30000000000000004), "as floats add up"
    assert not dimension.contains(0.35)


def test_the_last_step_may_lie_below_the_end() -> None:
    space = {"n": {"min": 8, "max": 70, "q": 8}, "x": {"min": 0.0, "max": 1.0, "q": 0.3}}
    whole, parts = dimensions(sweep(parameters=space))
    assert (whole.high, parts.high) == (64, 0.9)
    assert not whole.contains(12)


def test_what_is_asked_comes_after_what_it_depends_on() -> None:
    order = [one.name for one in dimensions(sweep())]
    assert order.index("momentum") > order.index("optimizer")


def test_only_what_lies_in_the_space_fits() -> None:
    space = sweep()
    assert fits(space, POINT) == POINT
    assert fits(space, POINT | {"momentum": 0.5}) == POINT  # with adam nobody asks for it
    assert fits(space, POINT | {"optimizer": "sgd", "momentum": 0.5}) == POINT | {"optimizer": "sgd", "momentum": 0.5}
    for other in ({"lr": 2.0}, {"lr": "0.1"}, {"lr": True}, {"hidden": 16.0}, {"optimizer": "sgd"}, {"epochs": 4}):
        assert fits(space, POINT | other) is None, other
    assert fits(space, POINT | {"lr": 1}) == POINT | {"lr": 1.0}
    # Python calls them equal; a training does not.
    flags = sweep(parameters={"flag": {"values": [1, 2]}, "lr": {"min": 0.0, "max": 1.0}})
    assert fits(flags, {"flag": 1, "lr": 0.5}) == {"flag": 1, "lr": 0.5}
    for flag in (True, 1.0):
        assert fits(flags, {"flag": flag, "lr": 0.5}) is None
