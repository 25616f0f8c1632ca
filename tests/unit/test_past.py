"""The gates of former promotions, judged again from what git's history says the registry was."""

from modelbook.core import layout
from modelbook.core.stages.history import Commit, History, Revision
from modelbook.core.stages.past import Past, past_of, told_of
from modelbook.core.stages.tenure import tenures
from tests.made import Made
from tests.made_fields import digest


def line(*states: Made, complete: bool = True) -> Past:
    """The past of a branch on which the registry went through these states, one commit an hour."""
    revisions: list[Revision] = []
    blobs: dict[str, bytes] = {}
    before: dict[str, bytes] = {}
    times: dict[str, str] = {}
    for at, made in enumerate(states):
        parents = (digest(str(at - 1))[7:47],) if at else ()
        commit = Commit(digest(str(at))[7:47], f"2026-03-03T{at:02d}:00:00Z", parents, "Ada", "ada@x.org", "Step")
        times[commit.id] = commit.time
        for path in sorted(made.files.keys() | before.keys()):
            data = made.files.get(path)
            if data != before.get(path):
                oid = digest(repr(data)) if data is not None else None
                blobs |= {oid: data} if oid and data is not None else {}
                revisions.append(Revision(commit, path, "100644" if oid else None, oid))
        before = dict(made.files)
    history = History(tuple(revisions), complete)
    return past_of(history, blobs, tenures(history, blobs, times))


def steps() -> list[Made]:
    """Version 1 goes to staging and production; the policy is tightened; version 2 replaces it in both."""
    one = Made().dataset().version("digits", 1, {"accuracy": 0.92, "latency_ms": 12.0})
    two = one.copy().pointer("digits", "staging", 1)
    three = two.copy().pointer("digits", "production", 1)
    four = three.copy().version("digits", 2, {"accuracy": 0.96, "latency_ms": 20.0})
    four.edit(layout.POLICY, "metrics.accuracy >= 0.90", "metrics.accuracy >= 0.95")
    five = four.copy().pointer("digits", "staging", 2)
    six = five.copy().pointer("digits", "production", 2)
    return [one, two, three, four, five, six]


def test_each_promotion_is_judged_by_the_policy_and_the_baseline_of_its_day() -> None:
    made = steps()
    told = told_of(made[-1].registry, "digits", line(*made))
    seen = {
        (stage, one.account.version): [(gate.require, gate.verdict) for gate in one.steps[0].gates]
        for stage, those in told.items()
        for one in those
    }
    baseline = "metrics.accuracy > baseline.metrics.accuracy"
    latency = "metrics.latency_ms < 50.0"
    assert seen == {
        ("staging", 2): [("metrics.accuracy >= 0.95", "passed")],
        ("staging", 1): [("metrics.accuracy >= 0.90", "passed")],  # which by now it would not pass
        ("production", 2): [(baseline, "passed"), (latency, "passed")],
        ("production", 1): [(baseline, "first"), (latency, "passed")],
    }
    (measured,) = told["production"][0].steps[0].gates[0].measured
    assert (measured.value, measured.limit) == (0.96, 0.92)


def test_what_came_after_the_promotion_does_not_speak_for_it() -> None:
    one = Made().dataset().version("digits", 1, None)
    two = one.copy().pointer("digits", "staging", 1, evidence=[{"path": "model.sig", "digest": digest("x")}])
    three = two.copy().evaluation("digits", 1, {"accuracy": 0.99})
    (told,) = told_of(three.registry, "digits", line(one, two, three))["staging"]
    (gate,) = told.steps[0].gates
    assert gate.verdict == "failed"
    assert "no evaluation" in gate.reason


def test_where_a_clone_was_cut_nothing_is_judged() -> None:
    made = steps()
    told = told_of(made[-1].registry, "digits", line(*made[2:], complete=False))
    first = told["production"][-1].steps[0]
    assert first.gates == ()
    assert first.why_not == "this clone does not have what it was judged by"
    assert [gate.verdict for gate in told["production"][0].steps[0].gates] == ["passed", "passed"]


def test_a_hold_is_no_question_of_gates() -> None:
    made = steps()
    made.append(made[-1].copy().pointer("digits", "production", 2, kind="hold", reason="A fair"))
    told = told_of(made[-1].registry, "digits", line(*made))["production"][0]
    assert [one.step.does for one in told.steps] == ["promotion", "hold"]
    assert (told.steps[1].gates, told.steps[1].why_not) == ((), None)
