"""Whatever people, workflows and accidents do, nothing that anybody names is ever deleted: DESIGN's sixth invariant.

Real git with a remote, a real folder as the store, and the parts that the commands are made of.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from modelbook.adapters import pruning
from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.prune_guard import check_dataset_kept, check_model_kept
from modelbook.adapters.prune_journal import Journal, plans
from modelbook.adapters.pruning import carry_out, purge, restore
from modelbook.adapters.reach_reader import ReachReader, read_run
from modelbook.adapters.roots import RootSource
from modelbook.core import retention
from modelbook.core.dataset import Manifest
from modelbook.core.digests import digest_of
from modelbook.core.keep import Keep, KeepRule
from modelbook.core.prune_plan import Planner, PrunePlan, planned
from modelbook.core.reachability import Reach
from modelbook.core.retention import judge
from modelbook.core.storage import blob_key, uri_of
from modelbook.errors import Refused, StoreError
from tests.made import Made
from tests.parts.prune_shop import Shop
from tests.parts.unsteady_store import Killed, Unsteady

KEEP = Keep(share=1.0, versions=KeepRule(days=30))
OLD = 100.0  # days
YEAR = timedelta(days=366)
POOL = [b"one", b"two", b"three"]  # data that were uploaded once, and that no version names at first
SKEWS = st.sampled_from([timedelta(0)] * 6 + [YEAR, -YEAR])
KILLS = st.sampled_from([None, None, None, *range(1, 24)])
PAGES = st.sampled_from([None, None, None, None, None, 3, 9])


class Retention(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="modelbook-prune-"))
        self.shop = Shop(self.folder)
        self.disk = DirectoryStore(self.shop.data, self.shop.uri)
        self.store = Unsteady(self.shop.data, self.shop.uri)
        self.shop.dataset("digits", {"a.csv": b"a"}, OLD)
        self.shop.run("first", OLD)
        self.shop.put("notes/of-somebody-else.txt", b"x", 4000)
        self.shop.version("digits", 1, "first")
        self.shop.commit()
        self.runs: list[str] = []
        self.needs: dict[str, set[str]] = {"main": self.files("first")}  # by ref: what it names, looked at by its maker
        self.main = {"first": 1}  # runs on main, and their versions
        self.served: set[str] = set()
        self.revoked: set[str] = set()
        self.branches: dict[str, tuple[str, Made]] = {}  # by ref: the run, or "" for a dataset
        self.pulls: dict[int, str] = {}
        self.plans: list[PrunePlan] = []
        self.lists: dict[str, set[str]] = {}  # by plan: the keys that it lists
        self.gone: dict[str, set[str]] = {}  # by plan: what it deleted, until that is purged
        self.number = 1

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @initialize()
    def a_store_with_something_to_delete(self) -> None:
        for _ in range(2):
            self.train(OLD, tagged=False, status="completed")
        for data in POOL:
            self.shop.put(blob_key(digest_of(data)), data, OLD)
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

    @precondition(lambda self: self.runs)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """A run that was silent for long writes again."""
        run = data.draw(st.sampled_from(self.runs))
        self.shop.put(f"runs/{run}/log/{self.number:08d}.jsonl", b"", 0.0)
        self.number += 1

    def files(self, run: str) -> set[str]:
        return {f"runs/{run}/artifacts/{name}" for name in ("model.safetensors", "config/model.json")}

    def there(self, keys: set[str]) -> bool:
        return all((self.shop.data / key).exists() for key in keys)

    def propose(self, name: str, what: str, change: Callable[[], None], *, fork: bool) -> str:
        """A branch or a fork's pull request that the remote alone has; gives its ref."""
        made, self.shop.made = self.shop.made, self.shop.made.copy()
        change()
        self.shop.git("switch", "-q", "--detach")
        ref = f"refs/pull/{self.number}/head" if fork else f"refs/heads/{name}"
        commit = self.shop.commit(push=False)
        self.shop.git("push", "-q", "origin", f"{commit}:{ref}")
        if fork:
            self.pulls[self.number] = commit
        self.branches[ref] = what, self.shop.made
        self.shop.git("switch", "-q", "main")
        self.shop.made = made
        return ref

    def register(self, run: str, *, fork: bool = False) -> None:
        """As `register` does: read the bytes, make the branch, look for intents and bytes once more."""
        if not self.there(self.files(run)) or run in self.main:
            return
        self.number += 1
        version = self.number
        ref = self.propose(
            f"register/digits-{version}", run, lambda: self.shop.version("digits", version, run), fork=fork
        )
        sizes = {key.partition("/artifacts/")[2]: (self.shop.data / key).stat().st_size for key in self.files(run)}
        with suppress(Refused):  # else told to wait or to restore: not accepted, so nobody merges it
            check_model_kept(self.disk, run, sizes)
            self.needs[ref] = self.files(run)

    def push(self, files: list[bytes], *, fork: bool = False) -> None:
        """As `data add` does: what the store has is not sent again; then the branch; then intents and bytes."""
        self.number += 1
        version = self.number
        lines = b"".join(
            json.dumps({"path": f"{at}.csv", "size": len(data), "digest": digest_of(data)}).encode() + b"\n"
            for at, data in enumerate(files)
        )
        for data in (*files, lines):
            self.disk.put_bytes(blob_key(digest_of(data)), data)
        listed = {"uri": uri_of(self.shop.uri, blob_key(digest_of(lines))), "size": len(lines)}
        manifest = Manifest(**listed, digest=digest_of(lines))
        fields = {"manifest": manifest.model_dump(mode="json"), "files": len(files), "size": 1}

        def change() -> None:
            self.shop.made.dataset("extra", version, **fields)

        ref = self.propose(f"dataset/extra-{version}", "", change, fork=fork)
        with suppress(Refused):
            check_dataset_kept(self.disk, manifest)
            self.needs[ref] = {blob_key(digest_of(data)) for data in (*files, lines)}

    @precondition(lambda self: self.runs)
    @rule(data=st.data(), fork=st.booleans())
    def register_a_run(self, data: st.DataObject, fork: bool) -> None:
        self.register(data.draw(st.sampled_from(self.runs)), fork=fork)

    @rule(files=st.lists(st.sampled_from([*POOL, b"new"]), min_size=1, max_size=2, unique=True), fork=st.booleans())
    def push_data(self, files: list[bytes], fork: bool) -> None:
        self.push(files, fork=fork)

    @precondition(lambda self: self.branches)
    @rule(data=st.data(), then=st.sampled_from(["merge", "merge", "close", "tag"]))
    def settle(self, data: st.DataObject, then: str) -> None:
        """Merge what was accepted, throw it away, or let nothing but a tag hold it."""
        ref = data.draw(st.sampled_from(sorted(self.branches)))
        run, made = self.branches.pop(ref)
        kept = self.needs.pop(ref, None)
        if then == "merge" and kept is not None and run not in self.main:
            new = {path: data for path, data in made.files.items() if path not in self.shop.made.files}
            self.shop.made.files |= new
            if run:
                (card,) = (path for path in new if path.endswith("card.yaml"))
                self.main[run] = int(card.split("/")[3])
            else:
                self.needs["main"] |= kept
            self.shop.commit()
        elif then == "tag" and kept is not None:
            self.shop.git("fetch", "-q", "origin", f"+{ref}:refs/tags/kept-{self.number}")
            self.shop.git("push", "-q", "origin", f"refs/tags/kept-{self.number}")
            self.shop.git("tag", "-d", f"kept-{self.number}")
            self.needs[f"tag {self.number}"] = kept
            self.number += 1
        self.pulls.pop(int(ref.split("/")[2]) if "pull" in ref else 0, None)
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

    @contextmanager
    def accidents(self, killed: int | None, page: int | None) -> Iterator[None]:
        """The process may die at its nth look or write, and a listing may break off; both end what it does."""
        self.store.left, self.store.page = killed, page
        try:
            yield
        except (Killed, StoreError, Refused):
            pass
        finally:
            self.store.left = self.store.page = None

    @rule(skew=SKEWS, page=PAGES)
    def plan(self, skew: timedelta, page: int | None) -> None:
        planner, keys = Planner(KEEP), set[str]()
        made = None
        with self.accidents(None, page):
            for verdict in self.verdicts(datetime.now(UTC) + skew):
                planner.add(verdict)
                keys |= {one.key for one in verdict.objects} if verdict.kind else set()
            head = self.shop.git("rev-parse", "HEAD")
            made = planner.plan(store=self.store.uri, commit=head, policy="sha256:" + "0" * 64, refs=1)
        if made and made.groups:
            self.plans.append(made)
            self.lists[made.id] = keys

    @precondition(lambda self: self.plans)
    @rule(
        data=st.data(),
        skew=SKEWS,
        killed=KILLS,
        page=PAGES,
        moment=st.sampled_from([0, 0, 0, 1, 1, 2, 2, 3]),
        what=st.sampled_from(["register", "register", "push", "push", "restore", "apply"]),
        before=st.booleans(),
    )
    def apply(
        self,
        data: st.DataObject,
        skew: timedelta,
        killed: int | None,
        page: int | None,
        moment: int,
        what: str,
        before: bool,
    ) -> None:
        """Carry out a plan, old or new; something happens at the worst moment, and the process may die."""
        plan = data.draw(st.sampled_from(self.plans[::-1]))
        there = {one.key for one in self.disk.list() if not one.key.startswith("trash/")}
        young = {one.key for one in self.disk.list() if datetime.now(UTC) - one.modified < timedelta(days=7)} & there
        read, asked = self.reader(), 0

        def happens(now: int) -> None:
            if now == moment:
                accidents, self.store.left, self.store.page = (self.store.left, self.store.page), None, None
                self.meanwhile(what, plan)
                self.store.left, self.store.page = accidents

        def reach() -> Reach:
            nonlocal asked
            asked += 1
            found = None if before else read()
            happens(asked)
            return read() if found is None else found

        with self.accidents(killed, page):
            self.carry_out(plan, reach, skew, listed=lambda: happens(0))
        gone = there - {one.key for one in self.disk.list()}
        self.gone.setdefault(plan.id, set()).update(gone)
        assert gone <= self.lists[plan.id], f"{gone - self.lists[plan.id]} went, which no plan lists"
        if skew <= timedelta(0):  # a folder has no clock but the machine's; a bucket's own is asked, and both compared
            assert not gone & young, f"{gone & young} went within the grace period"
        self.plans = [one for one in self.plans if not Journal(self.disk, one.id).ended()]

    def carry_out(
        self, plan: PrunePlan, reach: Callable[[], Reach], skew: timedelta, listed: Callable[[], None] = lambda: None
    ) -> None:
        """As `prune apply` does; `listed` is called when all objects were judged once more, and nobody was told yet."""

        def objects() -> Iterator[tuple[str, int]]:
            wanted = {(one.prefix, one.digest) for one in plan.groups}
            for verdict in self.verdicts(datetime.now(UTC) + skew):
                if verdict.kind and (verdict.prefix, planned(verdict).digest) in wanted:
                    yield from ((one.key, one.size) for one in verdict.objects)
            listed()

        carry_out(self.store, plan, objects, reach, KEEP, lambda: datetime.now(UTC) + skew)

    def meanwhile(self, what: str, plan: PrunePlan) -> None:
        """What somebody else does while a plan is carried out."""
        goal = next((one.prefix.split("/")[1] for one in plan.groups if one.prefix.endswith("/artifacts/")), None)
        if what == "register" and goal:
            self.register(goal)
        elif what == "push":
            self.push(POOL[:2])
        elif what == "restore" and plan.id in plans(self.disk):
            restore(self.disk, plan.id)
        elif what == "apply":
            with suppress(Refused):
                self.carry_out(plan, self.reader(), timedelta(0))

    @rule(data=st.data(), killed=KILLS)
    def bring_back(self, data: st.DataObject, killed: int | None) -> None:
        if known := sorted(plans(self.disk)):
            name = data.draw(st.sampled_from(known))
            whole = False
            with self.accidents(killed, None):
                _, lost = restore(self.store, name)
                whole = True
                assert not lost, f"{lost} cannot be brought back"
            if whole:
                gone = {key for key in self.gone.pop(name, set()) if not (self.shop.data / key).exists()}
                again = {key for keys in self.gone.values() for key in keys}
                assert gone <= again, f"{gone - again} was deleted and did not come back"
            self.plans = [one for one in self.plans if not Journal(self.disk, one.id).ended()]

    @rule(killed=KILLS)
    def throw_away(self, killed: int | None) -> None:
        with self.accidents(killed, None):
            purge(self.store, KEEP, self.reader(), datetime.now(UTC) + timedelta(days=20))
        for name in [name for name in self.gone if Journal(self.disk, name).ended()]:
            del self.gone[name]  # whether all of it was purged, or the process died, nobody waits for it any more

    # What must hold.

    @invariant()
    def what_somebody_names_is_there(self) -> None:
        free = {key for run in self.revoked - self.served for key in self.files(run)}
        for ref, keys in self.needs.items():
            assert self.there(keys - free), f"{ref} names {keys}, and its bytes are gone"
        for run in self.main:
            assert self.there(self.files(run) - free), f"main has {run}, and its bytes are gone"

    @invariant()
    def what_is_somebody_elses_is_there(self) -> None:
        assert (self.shop.data / "notes/of-somebody-else.txt").exists()


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


def test_nothing_that_is_named_is_ever_deleted() -> None:
    held(examples=6, steps=12)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_nothing_that_is_named_is_ever_deleted_in_a_long_time() -> None:
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
        machine.what_somebody_names_is_there()
        objects = [(key, 1) for key in sorted(machine.files("r0"))]
        carry_out(machine.store, plan, lambda: objects, machine.reader(), KEEP, lambda: datetime.now(UTC))
        with pytest.raises(AssertionError, match="bytes are gone"):
            machine.what_somebody_names_is_there()
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
        monkeypatch.setattr(f"{__name__}.{name}", lambda *_args: None)
    monkeypatch.setattr(pruning, "_heal", lambda *_args: None)


def no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """A revoked version is let go of though it was in production."""
    from modelbook.core.reachability import Named

    monkeypatch.setattr(Named, "bound", None)


def no_giving_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan goes on though somebody restores it."""
    monkeypatch.setattr(Journal, "marked", lambda *_args: False)


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "plant", [no_look_again, no_branches, no_grace, no_guard, no_history, no_giving_way], ids=lambda one: one.__name__
)
def test_the_machine_notices_what_is_left_out(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=r"gone|went|did not come back|cannot be brought back"):
        held(examples=40, steps=15)
