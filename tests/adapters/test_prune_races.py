"""Whatever people, workflows and accidents do, nothing that anybody names is ever deleted: DESIGN's sixth invariant."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from modelbook.adapters import pruning, root_files
from modelbook.adapters.prune_journal import Journal
from modelbook.adapters.pruning import carry_out
from modelbook.adapters.roots import RootSource
from modelbook.core.pruning import retention
from modelbook.core.pruning.reachability import Named
from tests.parts import retention_people
from tests.parts.reasons_to_stay import KEEP
from tests.parts.retention_machine import WHAT, Retention
from tests.parts.retention_people import OLD
from tests.parts.unknowable import WAYS


def held(examples: int, steps: int) -> None:
    """Run the machine: always the same steps. What fails is not made smaller, which takes longer than to read it."""
    found = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(Retention, settings=found)  # type: ignore[no-untyped-call]


def every_race() -> None:
    """Each thing that somebody may do, at each moment of a plan that is carried out to its end, or dies before it."""
    for what in WHAT:
        machine = Retention()
        try:
            machine.a_store_with_something_to_delete()
            machine.take_a_revocation_back()
            machine.what_has_a_reason_to_stay_is_there()
            for moment, before, dies in product(range(4), (False, True), (False, True)):
                machine.race(moment, what, before, dies, late=False)
                machine.what_has_a_reason_to_stay_is_there()
            machine.race(0, what, before=False, dies=False, late=True)
            machine.what_has_a_reason_to_stay_is_there()
        finally:
            machine.teardown()


def every_doubt() -> None:
    """Each way not to know what is named, with a plan at hand and without one."""
    machine = Retention()
    try:
        machine.a_store_with_something_to_delete()
        for plans in (machine.plans, []):
            machine.plans = plans
            for way in WAYS:
                machine.know_too_little(way)
    finally:
        machine.teardown()


def test_nothing_that_is_named_is_ever_deleted() -> None:
    held(examples=4, steps=12)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_nothing_that_is_named_is_ever_deleted_in_a_long_time() -> None:
    every_race()
    every_doubt()
    held(examples=100, steps=20)


def test_the_machine_would_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """With roots that nobody looks at again, the same steps lose what is named."""
    monkeypatch.setattr(pruning, "_refused", lambda *_args: {})
    monkeypatch.setattr(pruning, "_heal", lambda *_args: None)
    machine = Retention()
    try:
        machine.train(OLD, tagged=False, status="completed")
        machine.plan(timedelta(0), None)
        plan = machine.plans[-1]
        machine.register("r0")
        machine.what_has_a_reason_to_stay_is_there()
        objects = [(key, 1) for key in sorted(machine.files("r0"))]
        carry_out(machine.store, plan, lambda: objects, machine.reader(), KEEP, lambda: datetime.now(UTC))
        with pytest.raises(AssertionError, match="are gone"):
            machine.what_has_a_reason_to_stay_is_there()
    finally:
        machine.teardown()


def no_look_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is named and written to is not looked at again before each batch, nor what was named too late."""
    monkeypatch.setattr(pruning, "_refused", lambda *_args: {})
    monkeypatch.setattr(pruning, "_heal", lambda *_args: None)


def no_branches(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the remote's refs hold does not count."""
    monkeypatch.setattr(RootSource, "_places", lambda *_args: iter(()))


def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is too young, and no run has a heartbeat."""
    monkeypatch.setattr(retention, "span", lambda _text: timedelta(0))
    monkeypatch.setattr(pruning, "span", lambda _text: timedelta(0))
    monkeypatch.setattr(retention._Judge, "_days", lambda *_args: 0)


def no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who registers does not look for intents and bytes, and what was named too late is not brought back."""
    for name in ("check_model_kept", "check_dataset_kept"):
        monkeypatch.setattr(retention_people, name, lambda *_args: None)
    monkeypatch.setattr(pruning, "_heal", lambda *_args: None)


def no_giving_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan goes on though somebody restores it."""
    monkeypatch.setattr(Journal, "marked", lambda *_args: False)


def no_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stood in a stage once, or was a parent, and is revoked or gone from every branch, does not count."""
    monkeypatch.setattr(Named, "bound", None)


def no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks into the commits behind the refs."""
    monkeypatch.setattr(root_files, "_once", lambda *_args: iter(()))


def no_clone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the clone has, on a branch or in a working tree, does not count."""
    monkeypatch.setattr(RootSource, "_own", lambda _self: {})


def no_other_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that shares the store is not asked."""
    places = RootSource._places
    monkeypatch.setattr(RootSource, "_places", lambda *args: (one for one in places(*args) if not one.registry))


def no_proposals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open pull requests do not count."""
    monkeypatch.setattr(retention_people.People, "opened", lambda _self: {})


def no_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """No `unless` keeps anything: no tag, no metric."""
    monkeypatch.setattr(retention, "kept_by", lambda *_args: None)


def no_healing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is named when all is gone does not come back."""
    monkeypatch.setattr(pruning, "_heal", lambda *_args: None)


PLANTS: Sequence[Callable[[pytest.MonkeyPatch], None]] = (
    no_look_again,
    no_branches,
    no_grace,
    no_guard,
    no_giving_way,
    no_past,
    no_history,
    no_clone,
    no_other_registry,
    no_proposals,
    no_conditions,
    no_healing,
)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("plant", PLANTS, ids=lambda one: one.__name__)
def test_the_machine_notices_what_is_left_out(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=r"gone|went|would go|did not come back|cannot be brought back"):  # noqa: PT012 - either may notice
        every_race()
        held(examples=100, steps=20)
