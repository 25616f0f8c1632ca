"""What a sweep does next, and which of its trials is named best."""

import statistics
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.sweeps.standings import confirmations, ranked, standings
from modelbook.core.sweeps.sweep_charts import charts
from modelbook.core.sweeps.sweep_markdown import shown, sweep_markdown
from modelbook.core.sweeps.sweep_report import description_of, report_of
from modelbook.core.sweeps.sweep_rounds import next_round
from modelbook.core.sweeps.trials import Leg, TrialResult
from tests.unit.sweeps import POINT, sweep, trial

QUIET = {"confirm": False}


def numbers(legs: tuple[Leg, ...]) -> list[str]:
    return [str(leg) for leg in legs]


def test_rounds_go_on_until_the_trials_are_spent() -> None:
    asked = sweep(budget={"trials": 6}, **QUIET)
    first = next_round(asked, [])
    assert (numbers(first.legs), first.stage) == (["1", "2", "3", "4"], "search")
    second = next_round(asked, [trial(number, 0.5) for number in range(1, 5)])
    assert numbers(second.legs) == ["5", "6"]
    last = next_round(asked, [trial(number, 0.5) for number in range(1, 7)])
    assert (last.legs, last.stage, last.why) == ((), "over", "6 trials were begun")


def test_a_matrix_has_at_most_256_legs_and_the_rest_comes_later() -> None:
    asked = sweep(method="grid", budget=None, parameters={"x": {"min": 1, "max": 600}}, **QUIET)
    begun: list[str] = []
    sizes = []
    while turn := next_round(asked, [trial(int(one), 0.1) for one in begun]).legs:
        sizes.append(len(turn))
        begun += numbers(turn)
    assert sizes == [256, 256, 88]
    assert begun == [str(number) for number in range(1, 601)]


def test_what_was_killed_comes_again_and_first() -> None:
    known = [
        trial(1, 0.5),
        trial(2, status="killed"),
        trial(3, status="killed", attempts=3),
        trial(4, status="running"),
        trial(5, status="running", attempts=3),  # it took its machine down with it each time
    ]
    assert numbers(next_round(sweep(), known).legs) == ["2", "4", "6", "7", "8", "9"]
    assert numbers(next_round(sweep(), known, [Leg(4), Leg(6)]).legs) == ["2", "7", "8", "9", "10"]


def test_gpu_hours_and_patience_end_it() -> None:
    hours = sweep(budget={"gpu_hours": 2.0}, **QUIET)
    assert next_round(hours, [trial(number, 0.5) for number in range(1, 4)]).why is None
    assert next_round(hours, [trial(number, 0.5) for number in range(1, 5)]).why == "2.00 GPU hours are spent"
    patient = sweep(budget={"patience": 2}, round=2, **QUIET)
    values = [0.1, 0.5, 0.4, 0.5, 0.3, 0.2]
    assert next_round(patient, [trial(n, value) for n, value in enumerate(values[:4], 1)]).why is None
    spent = next_round(patient, [trial(n, value) for n, value in enumerate(values, 1)])
    assert spent.why == "the last 2 rounds brought nothing better"
    better = next_round(patient, [trial(n, value) for n, value in enumerate([*values[:5], 0.6], 1)])
    assert better.why is None


def test_a_metric_that_no_trial_logs_ends_it_and_is_named() -> None:
    silent = [trial(n, problem="it never logged 'accuracy'", logged=("acc", "loss")) for n in range(1, 5)]
    found = next_round(sweep(), silent)
    assert (found.legs, found.broken) == ((), True)
    assert found.why == "no trial logged 'accuracy'; they logged: acc, loss"


def test_when_all_trials_fail_it_ends_and_says_why() -> None:
    found = next_round(sweep(), [trial(n, problem="CUDA out of memory") for n in range(1, 5)])
    assert (found.legs, found.broken, found.why) == ((), True, "all 4 trials failed: CUDA out of memory")
    assert not next_round(sweep(), [trial(1, 0.1), *(trial(n) for n in range(2, 5))]).broken
    assert not next_round(sweep(), [trial(n) for n in range(1, 4)]).broken, "the round has not ended"


