"""Trials, as the logs of their runs tell of them."""

import math

import pytest

from modelbook.core.runs.run_log import CheckpointRestored, CheckpointStored, StoppedEarly, decode, encode
from modelbook.core.runs.run_state import replay
from modelbook.core.sweeps.trials import Leg, parse_leg, result_of, run_of, runs_of
from modelbook.errors import BadInput
from tests.unit.sweeps import POINT, at, ended, log, logged, started, sweep

ONE = Leg(1)


def test_a_leg_is_written_and_read() -> None:
    for leg in (Leg(1), Leg(9999), Leg(4, 2)):
        assert parse_leg(str(leg)) == leg
    assert (run_of("lr", Leg(4)), run_of("lr", Leg(4, 2))) == ("lr-0004", "lr-0004-s2")
    for text in ("", "0", "-1", "1-s0", "1.5", "1 --force", "\u0661"):
        with pytest.raises(BadInput, match="is not a trial"):
            parse_leg(text)


def test_runs_of_other_sweeps_with_longer_names_are_left() -> None:
    names = ["lr-0002", "lr-0001", "lr-0001-s1", "lr-0001-0001", "lr-x-0001", "lr-1", "xlr-0001", "lr-00001"]
    assert runs_of("lr", names) == {Leg(1): "lr-0001", Leg(1, 1): "lr-0001-s1", Leg(2): "lr-0002"}


def test_the_last_value_of_a_completed_run_counts() -> None:
    found = result_of(sweep(), ONE, log(started(0), logged(1, 1, accuracy=0.9), logged(2, 2, accuracy=0.8), ended(3)))
    assert (found.status, found.value, found.steps, found.params) == ("completed", 0.8, {1: 0.9, 2: 0.8}, POINT)
    assert found.problem is None
    assert found.ended


@pytest.mark.parametrize(
    ("value", "problem"),
    [(math.nan, "accuracy is nan"), (math.inf, "accuracy is inf"), (None, "it never logged 'accuracy'")],
)
def test_an_objective_that_is_no_number_is_a_failed_trial(value: float | None, problem: str) -> None:
    events = [logged(1, 1, loss=1.0)] + ([logged(2, 2, accuracy=value)] if value is not None else [])
    found = result_of(sweep(), ONE, log(started(0), *events, ended(3)))
    assert (found.status, found.value, found.problem, found.steps) == ("failed", None, problem, {})


def test_a_killed_trial_has_no_value_and_is_gone_on_with() -> None:
    events = log(started(0), logged(1, 1, accuracy=0.5), ended(2, "killed", "x\nended by SIGKILL from outside"))
    found = result_of(sweep(), ONE, events)
    assert (found.status, found.value, found.ended) == ("killed", None, False)
    assert found.problem == "ended by SIGKILL from outside"
    again = [event for n in (2, 3) for event in (started(n * 10, n), ended(n * 10 + 1, "killed"))]
    assert result_of(sweep(), ONE, [*events, *again]).ended, "after three attempts it is given up"
    unseen = result_of(sweep(), ONE, events[:2])
    assert (unseen.status, unseen.ended) == ("running", False)


def test_what_was_logged_before_the_checkpoint_is_taken_over() -> None:
    kept = CheckpointStored(time=at(3), step=1, files=())
    events = log(started(0), logged(1, 1, accuracy=0.1), kept, logged(3, 2, accuracy=0.2))
    events += [started(10, 2), CheckpointRestored(time=at(11), step=1, folder=kept.folder)]
    events += [logged(12, 2, accuracy=0.3), ended(13)]
    assert result_of(sweep(), ONE, events).steps == {1: 0.1, 2: 0.3}


def test_a_trial_that_its_sweep_gave_up_is_pruned_and_has_no_record() -> None:
    stop = StoppedEarly(time=at(2), step=1, reason="asha gave it up")
    events = log(started(0), logged(1, 1, accuracy=0.1), stop, ended(2, "killed", stop.reason))
    found = result_of(sweep(), ONE, events)
    assert (found.status, found.value, found.ended, found.steps) == ("pruned", None, True, {1: 0.1})
    assert replay(decode(encode(events), "log")).status == "pruned"


def test_hours_are_those_of_all_attempts_on_all_gpus() -> None:
    events = log(started(0, gpus=("H100", "H100")), ended(15, "killed"), started(30, 2, ("H100", "H100")), ended(45))
    assert result_of(sweep(), ONE, events).hours == pytest.approx(1.0)
    assert result_of(sweep(), ONE, log(started(0), ended(30))).hours == pytest.approx(0.5)
    assert result_of(sweep(), ONE, log(started(0), logged(30, 1, accuracy=0.1))).hours == pytest.approx(0.5)
