"""Since when a stage has held a version: without a gap, and by git's commits alone."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.moments import moment, written
from modelbook.core.pages.report import promotion_report
from modelbook.core.stages import tenure
from modelbook.core.stages.history import Commit, History, Revision
from modelbook.core.stages.planning import Later, Plan, Todo, plan
from modelbook.core.stages.promotion import Decision, decide
from modelbook.core.stages.tenure import Tenures, no_older
from modelbook.core.stages.timing import NOTHING, Override
from tests.made import POLICY, Made

PATH = "models/digits/stages/staging.yaml"
MONDAY, TUESDAY, WEDNESDAY = (f"2026-03-0{day}T12:00:00Z" for day in (2, 3, 4))
SOAK = POLICY.replace("- name: production\n", "- name: production\n  auto: true\n  soak: 24h\n")
FREEZE = """\
freeze:
- name: spring
  begins: 2026-03-03T00:00
  ends: 2026-03-05T00:00
  reason: the audit
"""


def base(policy: str = SOAK) -> Made:
    """Two versions that staging may hold; production is empty."""
    return Made(policy=policy).dataset().version().version("digits", 2, {"accuracy": 0.96, "latency_ms": 9.0})


def holding(version: int) -> bytes:
    return base().pointer("digits", "staging", version).files[PATH]


OTHER = base().pointer("digits", "production", 1).files[PATH.replace("staging", "production")]
POINTERS = {"one": holding(1), "two": holding(2), "broken": b"version: [", "of production": OTHER}


def history(*steps: tuple[str, str | None], complete: bool = True, first_is_root: bool = True) -> History:
    """Commits at these times, each of which made of the pointer what is named in POINTERS, or removed it."""
    found = []
    for number, (time, oid) in enumerate(steps):
        parents = () if not number and first_is_root else (f"{number - 1:040}",)
        commit = Commit(f"{number:040}", time, parents, "Alice", "alice@acme.example", "x")
        found.append(Revision(commit, PATH, "100644" if oid else None, oid))
    return History(tuple(found), complete)


def tenures(told: History, blobs: Mapping[str, bytes]) -> Tenures:
    """As if no other commits had come between."""
    line = dict.fromkeys((one.commit.id, one.commit.time) for one in told.revisions)
    return tenure.tenures(told, blobs, no_older(line, "9999-12-31T23:59:59Z"))


def since(told: History) -> str | None:
    found = tenures(told, POINTERS).present("digits", "staging")
    return found.since if found else "nothing"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(MONDAY, "one")], MONDAY),
        ([(MONDAY, "one"), (TUESDAY, "two")], TUESDAY),
        ([(MONDAY, "one"), (TUESDAY, "two"), (WEDNESDAY, "one")], WEDNESDAY),  # a gap starts it anew
        ([(MONDAY, "one"), (TUESDAY, None), (WEDNESDAY, "one")], WEDNESDAY),
        ([(MONDAY, "one"), (TUESDAY, "broken"), (WEDNESDAY, "one")], WEDNESDAY),
        ([(MONDAY, "one"), (TUESDAY, "of production"), (WEDNESDAY, "one")], WEDNESDAY),
        ([(MONDAY, "one"), (TUESDAY, None)], "nothing"),
        ([], "nothing"),
        # a clock that was put back gains nothing
        ([(WEDNESDAY, "two"), (MONDAY, "one")], WEDNESDAY),
    ],
)
def test_it_counts_from_the_commit_since_which_the_stage_never_held_another(
    steps: list[tuple[str, str | None]], expected: str
) -> None:
    assert since(history(*steps)) == expected


def test_no_commit_is_older_than_one_that_it_follows_and_a_clock_that_runs_ahead_holds_up_nothing_else() -> None:
    """Whatever the commits between are about, and whoever made them."""
    ahead = "2099-01-01T00:00:00Z"
    line = [("a", MONDAY), ("b", WEDNESDAY), ("pointer", MONDAY), ("c", ahead), ("another", TUESDAY), ("d", WEDNESDAY)]
    wanted = {"a": MONDAY, "b": WEDNESDAY, "pointer": WEDNESDAY, "c": ahead, "another": WEDNESDAY, "d": WEDNESDAY}
    assert no_older(line, WEDNESDAY) == wanted
    assert set(no_older([*line, ("e", ahead)], ahead).values()) == {MONDAY, WEDNESDAY, ahead}


def test_the_same_version_promoted_again_goes_on() -> None:
    again = base().pointer("digits", "staging", 1).pointer("digits", "staging", 1).files[PATH]
    told = history((MONDAY, "one"), (TUESDAY, "again"))
    (only,) = tenures(told, POINTERS | {"again": again}).of("digits", "staging")
    assert (only.since, only.until, [one.time for one in only.landings]) == (MONDAY, None, [MONDAY, TUESDAY])


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["one", "two", "again", "broken", None])), max_size=12))
def test_at_every_moment_one_tenure_tells_what_the_pointer_said(steps: list[tuple[int, str | None]]) -> None:
    """Hours pass between the commits, or none do; the version after each is that of the tenure that covers its time."""
    again = base().pointer("digits", "staging", 1).pointer("digits", "staging", 1).files[PATH]
    at, life, said = moment(MONDAY), list[tuple[str, str | None]](), dict[str, int | None]()
    for hours, oid in steps:
        at += timedelta(hours=hours)
        life.append((written(at), oid))
        said[written(at)] = {"one": 1, "again": 1, "two": 2}.get(oid or "")
    found = tenures(history(*life), POINTERS | {"again": again}).of("digits", "staging")
    for time, version in said.items():
        covering = [one for one in found if (one.since or "") <= time and (one.until is None or time < one.until)]
        assert [one.holder.version for one in covering] == ([version] if version else [])
    assert all(one.until is not None for one in found[:-1])
    assert all((before.until or "") <= (after.since or "") for before, after in pairwise(found))


def test_where_history_is_cut_off_nobody_knows() -> None:
    cut = {"complete": False}
    assert since(history((MONDAY, "one"), **cut)) is None
    assert since(history((MONDAY, "one"), (TUESDAY, "one"), **cut)) is None
    assert since(history((MONDAY, "two"), (TUESDAY, "one"), **cut)) == TUESDAY  # it came after the cut
    assert since(history((MONDAY, "one"), first_is_root=False, **cut)) == MONDAY


def judged(now: str, told: History | None, policy: str = SOAK, override: Override = NOTHING) -> Decision:
    made = base(policy).pointer("digits", "staging", 1)
    known = tenures(told, POINTERS) if told else Tenures()
    return decide(
        made.registry, "digits", 1, "production", by="bob", now=now, reason="x", tenures=known, override=override
    )


def codes(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.findings]


@given(after=st.integers(-400_000, 400_000), seconds=st.integers(0, 200_000))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_a_soak_is_over_at_the_very_second_and_not_before(after: int, seconds: int) -> None:
    """Whatever the pointer says of itself: it claims 2 March, always."""
    landed = moment(TUESDAY) + timedelta(seconds=seconds)
    now = landed + timedelta(hours=24, seconds=after)
    decision = judged(written(now), history((written(landed), "one")))
    assert decision.passed == (after >= 0)
    assert decision.opens == (None if after >= 0 else written(landed + timedelta(hours=24)))


def test_the_second_before_it_is_refused_and_says_when() -> None:
    decision = judged("2026-03-03T11:59:59Z", history((MONDAY, "one")))
    assert codes(decision) == ["not-soaked"]
    (finding,) = decision.findings
    assert (finding.path, finding.line) == ("registry/policy.yaml", 10)
    assert finding.message == ("digits@1 has been for 23h 59m in staging, where 24h are asked for before production")
    assert finding.remedy == "It may enter production from 2026-03-03T12:00:00Z on."
    report = promotion_report(decision)
    assert report.facts["in staging"] == f"since {MONDAY}, 23h 59m of 24h"
    assert report.facts["may enter from"] == TUESDAY
    assert report.verdict == f"digits@1 may enter production from {TUESDAY} on"
    assert judged(TUESDAY, history((MONDAY, "one"))).passed


@pytest.mark.parametrize(
    ("told", "code", "message"),
    [
        (None, "not-soaked", "digits@1 has not come to staging"),
        (history((MONDAY, "two")), "not-soaked", "digits@1 has not come to staging"),
        (history((MONDAY, "one"), complete=False), "incomplete-history", "nobody knows since when digits@1"),
    ],
)
def test_what_git_does_not_tell_is_not_passed(told: History | None, code: str, message: str) -> None:
    decision = judged("2027-01-01T00:00:00Z", told)
    assert (decision.passed, decision.opens, codes(decision)) == (False, None, [code])
    assert message in decision.findings[0].message
    if code == "incomplete-history":
        assert "git fetch --unshallow" in str(decision.findings[0].remedy)


FROZEN = POLICY + FREEZE
MAY = FROZEN + "  override: [promoter, registrar]\n"


def test_nobody_promotes_into_a_frozen_stage() -> None:
    decision = judged(TUESDAY, None, FROZEN)
    assert (decision.passed, codes(decision), decision.opens) == (False, ["frozen"], "2026-03-05T00:00:00Z")
    (finding,) = decision.findings
    assert finding.message == "'spring' keeps production shut until 2026-03-05T00:00:00Z (the audit)"
    assert (finding.line, finding.remedy) == (15, "Wait until then: nobody may override it.")
    assert "promoter, registrar: `--override-freeze spring --reason TEXT`" in str(judged(TUESDAY, None, MAY).findings)
    assert judged(MONDAY, None, FROZEN).passed


@pytest.mark.parametrize(
    ("policy", "override", "expected"),
    [
        (MAY, Override(("spring",), frozenset({"promoter"})), []),
        (MAY, Override(("spring",), frozenset({"deputy", "registrar"})), []),
        (MAY, Override(("spring",), frozenset({"deputy"})), ["override-not-signed"]),
        (MAY, Override(("spring",)), ["override-not-signed"]),
        (MAY, Override((), frozenset({"promoter"})), ["frozen"]),
        (MAY, Override(("autumn",), frozenset({"promoter"})), ["no-such-freeze", "frozen"]),
        (FROZEN, Override(("spring",), frozenset({"promoter"})), ["frozen"]),
    ],
)
def test_a_freeze_is_overridden_by_its_name_and_by_those_whom_it_names(
    policy: str, override: Override, expected: list[str]
) -> None:
    decision = judged(TUESDAY, None, policy, override)
    assert codes(decision) == expected
    assert decision.passed == (not expected)
    if not expected:
        (who,) = override.people & {"promoter", "registrar"}
        assert decision.timing.facts["frozen by spring"] == f"until 2026-03-05T00:00:00Z, overridden by {who}"


def test_while_it_is_proposed_the_signature_of_whoever_may_override_is_still_to_come() -> None:
    decision = judged(TUESDAY, None, MAY, Override(("spring",), frozenset({"deputy"}), proposed=True))
    assert (decision.passed, codes(decision), decision.opens) == (True, ["override-not-signed"], None)
    assert "`modelbook approve digits --to production`" in str(decision.findings[0].remedy)


def test_a_soak_that_ends_in_a_frozen_stage_opens_with_the_stage() -> None:
    told = history((MONDAY, "one"))
    assert judged("2026-03-02T13:00:00Z", told, SOAK + FREEZE).opens == "2026-03-05T00:00:00Z"


def test_a_version_that_a_gate_refuses_has_no_time_at_which_it_may_enter() -> None:
    worse = SOAK.replace("metrics.latency_ms < 50.0", "metrics.latency_ms < 1.0")
    assert judged(MONDAY, history((MONDAY, "one")), worse).opens is None


def test_what_has_to_wait_is_not_proposed_and_planned_for_the_time_when_it_may() -> None:
    made = base().pointer("digits", "staging", 2)
    told = tenures(history((MONDAY, "two")), POINTERS)
    todo = Todo("digits", 2, "production")
    assert plan(made.registry, now="2026-03-03T11:59:59Z", tenures=told) == Plan((), (), (Later(todo, TUESDAY),))
    assert plan(made.registry, now=TUESDAY, tenures=told) == Plan((), (todo,))
    assert plan(made.registry, now=TUESDAY) == Plan((), ())
    shut = base(SOAK + FREEZE).pointer("digits", "staging", 2)
    opens = "2026-03-05T00:00:00Z"
    assert plan(shut.registry, now=TUESDAY, tenures=told) == Plan((), (), (Later(todo, opens),))