def test_a_lucky_seed_does_not_win() -> None:
    asked = sweep(budget={"trials": 4}, confirm={"best": 2, "seeds": 2})
    found = [trial(1, 0.80), trial(2, 0.90), trial(3, 0.70), trial(4, 0.85)]
    turn = next_round(asked, found)
    assert (turn.stage, turn.why) == ("confirm", "4 trials were begun")
    assert numbers(turn.legs) == ["2-s1", "2-s2", "4-s1", "4-s2"]
    assert not report_of(asked, found, {}).settled
    found += [trial(2, 0.60, 1), trial(2, 0.75, 2), trial(4, 0.84, 1), trial(4, 0.86, 2)]
    report = report_of(asked, found, {})
    assert report.best is not None
    assert (report.settled, report.round.stage, report.best.trial.leg) == (True, "over", Leg(4))
    assert (report.best.chosen_by, report.best.others) == (0.85, (0.84, 0.86))
    assert "accuracy 0.85 ± 0.014 over 2 other seeds." in description_of(report)
    assert report.best.runs == ("digits-lr-0004", "digits-lr-0004-s1", "digits-lr-0004-s2")


def test_a_repetition_whose_end_nobody_saw_holds_nothing_up_for_ever() -> None:
    asked = sweep(budget={"trials": 1}, confirm={"best": 1, "seeds": 1})
    for attempts, legs in ((2, ["1-s1"]), (3, [])):
        found = [trial(1, 0.5), trial(1, None, 1, status="running", attempts=attempts)]
        assert numbers(next_round(asked, found).legs) == legs
        assert report_of(asked, found, {}).settled == (not legs)


def test_a_repetition_that_fails_is_no_value_and_holds_nothing_up() -> None:
    asked = sweep(budget={"trials": 1}, confirm={"best": 1, "seeds": 1})
    assert numbers(next_round(asked, [trial(1, 0.5), trial(1, None, 1, status="killed")]).legs) == ["1-s1"]
    report = report_of(asked, [trial(1, 0.5), trial(1, None, 1)], {})
    assert report.settled
    assert report.best is not None
    assert (report.best.mean, report.best.others, report.best.deviation) == (0.5, (), None)
    assert description_of(report).endswith("accuracy 0.5 with the one seed that it was chosen by.")


def test_the_value_that_a_trial_was_chosen_by_is_no_part_of_its_mean() -> None:
    """All trials are alike: the best of 50 draws is far too good, and a mean that has it in it is a third too good."""
    asked, draw = sweep(budget={"trials": 50}, confirm={"best": 3, "seeds": 2}), Random(6)
    means = []
    for _ in range(200):
        found = [trial(number, draw.gauss(0.8, 0.01)) for number in range(1, 51)]
        found += [trial(leg.number, draw.gauss(0.8, 0.01), leg.repeat) for leg in confirmations(asked, found)]
        means += [one.mean for one in standings(asked, found)]
    assert abs(statistics.fmean(means) - 0.8) < 4 * statistics.stdev(means) / len(means) ** 0.5


def test_what_no_other_seed_confirmed_comes_last() -> None:
    asked = sweep(budget={"trials": 2}, confirm={"best": 2, "seeds": 1})
    found = [trial(1, 0.9), trial(2, 0.8), trial(1, None, 1), trial(2, 0.7, 1)]
    assert [one.trial.leg.number for one in standings(asked, found)] == [2, 1]


def test_where_nothing_is_confirmed_another_seed_by_hand_makes_no_best() -> None:
    found = [trial(1, 0.9), trial(2, 0.1), trial(2, 0.95, 1)]
    assert [one.trial.leg.number for one in standings(sweep(**QUIET), found)] == [1, 2]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from(["minimize", "maximize"]))
