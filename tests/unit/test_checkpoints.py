import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.runs.checkpoints import best_of, folder_name, keep
from modelbook.core.runs.run_log import CheckpointStored

TIME = "2026-01-02T03:04:05.000000Z"


def checkpoint(number: int, metric: float | None = None, **more: Any) -> CheckpointStored:
    name = {"metric_name": None if metric is None else "accuracy"} | more
    return CheckpointStored(time=TIME, step=number, folder=f"{number:010d}", files=(), metric=metric, **name)


def after(*metrics: float | None, **more: Any) -> list[int]:
    """The steps that are kept of checkpoints 1, 2, … with these metrics."""
    kept: tuple[CheckpointStored, ...] = ()
    for number, metric in enumerate(metrics, start=1):
        kept = keep(kept, checkpoint(number, metric, **more))
    return [one.step for one in kept]


@pytest.mark.parametrize(
    ("metrics", "more", "steps"),
    [
        ((0.1,), {}, [1]),
        ((None, None, None), {}, [3]),
        ((0.1, 0.3, 0.2), {}, [2, 3]),
        ((0.1, 0.3, 0.2), {"mode": "min"}, [1, 3]),
        ((0.1, 0.2, 0.3), {}, [3]),
        ((0.3, 0.3, 0.3), {}, [1, 3]),
        ((0.3, math.nan, math.inf), {}, [1, 3]),
        ((0.3, -math.inf), {"mode": "min"}, [1, 2]),
        ((math.nan, math.nan), {}, [2]),
        ((math.nan, 0.1, None), {}, [2, 3]),
    ],
)
def test_the_best_and_the_latest_are_kept(metrics: tuple[float], more: dict[str, Any], steps: list[int]) -> None:
    assert after(*metrics, **more) == steps


def test_another_metric_makes_another_best() -> None:
    kept = keep((checkpoint(1, 0.9),), checkpoint(2, 0.1, metric_name="loss", mode="min"))
    assert [one.step for one in kept] == [2]
    assert [one.step for one in keep(kept, checkpoint(3, 0.2, metric_name="loss", mode="min"))] == [2, 3]


def test_a_checkpoint_that_is_told_twice_is_one() -> None:
    kept = keep((checkpoint(1, 0.9), checkpoint(2, 0.1)), checkpoint(2, 0.1))
    assert [one.step for one in kept] == [1, 2]


@given(st.lists(st.none() | st.floats(), min_size=1), st.sampled_from(["min", "max"]))
def test_what_is_kept_is_what_all_of_them_say(metrics: list[float | None], mode: str) -> None:
    every = [checkpoint(number, metric, mode=mode) for number, metric in enumerate(metrics)]
    kept: tuple[CheckpointStored, ...] = ()
    for one in every:
        kept = keep(kept, one)
    finite = [(one.metric, one.step) for one in every if one.metric is not None and math.isfinite(one.metric)]
    assert kept[-1] == every[-1] or math.isnan(every[-1].metric or 0)
    assert len(kept) <= 2
    best = best_of(kept)
    assert (best is None) == (not finite)
    if best:
        sign = -1 if mode == "max" else 1
        assert best.step == min(finite, key=lambda pair: (sign * pair[0], pair[1]))[1]


def test_every_save_has_a_folder_of_its_own() -> None:
    names = [folder_name(7, attempt, again) for attempt in (1, 2, 12) for again in (0, 1, 12)]
    assert len(set(names)) == len(names)
    assert names[0] == "0000000007"
    for name in names:
        assert checkpoint(7).model_copy(update={"folder": name}).folder == name
        CheckpointStored(time=TIME, step=7, folder=name, files=())
