"""Who deletes, restores, purges, registers and resumes at the same time, step by step, in a folder as the store."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.prune_guard import check_examples_kept
from modelbook.adapters.prune_journal import Journal, under_way
from modelbook.adapters.pruning import Pruned, carry_out, purge, restore
from modelbook.core.digests import digest_of
from modelbook.core.keep import Keep, KeepRule
from modelbook.core.pruning.prune_plan import Planner, PrunePlan
from modelbook.core.pruning.reachability import Named, Reach
from modelbook.core.pruning.retention import judge
from modelbook.core.storage import examples_key
from modelbook.errors import IntegrityError, Refused

KEEP = Keep(share=1.0, sweeps=KeepRule(days=30))
NOBODY = Reach(runs={"named": Named("digits@1", "on main")}, cards=1)
KEYS = [f"runs/lost/artifacts/{number}.bin" for number in range(3)]
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore(tmp_path, "file:store")
    for key in [*KEYS, "runs/lost/log/00000001.jsonl", "runs/named/artifacts/model.bin"]:
        put(store, key, 100)
    return store


def put(store: DirectoryStore, key: str, age: float, data: bytes = b"x") -> None:
    store.put_bytes(key, data)
    then = (datetime.now(UTC) - age * DAY).timestamp()
    os.utime(store.root / key, (then, then))


def made(store: DirectoryStore) -> PrunePlan:
    planner = Planner(KEEP)
    for verdict in judge(store.list(), NOBODY, KEEP, datetime.now(UTC), lambda run: None):
        planner.add(verdict)
    return planner.plan(store=store.uri, commit="a" * 40, policy="sha256:" + "0" * 64, refs=1)


def sizes(store: DirectoryStore, plan: PrunePlan) -> list[tuple[str, int]]:
    return [(one.key, one.size) for group in plan.groups for one in store.list(group.prefix)]


def apply(store: DirectoryStore, plan: PrunePlan, between: dict[int, Callable[[], object]] | None = None) -> Pruned:
    """Carry out a plan; `between` happens when the roots are looked at for the nth time."""
    asked = 0

    def reach() -> Reach:
        nonlocal asked
        asked += 1
        (between or {}).get(asked, lambda: None)()
        return NOBODY

    return carry_out(store, plan, lambda: sizes(store, plan), reach, KEEP, lambda: datetime.now(UTC))


def left(store: DirectoryStore) -> list[str]:
    return [key for key in KEYS if store.stat(key)]


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_of_two_that_apply_one_plan_neither_loses_what_the_other_put_aside(store: DirectoryStore, moment: int) -> None:
    plan = made(store)
    told = apply(store, plan, {moment: lambda: apply(store, plan)})
    assert (told.objects, left(store)) == (3, [])
    assert restore(store, plan.id) == (3, [])


def test_of_two_that_begin_at_once_the_list_of_one_counts(store: DirectoryStore) -> None:
    """The second listed less, since the first was at work by then: by that list much could not be brought back."""
    plan = made(store)
    first, second = Journal(store, plan.id), Journal(store, plan.id)

    def meanwhile() -> list[tuple[str, int]]:
        first.begin(plan, sizes(store, plan))
        return []

    second.begin(plan, meanwhile())
    assert [len(found) for _, found in second.segments()] == [3]


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_plan_that_is_brought_back_while_it_is_carried_out_deletes_nothing(
    store: DirectoryStore, moment: int
) -> None:
    plan = made(store)
    with pytest.raises(Refused, match="is being brought back"):
        apply(store, plan, {moment: lambda: restore(store, plan.id)} if moment < 3 else {1: lambda: mark(store, plan)})
    assert left(store) == KEYS
    with pytest.raises(Refused, match="is being brought back"):
        apply(store, plan)
    assert left(store) == KEYS


def mark(store: DirectoryStore, plan: PrunePlan) -> None:
    """The restoring process says what it is about to do, and looks at nothing yet."""
    Journal(store, plan.id).mark("restoring")


def test_who_restores_and_who_purges_give_way(store: DirectoryStore) -> None:
    plan = made(store)
    apply(store, plan)
    later = datetime.now(UTC) + 20 * DAY
    journal = Journal(store, plan.id)
    journal.mark("purging")  # and was killed
    with pytest.raises(Refused, match="is being purged"):
        restore(store, plan.id)
    assert purge(store, KEEP, lambda: NOBODY, later) == {plan.id: "is being restored"}
    assert restore(store, plan.id) == (3, [])
    assert purge(store, KEEP, lambda: NOBODY, later) == {plan.id: "was restored, and is over"}
    assert (left(store), list(store.list("trash/"))) == (KEYS, [])


def test_a_killed_plan_that_goes_on_weeks_later_leaves_what_was_written_to_meanwhile(store: DirectoryStore) -> None:
    """The run was taken up, and is silent again, but the plan knows nothing of that."""
    plan = made(store)
    journal = Journal(store, plan.id)
    journal.begin(plan, sizes(store, plan))
    begun = (datetime.now(UTC) - 20 * DAY).timestamp()
    os.utime(store.root / f"trash/plans/{plan.id}.json", (begun, begun))
    put(store, "runs/lost/log/00000002.jsonl", 10)
    assert set(apply(store, plan).skipped.values()) == {"was written to by now"}
    assert left(store) == KEYS


def test_the_file_of_a_sweep_stays_where_a_trial_began_meanwhile(store: DirectoryStore) -> None:
    key = "sweeps/lr/sweep.yaml"
    put(store, key, 100)
    plan = made(store)
    store.put_bytes("runs/lr-0001/log/00000001.jsonl", b"")
    assert apply(store, plan).skipped == {key: "was written to by now"}


def test_a_list_that_somebody_changed_deletes_nothing(store: DirectoryStore) -> None:
    """Whoever may write to the store, and not delete, could let others delete by it."""
    plan = made(store)
    Journal(store, plan.id).begin(plan, [(KEYS[0], 1), ("runs/lost/log/00000001.jsonl", 1), ("theirs.txt", 1)])
    with pytest.raises(IntegrityError, match="which the plan does not"):
        apply(store, plan)
    assert left(store) == KEYS
    forged = json.loads((store.root / f"trash/plans/{plan.id}.json").read_bytes())
    assert forged["digest"] == plan.digest


def test_an_object_that_is_another_one_by_now_stays(store: DirectoryStore) -> None:
    plan = made(store)
    objects = [(key, size + 1) for key, size in sizes(store, plan)]
    told = carry_out(store, plan, lambda: objects, lambda: NOBODY, KEEP, lambda: datetime.now(UTC))
    assert set(told.skipped.values()) == {"is another one by now"}
    assert left(store) == KEYS


def test_what_a_suite_found_is_guarded_too(store: DirectoryStore) -> None:
    digest = digest_of(b"each")
    key = examples_key(digest)
    check_examples_kept(store, digest, 4)  # nothing was ever deleted here
    put(store, key, 100, b"each")
    plan = made(store)
    Journal(store, plan.id).begin(plan, sizes(store, plan))
    assert [name for name, _ in under_way(store)] == [plan.id]
    with pytest.raises(Refused, match="is deleting from where these files lie"):
        check_examples_kept(store, digest, 4)
    apply(store, plan)
    with pytest.raises(Refused, match="deleted meanwhile: "):
        check_examples_kept(store, digest, 4)
    restore(store, plan.id)
    check_examples_kept(store, digest, 4)
