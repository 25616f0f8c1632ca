"""Carrying out a plan so that nothing that anybody names is ever lost, whatever happens meanwhile.

The intent is in the store before the roots are read for the last time, and whoever registers looks for intents after
his card is on a branch: of two that race, at least one sees the other. docs/retention.md has the argument.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from modelbook.adapters.prune_journal import Journal, plans
from modelbook.adapters.store import Progress, Store
from modelbook.adapters.trash import Trash, open_trash
from modelbook.core.keep import Keep
from modelbook.core.moments import span
from modelbook.core.pruning.prune_plan import PrunePlan
from modelbook.core.pruning.reachability import Reach
from modelbook.core.pruning.stored import group_of, stored_at

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
    if not journal.begun():
        journal.begin(plan, objects())
    count = size = 0
    for number, sizes in journal.segments():
        if not journal.settled(number):
            skipped = _remove(store, trash, sizes, reach, keep, now)
            journal.settle(number, skipped)
        progress(len(sizes))
        count, size = count + len(sizes), size + sum(sizes.values())
    _heal(journal, trash, reach())
    told = journal.skipped()
    pruned = Pruned(count - len(told), size, told, trash.how)
    journal.end({"objects": pruned.objects, "skipped": told})
    return pruned


def _heal(journal: Journal, trash: Trash, reach: Reach) -> None:
    """Bring back what somebody named after it was gone: he looked at the store before, and will look once more."""
    for _, sizes in journal.segments():
        for key in [key for key in sizes if _named(reach, key)]:
            trash.bring_back(key)


def _remove(
    store: Store, trash: Trash, sizes: dict[str, int], reach: ReadReach, keep: Keep, now: Callable[[], datetime]
) -> dict[str, str]:
    """Remove the objects of one segment; by key why some were left."""
    skipped = _refused(store, sizes, reach(), keep, now())
    left = [key for key in sizes if key not in skipped]
    trash.put_aside(left)
    # Copying takes its time: what was named, or written to, meanwhile stays. The copy is no harm.
    skipped |= _refused(store, left, reach(), keep, now())
    trash.remove([key for key in left if key not in skipped])
    return skipped


def _refused(store: Store, keys: Iterable[str], reach: Reach, keep: Keep, now: datetime) -> dict[str, str]:
    """Which of the objects must stay now: those that are named, and those of which anything was just written."""
    found = {key: "something names it by now" for key in keys if _named(reach, key)}
    since = now - span(keep.grace)
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(group_of(key), []).append(key)
    for group, those in groups.items():
        # The heartbeat of a run that was taken up again, or of a sweep: another trial of it.
        trials = [f"runs/{group.split('/')[1]}-"] if group.startswith("sweeps/") else []
        young = {info.key for prefix in (group, *trials) for info in store.list(prefix) if info.modified > since}
        whole = bool(young) and group.startswith(("runs/", "sweeps/"))
        found |= {key: "was written to by now" for key in those if whole or key in young}
    return found


def _named(reach: Reach, key: str) -> bool:
    named = reach.runs.get(stored_at(key).run)
    if named is not None and named.revoked and not named.bound:
        return False
    return reach.names(key)


def restore(store: Store, plan: str) -> tuple[int, list[str]]:
    """Bring back all that a plan put aside: how many objects are there again, and the keys of which nothing is left.

    A plan that was broken off is over then.
    """
    journal = Journal(store, plan)
    journal.written()
    trash = open_trash(store, plan)
    count, lost = 0, []
    for _, sizes in journal.segments():
        for key in sizes:
            if trash.bring_back(key):
                count += 1
            else:
                lost.append(key)
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
        if ended is None or now - ended < span(keep.restore) or now - ended < timedelta(0):
            continue
        trash = open_trash(store, name)
        named, failed, count = reach(), dict[str, str](), 0
        for _, sizes in journal.segments():
            for key in [key for key in sizes if _named(named, key)]:
                trash.bring_back(key)
            goes = [key for key in sizes if not _named(named, key)]
            failed |= trash.purge(goes)
            count += len(goes)
        told[name] = f"purged {count - len(failed)} objects" + (f"; {len(failed)} are locked" if failed else "")
        if not failed:
            journal.forget()
    return told