def test_the_best_is_the_best_and_each_trial_is_ranked_once(values: list[float], goal: str) -> None:
    asked = sweep(metric={"name": "accuracy", "goal": goal}, **QUIET)
    found = [trial(number, value) for number, value in enumerate(values, 1)]
    order = ranked(asked, found)
    assert sorted(one.leg for one in order) == [one.leg for one in found]
    assert order[0].value == (max if goal == "maximize" else min)(values)
    assert standings(asked, found)[0].mean == order[0].value


def test_the_summary_shows_the_best_the_charts_and_what_failed() -> None:
    asked = sweep(budget={"trials": 3}, **QUIET)
    found = [trial(1, 0.80), trial(2, problem="<script>"), trial(3, 0.9)]
    text = sweep_markdown(report_of(asked, found, {"lr": 0.75, "hidden": 0.25}), pictures="there")
    assert "**Best**" in text
    assert "| 3 | 0.9 | 0 | 0.9 | digits-lr-0003 | 0.01 | 16 | adam | &#45; |" in text
    assert text.count("line [0.8, 0.9]") == 2, "each value, and the best so far"
    assert "bar [75, 25]" in text
    assert "<script>" not in text
    assert shown(trial(1, 0.5, params={"a": "x\n::error::y"}), "a") == '"x\\n::error::y"'
    assert "trial 2: &#60;script&#62;" in text
    assert "No trial has a value yet" in sweep_markdown(report_of(asked, [], {}))


def test_the_charts_show_where_the_trials_lie() -> None:
    points = [
        POINT | {"lr": 0.0001, "hidden": 8},
        POINT | {"lr": 1.0, "hidden": 64},
        POINT | {"lr": 0.01, "hidden": 40},
    ]
    found = [trial(number, value, params=points[number - 1]) for number, value in ((1, 0.5), (2, 0.9), (3, 0.7))]
    found.append(trial(4, 0.6, params=POINT | {"lr": 99.0}))  # of another space
    text = "\n".join(charts(report_of(sweep(**QUIET), found, {"hidden": 0.6, "lr": 0.4})))
    assert 'x-axis ["hidden 8 to 64", "lr 0.0001 to 1", "optimizer sgd to adam", "0.5 to 0.9"]' in text
    order = [text.index(f"line [{place}") for place in ("0, 0, 1, 0]", "0.5714, 0.5, 1, 0.5]", "1, 1, 1, 1]")]
    assert order == sorted(order), "the best is drawn last"
    assert 'x-axis "hidden 8" --> "64"' in text
    assert '"2": [1, 1] radius: 6, color: #cf222e' in text
    assert '"4"' not in text
    assert "quadrantChart" not in "\n".join(charts(report_of(sweep(**QUIET), found[:2], {})))


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 12), st.integers(1, 5), st.sampled_from([None, 1, 2]))
def test_whatever_becomes_of_its_trials_a_sweep_ends(
    fate: Random, trials: int, legs: int, patience: int | None
) -> None:
    """Each leg is begun three times at most, no more than the budget has are begun, and the end is the end."""
    budget = {"trials": trials} | ({"patience": patience} if patience else {})
    asked = sweep(budget=budget, round=legs, confirm={"best": 2, "seeds": 1})
    known: dict[Leg, TrialResult] = {}
    rounds = 0
    while (turn := next_round(asked, list(known.values()))).legs:
        rounds += 1
        assert rounds <= 3 * (trials + 2)
        assert len(set(turn.legs)) == len(turn.legs)
        for one in turn.legs:
            attempts = known[one].attempts + 1 if one in known else 1
            status = fate.choice(["completed", "completed", "pruned", "failed", "killed", "running"])
            value = fate.random() if status == "completed" else None
            known[one] = trial(one.number, value, one.repeat, status=status, attempts=attempts)
    assert turn.stage == "over"
    assert len([leg for leg in known if not leg.repeat]) <= trials
    assert all(one.attempts <= 3 for one in known.values())
    assert report_of(asked, list(known.values()), {}).settled == (
        bool(turn.why) and not turn.broken and has_value(known)
    )


def has_value(known: dict[Leg, TrialResult]) -> bool:
    return any(one.value is not None and not leg.repeat for leg, one in known.items())
