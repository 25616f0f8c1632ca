"""Whatever people, workflows and accidents do, nothing that anybody names is ever deleted: DESIGN's sixth invariant.

Real git with a remote, a real folder as the store, and the parts that the commands are made of.
"""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.prune_guard import check_model_kept
from modelbook.adapters.prune_journal import Journal, plans
from modelbook.adapters.pruning import carry_out, purge, restore
from modelbook.adapters.reach_reader import ReachReader, read_run
from modelbook.adapters.roots import RootSource
from modelbook.core.digests import digest_of
from modelbook.core.keep import Keep, KeepRule
from modelbook.core.pruning.prune_plan import Planner, PrunePlan, planned
from modelbook.core.pruning.reachability import Reach
from modelbook.core.pruning.retention import judge
from modelbook.errors import Refused, StoreError
from tests.made import Made
from tests.parts.prune_shop import Shop
from tests.parts.unsteady_store import Killed, Unsteady

KEEP = Keep(share=1.0, versions=KeepRule(days=30))
OLD = 100.0  # days
YEAR = timedelta(days=366)


class Retention(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="modelbook-prune-"))
        self.shop = Shop(self.folder)
        self.store = Unsteady(self.shop.data, self.shop.uri)
        self.shop.dataset("digits", {"a.csv": b"a"}, OLD)
        self.shop.run("first", OLD)
        self.shop.put("notes/of-somebody-else.txt", b"x", 4000)
        self.shop.version("digits", 1, "first")
        self.shop.commit()
        self.runs: list[str] = []
        self.accepted: dict[str, str] = {"main": "first"}  # by ref: the run that it names, looked at after it was made
        self.main = {"first": 1}  # runs on main, and their versions
        self.served: set[str] = set()
        self.revoked: set[str] = set()
        self.branches: dict[str, tuple[str, Made]] = {}
        self.pulls: dict[int, str] = {}
        self.plans: list[PrunePlan] = []
        self.number = 1

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @initialize()
    def a_store_with_something_to_delete(self) -> None:
        for _ in range(3):
            self.train(OLD, tagged=False, status="completed")
        self.plan(timedelta(0), None)

    # What people do.

    @rule(
        age=st.sampled_from([OLD, OLD, 3.0, 0.01]),
        tagged=st.sampled_from([False, False, True]),
        status=st.sampled_from(["completed", None]),
    )
    def train(self, age: float, tagged: bool, status: str | None) -> None:
        name = f"r{len(self.runs)}"
        self.runs.append(name)
        self.shop.run(name, age, tags=("keep",) if tagged else (), status=status)

    def whole(self, run: str) -> bool:
        return all((self.shop.data / key).exists() for key in self.files(run))

    def files(self, run: str) -> list[str]:
        return [f"runs/{run}/artifacts/{name}" for name in ("model.safetensors", "config/model.json")]

    def register(self, run: str, *, fork: bool = False) -> None:
        """As `register` does: read the bytes, make the branch, look for intents and bytes once more."""
        if not self.whole(run):
            return
        self.number += 1
        version, made = self.number, self.shop.made
        branch = f"register/digits-{version}"
        self.shop.made = made.copy()
        self.shop.version("digits", version, run)
        self.shop.git("switch", "-q", "-c", branch)
        self.shop.commit(push=not fork)
        if fork:
            self.shop.git("push", "-q", "origin", f"HEAD:refs/pull/{version}/head")
            self.pulls[version] = self.shop.git("rev-parse", "HEAD")
        proposed, self.shop.made = self.shop.made, made
        self.shop.git("switch", "-q", "main")
        self.shop.git("branch", "-q", "-D", branch)
        ref = f"refs/pull/{version}/head" if fork else f"refs/heads/{branch}"
        self.branches[ref] = run, proposed
        sizes = {name.partition("/artifacts/")[2]: (self.shop.data / name).stat().st_size for name in self.files(run)}
        try:
            check_model_kept(DirectoryStore(self.shop.data, self.shop.uri), run, sizes)
        except Refused:
            return  # told to wait or to restore: not accepted, so nobody merges it
        self.accepted[ref] = run

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), fork=st.booleans())
    def register_a_run(self, data: st.DataObject, fork: bool) -> None:
        self.register(data.draw(st.sampled_from(self.runs)), fork=fork)

    @precondition(lambda self: self.branches)
    @rule(data=st.data(), merge=st.booleans())
    def close(self, data: st.DataObject, merge: bool) -> None:
        """Merge what was accepted, or throw it away."""
        ref = data.draw(st.sampled_from(sorted(self.branches)))
        run, made = self.branches.pop(ref)
        if merge and ref in self.accepted and run not in self.main:
            version = int(ref.rpartition("-")[2]) if "heads" in ref else int(ref.split("/")[2])
            top = f"models/digits/versions/{version}/"
            self.shop.made.files |= {path: data for path, data in made.files.items() if path.startswith(top)}
            self.main[run] = version
            self.shop.commit()
        self.pulls.pop(int(ref.split("/")[2]) if "pull" in ref else 0, None)
        self.accepted.pop(ref, None)
        self.shop.git("push", "-q", "origin", f":{ref}")

    @rule(data=st.data())
    def promote_or_roll_back(self, data: st.DataObject) -> None:
        may = sorted(set(self.main) - self.revoked)
        if may:
            run = data.draw(st.sampled_from(may))
            self.shop.made.pointer("digits", "production", self.main[run], kind=None)
            self.shop.commit()
            self.served.add(run)

    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(sorted(self.main)))
        folder = f"models/digits/versions/{self.main[run]}"
        card = digest_of(self.shop.made.files[f"{folder}/card.yaml"])
        text = f"format: modelbook/revocation/v1\nmodel: digits\nversion: {self.main[run]}\ncard: {card}\n"
        text += "by: alice\nrevoked: '2026-03-02T12:00:00Z'\nreason: leaked\n"
        self.shop.made.put(f"{folder}/revoked.yaml", text)
        self.shop.commit()
        self.revoked.add(run)

    # What retention does.

    def reader(self) -> ReachReader:
        source = RootSource(self.shop.repository, "registry", (), lambda: dict(self.pulls))
        return ReachReader(source, self.store)

    def verdicts(self, now: datetime) -> Any:
        return judge(self.store.list(), self.reader()(), KEEP, now, lambda run: read_run(self.store, run))

    @rule(skew=st.sampled_from([timedelta(0)] * 6 + [YEAR, -YEAR]), page=st.sampled_from([None, None, None, None, 3]))
    def plan(self, skew: timedelta, page: int | None) -> None:
        planner = Planner(KEEP)
        self.store.page = page
        try:
            for verdict in self.verdicts(datetime.now(UTC) + skew):
                planner.add(verdict)
        except StoreError:
            return
        finally:
            self.store.page = None
        head = self.shop.git("rev-parse", "HEAD")
        made = planner.plan(store=self.store.uri, commit=head, policy="sha256:" + "0" * 64, refs=1)
        if made.groups:
            self.plans.append(made)

    @precondition(lambda self: self.plans)
    @rule(
        data=st.data(),
        skew=st.sampled_from([timedelta(0)] * 6 + [YEAR, -YEAR]),
        killed=st.sampled_from([None, None, None, 4, 6, 8, 10, 12]),
        race=st.sampled_from([0, 1, 1, 2, 2, 3]),
        before=st.booleans(),
    )
    def apply(self, data: st.DataObject, skew: timedelta, killed: int | None, race: int, before: bool) -> None:
        """Carry out a plan, old or new; somebody registers at the worst moment, and the process may die."""
        plan = data.draw(st.sampled_from(self.plans[::-1]))
        read, asked = self.reader(), 0
        goal = next((one.prefix.split("/")[1] for one in plan.groups if one.prefix.endswith("/artifacts/")), None)

        def reach() -> Reach:
            nonlocal asked
            asked += 1
            found = None if before else read()
            if asked == race and goal and goal not in self.main:
                left, self.store.left = self.store.left, None
                self.register(goal)
                self.store.left = left
            return read() if found is None else found

        def now() -> datetime:
            return datetime.now(UTC) + skew

        def objects() -> Iterator[tuple[str, int]]:
            wanted = {(one.prefix, one.digest) for one in plan.groups}
            for verdict in self.verdicts(now()):
                if verdict.kind and (verdict.prefix, planned(verdict).digest) in wanted:
                    yield from ((one.key, one.size) for one in verdict.objects)

        self.store.left = killed
        try:
            carry_out(self.store, plan, objects, reach, KEEP, now)
        except Killed:
            pass
        finally:
            self.store.left = None
            self.plans = [one for one in self.plans if not Journal(self.store, one.id).ended()]

    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        if known := sorted(plans(self.store)):
            restore(self.store, data.draw(st.sampled_from(known)))

    @rule()
    def throw_away(self) -> None:
        purge(self.store, KEEP, self.reader(), datetime.now(UTC) + timedelta(days=20))

    # What must hold.

    @invariant()
    def what_somebody_names_is_there(self) -> None:
        for ref, run in self.accepted.items():
            assert self.whole(run) or run in self.revoked - self.served, f"{ref} names {run}, and its bytes are gone"
        for run in self.main:
            assert self.whole(run) or run in self.revoked - self.served, f"main has {run}, and its bytes are gone"
        for run in self.served:
            assert self.whole(run), f"{run} was in production, and its bytes are gone"

    @invariant()
    def what_is_somebody_elses_is_there(self) -> None:
        assert (self.shop.data / "notes/of-somebody-else.txt").exists()


