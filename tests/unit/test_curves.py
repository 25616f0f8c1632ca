"""Training curves: what counts of a log, and that thinning them hides no spike."""

import math

from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.run_record import Code, Environment
from modelbook.core.runs.curves import POINTS, curves_of, thinned
from modelbook.core.runs.run_log import CheckpointRestored, CheckpointStored, Event, MetricsLogged, RunStarted
from tests.made_fields import NOW

START = RunStarted(
    time=NOW,
    run="r1",
    attempt=1,
    experiment="e",
    job="j",
    user="u",
    host="h",
    pid=1,
    params={},
    code=Code(entry_point="train.py"),
    environment=Environment(python="3.12", platform="Linux"),
)


def logged(step: int | None, **values: float) -> MetricsLogged:
    return MetricsLogged(time=NOW, step=step, values=values)


def test_a_curve_is_made_of_finite_values_at_steps_the_last_of_each() -> None:
    events: list[Event] = [
        START,
        logged(0, loss=3.0),
        logged(1, loss=math.nan),
        logged(2, loss=2.0),
        logged(2, loss=1.0),
    ]
    events += [logged(None, loss=9.0), logged(3, once=1.0)]
    (curve,) = curves_of(events)
    assert (curve.name, curve.steps, curve.values, curve.whole) == ("loss", (0, 2), (3.0, 1.0), 2)


def test_what_an_attempt_did_anew_counts_once() -> None:
    again = START.model_copy(update={"attempt": 2})
    events: list[Event] = [START, logged(0, loss=5.0), logged(1, loss=4.0)]
    events += [CheckpointStored(time=NOW, step=1, files=()), logged(2, loss=99.0), again]
    events += [CheckpointRestored(time=NOW, step=1, folder="0000000001"), logged(2, loss=3.0)]
    (curve,) = curves_of(events)
    assert curve.values == (5.0, 4.0, 3.0)


values = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2000)


@given(values, st.integers(4, 60))
def test_thinning_keeps_the_ends_the_extremes_and_the_order(given: list[float], most: int) -> None:
    points = list(enumerate(given))
    kept = thinned(points, most)
    assert len(kept) <= max(most, 4)
    assert set(kept) <= set(points)
    assert [step for step, _ in kept] == sorted({step for step, _ in kept})
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    for extreme in (min, max):
        assert extreme(value for _, value in kept) == extreme(given)


def test_a_long_run_has_no_more_points_than_a_plot_shows() -> None:
    (curve,) = curves_of([START, *(logged(step, loss=1 / (step + 1)) for step in range(5000))])
    assert len(curve.steps) <= POINTS
    assert curve.whole == 5000
