"""A registry in whose store things are deleted while people and workflows go on, in any order, and accidents happen.

Real git with a remote, a real folder as the store, and the parts that the commands are made of.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
)

from modelbook.adapters.prune_journal import Journal, plans
from modelbook.adapters.pruning import carry_out, purge, restore
from modelbook.adapters.reach_reader import ReachReader, read_run
from modelbook.adapters.roots import RootSource
from modelbook.core.digests import digest_of
from modelbook.core.keep import Keep, KeepRule
from modelbook.core.pruning.prune_plan import Planner, PrunePlan, planned
from modelbook.core.pruning.reachability import Reach
from modelbook.core.pruning.retention import judge
from modelbook.core.storage import blob_key
from modelbook.errors import Refused, StoreError
from tests.parts.retention_people import OLD, POOL, People
from tests.parts.unsteady_store import Killed

KEEP = Keep(share=1.0, versions=KeepRule(days=30))
YEAR = timedelta(days=366)
SKEWS = st.sampled_from([timedelta(0)] * 6 + [YEAR, -YEAR])
KILLS = st.sampled_from([None] * 8 + [2, 4, 6, 8, 10, 12, 14, 17, 20])
PAGES = st.sampled_from([None, None, None, None, None, 3, 9])
MOMENTS = st.sampled_from([0, 0, 0, 1, 1, 2, 2, 3])  # when the objects were listed; when the roots are read once more
DEEDS = st.sampled_from(["register", "register", "push", "push", "restore", "apply"])


class Retention(People):
    """And what retention does meanwhile."""

    @initialize()
    def a_store_with_something_to_delete(self) -> None:
        for _ in range(2):
            self.train(OLD, tagged=False, status="completed")
        for data in POOL:
            self.shop.put(blob_key(digest_of(data)), data, OLD)
        self.plan(timedelta(0), None)

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
        made: list[PrunePlan] = []
        with self.accidents(None, page):
            for verdict in self.verdicts(datetime.now(UTC) + skew):
                planner.add(verdict)
                keys |= {one.key for one in verdict.objects} if verdict.kind else set()
            head = self.shop.git("rev-parse", "HEAD")
            made.append(planner.plan(store=self.store.uri, commit=head, policy="sha256:" + "0" * 64, refs=1))
        for plan in (plan for plan in made if plan.groups):
            self.plans.append(plan)
            self.lists[plan.id] = keys

    @precondition(lambda self: self.plans)
    @rule(data=st.data(), skew=SKEWS, killed=KILLS, page=PAGES, moment=MOMENTS, what=DEEDS, before=st.booleans())
    def apply_a_plan(
        self,
        data: st.DataObject,
        skew: timedelta,
        killed: int | None,
        page: int | None,
        moment: int,
        what: str,
        before: bool,
    ) -> None:
        """Carry out a plan, old or new; something happens at some moment, and the process may die."""
        plan = data.draw(st.sampled_from(self.plans[::-1]))
        self.apply(plan, skew, killed, page, moment, what, before=before)

    @rule(moment=MOMENTS, what=DEEDS, before=st.booleans())
    def race(self, moment: int, what: str, before: bool) -> None:
        """The same with nothing in the way, for a run that is old and nobody's."""
        self.train(OLD, tagged=False, status="completed")
        self.plan(timedelta(0), None)
        if self.plans:
            self.apply(self.plans[-1], timedelta(0), None, None, moment, what, before=before)

    def apply(
        self,
        plan: PrunePlan,
        skew: timedelta,
        killed: int | None,
        page: int | None,
        moment: int,
        what: str,
        *,
        before: bool,
    ) -> None:
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

        self.whole = False
        with self.accidents(killed, page):
            self.carry_out(plan, reach, skew, listed=lambda: happens(0))
        gone = there - {one.key for one in self.disk.list()}
        self.gone.setdefault(plan.id, set()).update(gone)
        assert gone <= self.lists[plan.id], f"{gone - self.lists[plan.id]} went, which no plan lists"
        if self.whole and killed is None and page is None:
            assert not gone, f"{gone} went though the plan was restored"
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
        goals = [one.prefix.split("/")[1] for one in plan.groups if one.prefix.endswith("/artifacts/")]
        goal = next((run for run in goals[::-1] if run not in self.main), None)
        if what == "register" and goal:
            self.register(goal)
        elif what == "push":
            self.push(POOL[:2])
        elif what == "restore" and plan.id in plans(self.disk):
            restore(self.disk, plan.id)
            self.whole = True
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