def test_nothing_that_is_named_is_ever_deleted() -> None:
    few = settings(max_examples=6, stateful_step_count=12, deadline=None, derandomize=True, database=None)
    run_state_machine_as_test(Retention, settings=few)  # type: ignore[no-untyped-call]


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_nothing_that_is_named_is_ever_deleted_in_a_long_time() -> None:
    many = settings(max_examples=120, stateful_step_count=30, deadline=None, derandomize=True, database=None)
    run_state_machine_as_test(Retention, settings=many)  # type: ignore[no-untyped-call]


def test_the_machine_would_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """With roots that nobody looks at again, the same steps lose what is named."""
    from modelbook.adapters import pruning

    monkeypatch.setattr(pruning, "_refused", lambda *_args: {})
    monkeypatch.setattr(pruning, "_heal", lambda *_args: None)
    machine = Retention()
    try:
        machine.train(OLD, tagged=False, status="completed")
        machine.plan(timedelta(0), None)
        (plan,) = machine.plans
        machine.register("r0")
        machine.what_somebody_names_is_there()
        objects = [(key, 1) for key in machine.files("r0")]
        carry_out(machine.store, plan, lambda: objects, machine.reader(), KEEP, lambda: datetime.now(UTC))
        with pytest.raises(AssertionError, match="bytes are gone"):
            machine.what_somebody_names_is_there()
    finally:
        machine.teardown()
