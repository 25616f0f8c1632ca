"""Carrying out a plan so that nothing that anybody names is ever lost, whatever happens meanwhile.

The intent is in the store before the roots are read for the last time, and whoever registers looks for intents after
his card is on a branch: of two that race, at least one sees the other. docs/retention.md has the argument.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from modelbook.adapters.open_trash import open_trash
from modelbook.adapters.prune_journal import Journal, plans
from modelbook.adapters.store import Progress, Store
from modelbook.adapters.trash import Trash
from modelbook.core.keep import Keep
from modelbook.core.moments import span
from modelbook.core.pruning.prune_plan import PrunePlan
from modelbook.core.pruning.reachability import Reach
from modelbook.core.pruning.stored import group_of, stored_at
from modelbook.errors import Refused

ReadReach = Callable[[], Reach]
"""All that is named at the moment of the call. Raises where that cannot be known."""


@dataclass(frozen=True)
class Pruned:
    """What became of a plan: objects and bytes that were put aside, and by key why others were not."""

    objects: int
    bytes: int
    skipped: dict[str, str]
    how: str


def carry_out(
    store: Store,
    plan: PrunePlan,
    objects: Callable[[], Iterable[tuple[str, int]]],
    reach: ReadReach,
    keep: Keep,
    now: Callable[[], datetime],
    progress: Progress = lambda _count: None,
) -> Pruned:
    """Put aside and remove what the plan lists. Killed anywhere, it continues when it is called again.

    `objects` gives key and size of all that goes; it is asked only if the plan was not begun before. Raises what
    `reach` raises, and has then deleted nothing since it was read before.
    """
    journal = Journal(store, plan.id)
    trash = open_trash(store, plan.id)
    if journal.began() is None:
        journal.begin(plan, objects())
    elif journal.written() != plan:
        raise Refused(f"another plan of the same digits, {plan.id}, is under way", where=store.uri)
    began = journal.began() or now()
    count = size = 0
    for number, sizes in journal.segments():
        _check_not_restored(journal)
        if not journal.settled(number):
            skipped = _remove(store, trash, sizes, lambda: (reach(), min(began, now() - span(keep.grace))))
            # Who restores says so first, and looks at each object then: of the two at least one brings it back.
            if journal.marked("restoring"):
                for key in sizes:
                    trash.bring_back(key)
            _check_not_restored(journal)
            journal.settle(number, skipped)
        progress(len(sizes))
        count, size = count + len(sizes), size + sum(sizes.values())
    _heal(journal, trash, reach())
    told = journal.skipped()
    pruned = Pruned(count - len(told), size, told, trash.how)
    journal.end({"objects": pruned.objects, "skipped": told})
    return pruned


def _check_not_restored(journal: Journal) -> None:
    if journal.marked("restoring"):
        raise Refused(
            f"the plan {journal.plan} is being brought back, or was",
            where=journal.store.uri,
            remedy=f"See that it is whole: `modelbook prune restore {journal.plan}`. What is to go needs a new plan.",
        )


def _heal(journal: Journal, trash: Trash, reach: Reach) -> None:
    """Bring back what somebody named after it was gone: he looked at the store before, and will look once more."""
    for _, sizes in journal.segments():
        for key in [key for key in sizes if _named(reach, key)]:
            trash.bring_back(key)


def _remove(
    store: Store, trash: Trash, sizes: Mapping[str, int], look: Callable[[], tuple[Reach, datetime]]
) -> dict[str, str]:
    """Remove the objects of one segment; by key why some were left.

    `look` gives what is named now, and the time since when nothing may have been written.
    """
    skipped = _refused(store, sizes, *look())
    skipped |= trash.put_aside([key for key in sizes if key not in skipped])
    left = {key: size for key, size in sizes.items() if key not in skipped}
    # Copying takes its time: what was named, or written to, meanwhile stays. The copy is no harm.
    skipped |= _refused(store, left, *look())
    trash.remove([key for key in left if key not in skipped])
    return skipped


def _refused(store: Store, sizes: Mapping[str, int], reach: Reach, since: datetime) -> dict[str, str]:
    """Which of the objects must stay now: those that are named, are others by now, or were written to `since`."""
    found = dict[str, str]()
    groups: dict[str, list[str]] = {}
    for key in sizes:
        groups.setdefault(group_of(key), []).append(key)
    for group, those in groups.items():
        there = {info.key: info for info in store.list(group)}
        # The heartbeat of a run that was taken up again, or of a sweep: another trial of it.
        trials = store.list(f"runs/{group.split('/')[1]}-") if group.startswith("sweeps/") else ()
        young = {info.key for info in (*there.values(), *trials) if info.modified > since}
        whole = bool(young) and group.startswith(("runs/", "sweeps/"))
        found |= {key: "was written to by now" for key in those if whole or key in young}
        found |= {key: "is another one by now" for key in those if key in there and there[key].size != sizes[key]}
    return found | {key: "something names it by now" for key in sizes if _named(reach, key)}


def _named(reach: Reach, key: str) -> bool:
    named = reach.runs.get(stored_at(key).run)
    if named is not None and named.revoked and not named.bound and key not in reach.elsewhere:
        return False
    return reach.names(key)


def restore(store: Store, plan: str) -> tuple[int, list[str]]:
    """Bring back all that a plan put aside: how many objects are there again, and the keys of which nothing is left.

    A plan that was broken off, or is being carried out, is over then. Raises Refused while it is being purged.
    """
    journal = Journal(store, plan)
    journal.written()
    journal.mark("restoring")
    if journal.marked("purging"):
        raise Refused(
            f"the plan {plan} is being purged, or that was broken off",
            where=store.uri,
            remedy="Let it end (`modelbook prune apply --yes`), then run this again: what is left comes back.",
        )
    trash = open_trash(store, plan)
    count, lost = 0, []
    for _, sizes in journal.segments():
        for key in sizes:
            if trash.bring_back(key):
                count += 1
            else:
                lost.append(key)
    journal.mark("restored")
    journal.end({"restored": count})
    return count, lost


def purge(store: Store, keep: Keep, reach: ReadReach, now: datetime) -> dict[str, str]:
    """Delete for good what plans put aside longer than `keep.restore` ago. What a card names comes back instead.

    By plan: what was done.
    """
    told: dict[str, str] = {}
    for name in sorted(plans(store)):
        journal = Journal(store, name)
        ended = journal.ended()
        if ended is None or now - ended < span(keep.restore):
            continue
        journal.mark("purging")  # and then look: who restores does it the other way round
        if journal.marked("restoring") and not journal.marked("restored"):
            told[name] = "is being restored"
        else:
            told[name], failed = _purge(journal, reach(), ended)
            if not failed:
                journal.forget()
                continue
        journal.unmark("purging")
    return told


def _purge(journal: Journal, reach: Reach, ended: datetime) -> tuple[str, int]:
    """Purge one plan: what was done, and how many objects could not be."""
    trash = open_trash(journal.store, journal.plan)
    restored = journal.marked("restored")
    failed, count = dict[str, str](), 0
    for _, sizes in journal.segments():
        named = [] if restored else [key for key in sizes if _named(reach, key)]
        for key in named:
            trash.bring_back(key)
        goes = [key for key in sizes if key not in set(named)]
        failed |= trash.discard(goes) if restored else trash.purge(goes, ended)
        count += len(goes)
    if restored:
        return "was restored, and is over", 0
    return f"purged {count - len(failed)} objects" + (f"; {len(failed)} are locked" if failed else ""), len(failed)
