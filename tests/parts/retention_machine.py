"""A registry in whose store things are deleted while people and workflows go on, in any order, and accidents happen.

Real git with a remote, a real folder as the store, and the parts that the commands are made of.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
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
from modelbook.core.pruning.prune_plan import Planner, PrunePlan, planned
from modelbook.core.pruning.reachability import Reach
from modelbook.core.pruning.retention import Verdict, judge
from modelbook.core.revocation import revocation_path
from modelbook.core.storage import blob_key
from modelbook.errors import ModelbookError, Refused, StoreError
from tests.parts.reasons_to_stay import KEEP
from tests.parts.retention_people import OLD, POOL, People
from tests.parts.unknowable import WAYS, unknowable
from tests.parts.unsteady_store import Killed

NO_TIME, YEAR = timedelta(0), timedelta(days=366)
LAST_LOOK, NEVER = 2, 9  # moments: the roots are read twice before anything goes, and once when it is over
SKEWS = st.sampled_from([NO_TIME] * 6 + [YEAR, -YEAR])
KILLS = st.sampled_from([None] * 8 + [2, 4, 6, 8, 10, 12, 14, 17, 20])
PAGES = st.sampled_from([None, None, None, None, None, 3, 40])
MOMENTS = st.sampled_from([0, 0, 0, 1, 1, 2, 2, 3])  # when the objects were listed; when the roots are read once more
RARELY = st.sampled_from([False, False, False, True])
UNKNOWN = st.sampled_from([None] * 24 + [*WAYS])
WHAT = ("register", "push", "restore", "apply", "resume", "name", "serve")
DEEDS = st.sampled_from(("register", "register", "push", *WHAT))


class Retention(People):
    """And what retention does meanwhile."""

    @initialize()
    def a_store_with_something_to_delete(self) -> None:
        for data in POOL:
            self.shop.put(blob_key(digest_of(data)), data, OLD)
        self.train(OLD, tagged=False, status="completed")
        self.plan_anew()

    # What retention does.

    def reader(self) -> ReachReader:
        source = RootSource(self.shop.repository, "registry", (self.archive.shared,), self.opened)
        return ReachReader(source, self.store)

    def verdicts(self, now: datetime, reach: Callable[[], Reach]) -> Iterator[Verdict]:
        return judge(self.store.list(), reach(), KEEP, now, lambda run: read_run(self.store, run))

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

    @rule(skew=SKEWS, page=PAGES, unknown=UNKNOWN)
    def look(self, skew: timedelta, page: int | None, unknown: str | None) -> None:
        if unknown:
            self.know_too_little(unknown)
        else:
            self.plan(skew, page)

    def plan(self, skew: timedelta, page: int | None) -> None:
        planner, keys = Planner(KEEP), set[str]()
        made: list[PrunePlan] = []
        with self.accidents(None, page):
            for verdict in self.verdicts(datetime.now(UTC) + skew, self.reader()):
                planner.add(verdict)
                keys |= {one.key for one in verdict.objects} if verdict.kind else set()
            head = self.shop.git("rev-parse", "HEAD")
            made.append(planner.plan(store=self.store.uri, commit=head, policy="sha256:" + "0" * 64, refs=1))
        assert not keys & self.named(), f"{keys & self.named()} would go, and have a reason to stay"
        if skew <= NO_TIME:
            young, alive = self.young(), self.alive()
            recent = {key for key in keys if key in young or key.startswith(alive)}
            assert not recent, f"{recent} would go, and were written to within the grace period"
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

    @rule(moment=MOMENTS, what=DEEDS, before=st.booleans(), dies=RARELY, late=RARELY)
    def race(self, moment: int, what: str, before: bool, dies: bool, late: bool) -> None:
        """The same with nothing in the way, for a run that is old and nobody's; it may die when all is gone.

        Who comes `late` looks whether the bytes are there, then they are deleted, then he makes his branch.
        """
        if what == "serve":
            self.mistake()
        plan = self.plan_anew()
        if late:
            self.register(self.runs[-1], meanwhile=lambda: self.prune(plan))
        else:
            self.apply(plan, NO_TIME, None, None, moment, what, before=before, dies=dies)

    @rule()
    def take_a_revocation_back(self) -> None:
        """What was revoked and deleted is wanted once more, and the trash is about to be emptied."""
        run = self.mistake()
        self.prune(self.plan_anew())
        self.shop.drop(revocation_path("digits", self.main[run]))
        self.shop.commit()
        self.purge()
        self.revoked.discard(run)

    def know_too_little(self, way: str) -> None:
        """Nobody knows what is named: nothing is planned, and no plan is carried out."""
        there = self.shop.present()
        with unknowable(way, self.archive):
            read = self.reader()
            if self.plans:
                with pytest.raises(ModelbookError):
                    self.carry_out(self.plans[-1], read, read)
            else:
                with pytest.raises(ModelbookError):
                    list(self.verdicts(datetime.now(UTC), read))
        assert there == self.shop.present(), "something went, though nobody knew what is named"

    def plan_anew(self) -> PrunePlan:
        """A plan that has one more run to delete, which is old and nobody's."""
        self.train(OLD, tagged=False, status="completed")
        self.plan(NO_TIME, None)
        assert self.plans, "nobody could plan, though nothing was in the way"
        return self.plans[-1]

    def prune(self, plan: PrunePlan) -> None:
        """Carry out a plan with nothing in the way."""
        self.apply(plan, NO_TIME, None, None, NEVER, "", before=False)

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
        dies: bool = False,
    ) -> None:
        there = self.shop.present()
        young, alive = self.young() & there, self.alive()
        read, asked = self.reader(), 0
        self.taken_up, self.late, self.seen = set[str](), None, False

        def happens(now: int) -> None:
            if now == moment:
                accidents, self.store.left, self.store.page = (self.store.left, self.store.page), None, None
                self.meanwhile(what, plan, there if now <= LAST_LOOK else set())
                self.store.left, self.store.page = accidents

        def look() -> Reach:
            self.seen = self.late is not None
            return read()

        def reach() -> Reach:
            nonlocal asked
            asked += 1
            if dies and asked > LAST_LOOK:
                raise Killed
            found = None if before else look()
            happens(asked)
            return look() if found is None else found

        self.whole = False
        with self.accidents(killed, page):
            self.carry_out(plan, read, reach, skew, listed=lambda: happens(0))
        gone = there - self.shop.present()
        self.gone.setdefault(plan.id, set()).update(gone)
        assert gone <= self.lists[plan.id], f"{gone - self.lists[plan.id]} went, which no plan lists"
        if self.whole and killed is None and page is None:
            assert not gone, f"{gone} went though the plan was restored"
        if skew <= NO_TIME:  # a folder has no clock but the machine's; a bucket's own is asked, and both compared
            assert not gone & young, f"{gone & young} went within the grace period"
            assert not any(key.startswith(alive) for key in gone), f"{gone} went, of a run that was written to"
        if skew <= NO_TIME or moment:
            assert not gone & self.taken_up, f"{gone & self.taken_up} went, though the run was taken up again"
        if self.late and self.seen and Journal(self.disk, plan.id).ended():
            self.late()
        self.plans = [one for one in self.plans if not Journal(self.disk, one.id).ended()]

    def carry_out(
        self,
        plan: PrunePlan,
        first: Callable[[], Reach],
        reach: Callable[[], Reach],
        skew: timedelta = NO_TIME,
        listed: Callable[[], None] = lambda: None,
    ) -> None:
        """As `prune apply` does; `listed` is called when all objects were judged once more, and nobody was told yet."""

        def objects() -> Iterator[tuple[str, int]]:
            wanted = {(one.prefix, one.digest) for one in plan.groups}
            for verdict in self.verdicts(datetime.now(UTC) + skew, first):
                if verdict.kind and (verdict.prefix, planned(verdict).digest) in wanted:
                    yield from ((one.key, one.size) for one in verdict.objects)
            listed()

        carry_out(self.store, plan, objects, reach, KEEP, lambda: datetime.now(UTC) + skew)

    def meanwhile(self, what: str, plan: PrunePlan, there: set[str]) -> None:
        """What somebody else does while a plan is carried out; `there` is what must stay if it is written to now."""
        goals = [one.prefix.split("/")[1] for one in plan.groups if one.prefix.endswith("/artifacts/")]
        goal = next((run for run in goals[::-1] if run not in self.main), None)
        if what == "register" and goal:
            self.register(goal)
        elif what == "resume" and goal:
            self.take_up(goal)
            self.taken_up = self.files(goal) & there & self.shop.present()
        elif what == "name" and goal and self.there(self.files(goal)):
            ref = self.name(goal)  # and looks no more
            self.late = lambda: self.needs.update({ref: self.files(goal)})
        elif what == "serve" and (wrong := next((run for run in goals if run in self.revoked - self.served), None)):
            self.shop.made.pointer("digits", "production", self.main[wrong], kind=None)
            self.shop.commit()
            self.late = lambda: self.served.add(wrong)
        elif what == "push":
            self.push(POOL[:2])
        elif what == "restore" and plan.id in plans(self.disk):
            restore(self.disk, plan.id)
            self.whole = True
        elif what == "apply":
            with suppress(Refused):
                self.carry_out(plan, read := self.reader(), read)

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
            self.purge()
        for name in [name for name in self.gone if name not in plans(self.disk) or Journal(self.disk, name).ended()]:
            del self.gone[name]  # whether all of it was purged, or the process died, nobody waits for it any more

    def purge(self) -> None:
        purge(self.store, KEEP, self.reader(), datetime.now(UTC) + timedelta(days=20))

    # What must hold.

    @invariant()
    def what_has_a_reason_to_stay_is_there(self) -> None:
        named = {f"{ref} names": keys for ref, keys in self.needs.items()}
        named |= {f"{run} is a version on main": self.files(run) for run in self.main}
        for why, keys in (self.archive.keys | named).items():
            gone = {key for key in keys & self.named() if not (self.shop.data / key).exists()}
            assert not gone, f"{why}: {gone} are gone"
