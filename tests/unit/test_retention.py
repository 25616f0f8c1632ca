"""What goes and what stays, object by object: the pure part of retention."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.judging.cel import nested
from modelbook.core.keep import Keep, KeepRule
from modelbook.core.pruning.prune_plan import Planner, write_plan
from modelbook.core.pruning.reachability import Named, Reach
from modelbook.core.pruning.retention import RunFacts, Verdict, judge
from modelbook.core.pruning.stored import stored_at
from modelbook.core.verifying.changes import check_change
from modelbook.errors import BadInput
from tests.made import Made
from tests.made_fields import LATER

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DIGEST = "ab" * 32


class Listed(NamedTuple):
    key: str
    size: int
    modified: datetime


def old(key: str, days: float, size: int = 1) -> Listed:
    return Listed(key, size, NOW - timedelta(days=days))


def swept(
    *objects: Listed, reach: Reach | None = None, keep: Keep | None = None, facts: RunFacts | None = None
) -> dict[str, str]:
    """The kind of each object that goes, by key."""
    listing = sorted(objects, key=lambda one: one.key)
    found = judge(listing, reach or Reach(), keep or Keep(), NOW, lambda run: facts)
    return {one.key: verdict.kind for verdict in found if verdict.kind for one in verdict.objects}


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("runs/r/artifacts/a/b.bin", "artifacts"),
        ("runs/r/checkpoints/0000000001/x", "checkpoints"),
        ("runs/r/checkpoints/0000000001-2.1/x/y", "checkpoints"),
        ("runs/r/checkpoints/x", "foreign"),
        ("runs/r/checkpoints/a`b|c/x", "foreign"),
        ("runs/r/log/00000001.jsonl", "log"),
        ("runs/r/run.json", "log"),
        ("runs/r/else.bin", "foreign"),
        ("runs/R/artifacts/a", "foreign"),
        (f"datasets/blobs/sha256/ab/{DIGEST}", "blob"),
        (f"datasets/blobs/sha256/cd/{DIGEST}", "foreign"),
        ("datasets/blobs/sha256/ab/ab", "foreign"),
        (f"evaluations/examples/sha256/ab/{DIGEST}.jsonl", "examples"),
        ("sweeps/lr/sweep.yaml", "sweep"),
        ("sweeps/lr/else.yaml", "foreign"),
        ("sweeps/../sweep.yaml", "foreign"),
        ("doctor/written-once.txt", "foreign"),
        ("trash/plans/x.json", "trash"),
        ("someone/elses.txt", "foreign"),
    ],
)
def test_what_has_no_place_in_a_store_is_foreign(key: str, part: str) -> None:
    assert stored_at(key).part == part


def test_each_kind_has_its_days() -> None:
    facts = RunFacts({"tags": [], "status": "completed"}, frozenset({"0000000009"}))
    best, other = "runs/r/checkpoints/0000000009/x", "runs/r/checkpoints/0000000001/x"
    log, model = "runs/r/log/00000001.jsonl", "runs/r/artifacts/m.safetensors"
    everything = [best, other, log, model]

    def at(days: float) -> dict[str, str]:
        return swept(*(old(key, days) for key in everything), facts=facts)

    assert at(6.9) == {}
    assert at(7.1) == {other: "checkpoints"}
    assert at(30.1) == {other: "checkpoints", best: "best_checkpoints", model: "runs"}
    assert at(366) == {other: "checkpoints", best: "best_checkpoints", model: "runs", log: "logs"}


def test_a_sweep_keeps_what_its_trials_found_and_its_file_until_the_last_of_them_is_gone() -> None:
    trial = RunFacts({"tags": [], "status": "completed"}, trial=True)
    first, again, file = "runs/lr-0001/log/00000001.jsonl", "runs/lr-0001-s2/run.json", "sweeps/lr/sweep.yaml"
    model = old("runs/lr-0001/artifacts/m", 800)
    everything = [old(key, 800) for key in (first, again, file)]
    assert swept(*everything, model, facts=trial) == {model.key: "runs"}, "for good, unless a rule says otherwise"
    keep = Keep(sweeps=KeepRule(days=730))
    assert swept(*everything, model, keep=keep, facts=trial) == dict.fromkeys(
        (first, again, file), "sweeps"
    ) | {model.key: "runs"}  # fmt: skip
    assert swept(*everything[1:], old(first, 700), keep=keep, facts=trial) == {again: "sweeps"}
    reach = Reach(runs={"lr-0001": Named("m@1", "on main")})
    assert swept(*everything, keep=keep, reach=reach, facts=trial) == {again: "sweeps"}
    assert swept(old(file, 700), keep=keep) == {}


def test_one_young_object_is_the_heartbeat_of_its_run() -> None:
    assert swept(old("runs/r/artifacts/m", 400), old("runs/r/log/00000009.jsonl", 6.9)) == {}
    assert swept(old("runs/r/artifacts/m", 400), old("runs/r/else", 6.9)) == {}  # whatever it is
    assert swept(old("runs/r/artifacts/m", 400), old("runs/s/artifacts/m", -366)) == {"runs/r/artifacts/m": "orphans"}


def test_a_version_goes_only_revoked_and_by_a_rule_of_its_own() -> None:
    keep = Keep(versions=KeepRule(days=30))

    def goes(keep: Keep, **fields: object) -> bool:
        named = Named("m@1", "on main", **fields)  # type: ignore[arg-type]
        return bool(swept(old("runs/r/artifacts/m", 400), reach=Reach(runs={"r": named}), keep=keep))

    assert not goes(keep)
    assert not goes(Keep(), revoked=True)
    assert goes(keep, revoked=True)
    assert not goes(keep, revoked=True, stages={"production"})
    assert not goes(keep, revoked=True, parent_of="m@2")


def test_a_condition_keeps_and_so_does_one_that_cannot_be_judged() -> None:
    keep = Keep(runs=KeepRule(days=30, unless=("metrics.accuracy > 0.9",)))
    model = old("runs/r/artifacts/m", 400)
    for metrics, stays in (({"accuracy": 0.95}, True), ({"accuracy": 0.5}, False), ({}, True)):
        assert bool(swept(model, keep=keep, facts=RunFacts({"metrics": metrics}))) is not stays


def test_a_log_that_cannot_be_read_keeps_all_of_its_run() -> None:
    found = judge([old("runs/r/artifacts/m", 400)], Reach(), Keep(), NOW, lambda run: "line 1 is no JSON")
    assert [(one.kind, one.why) for one in found] == [(None, "its log cannot be read: line 1 is no JSON")]


def test_the_oldest_go_first_where_the_limit_is_reached() -> None:
    planner = Planner(Keep(share=1.0, bytes=15))
    for name, days in (("a", 40), ("b", 50), ("c", 60)):
        planner.add(Verdict(f"runs/{name}/artifacts/", "w", [old(f"runs/{name}/artifacts/x", days, 10)], "runs"))
    plan = planner.plan(store="s", commit="a" * 40, policy="sha256:" + "0" * 64, refs=1)
    assert [one.prefix for one in plan.groups] == ["runs/c/artifacts/"]
    assert plan.waits is not None
    assert plan.waits.objects == 2
    assert plan.saves == 0.0


def test_what_is_somebody_elses_and_what_was_thrown_away_do_not_count_for_the_share() -> None:
    planner = Planner(Keep(share=0.5))
    everything = [old("runs/a/artifacts/x", 90, 10), old("runs/b/artifacts/x", 80, 10), old("runs/b/else", 80, 1000)]
    everything += [old("theirs", 90, 1000), old("trash/p/objects/x", 90, 1000)]
    for verdict in judge(everything, Reach(), Keep(), NOW, lambda run: None):
        planner.add(verdict)
    plan = planner.plan(store="s", commit="a" * 40, policy="sha256:" + "0" * 64, refs=1)
    assert [one.prefix for one in plan.groups] == ["runs/a/artifacts/"]


@pytest.mark.parametrize("keys", [("runs/b/x", "runs/a/x"), ("runs/a/x", "runs/a/x")])
def test_a_listing_out_of_order_is_none(keys: tuple[str, str]) -> None:
    with pytest.raises(BadInput, match="not in order"):
        list(judge([old(key, 90) for key in keys], Reach(), Keep(), NOW, lambda run: None))


KEYS = st.sampled_from(
    [
        f"runs/r{run}/{rest}"
        for run in range(4)
        for rest in ("artifacts/m", "log/00000001.jsonl", "checkpoints/0000000001/x", "q")
    ]
    + [f"datasets/blobs/sha256/{n:02x}/{f'{n:02x}' * 32}" for n in range(4)]
    + ["theirs", "doctor/x", "sweeps/r/sweep.yaml"]
)


@given(st.dictionaries(KEYS, st.floats(-400, 800)), st.sets(st.integers(0, 3)), st.sets(st.integers(0, 3)))
def test_what_goes_is_not_named_young_or_foreign(ages: dict[str, float], runs: set[int], blobs: set[int]) -> None:
    reach = Reach(runs={f"r{n}": Named(f"m@{n + 1}", "on main") for n in runs}, blobs={bytes([n]) * 32 for n in blobs})
    everything = [old(key, days) for key, days in ages.items()]
    goes = swept(*everything, reach=reach)
    listing = sorted(everything, key=lambda one: one.key)
    told = [one.key for verdict in judge(listing, reach, Keep(), NOW, lambda run: None) for one in verdict.objects]
    assert sorted(told) == sorted(ages)  # each object once, whatever becomes of it
    for key in goes:
        assert not reach.names(key) or "/checkpoints/" in key
        assert ages[key] >= 7
        assert stored_at(key).part not in {"foreign", "trash"}


def test_a_change_may_bring_a_plan_as_it_was_made_and_no_other() -> None:
    planner = Planner(Keep(share=1.0))
    planner.add(Verdict("runs/a/artifacts/", "w", [old("runs/a/artifacts/x", 90)], "runs"))
    data = write_plan(planner.plan(store="s", commit="a" * 40, policy="sha256:" + "0" * 64, refs=1))
    base = Made().dataset().version()
    for brought, passed in ((data, True), (data.replace(b"runs/a/", b"runs/b/"), False), (b"{}", False)):
        verdict = check_change(base.registry, base.copy().put("prune.json", brought).registry, now=LATER)
        assert verdict.passed is passed
        assert verdict.does == ("deletes from the store what prune.json lists",)


def test_metrics_of_slices_are_members() -> None:
    assert nested({"a.b": 1.0, "a.c": 2.0, "d": 3.0}) == {"a": {"b": 1.0, "c": 2.0}, "d": 3.0}
    assert nested({"a": 1.0, "a.b": 2.0}) == {"a": 1.0}
