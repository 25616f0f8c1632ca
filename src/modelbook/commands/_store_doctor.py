"""`modelbook doctor store`: bucket and registry compared both ways, and what can be put right."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from modelbook.adapters.open_trash import open_trash
from modelbook.adapters.prune_journal import plans, under_way
from modelbook.commands._pruning import open_pruning
from modelbook.commands._workspace import Workspace
from modelbook.core.doctor.health import Check
from modelbook.core.pruning.store_health import Comparison, without_manifests


def compare_store(workspace: Workspace, forge_name: str, *, repair: bool) -> Sequence[Check]:
    """All that is to be said of the store. With `repair`, files that a card names come back from the trash, and
    uploads that were broken off before the grace period are discarded.
    """
    pruning = open_pruning(workspace, forge_name)
    store, now = pruning.store, pruning.now()
    repaired = 0

    def brought_back(wanted: Callable[[], Iterable[str]]) -> Iterator[str]:
        for name in sorted(plans(store)) if repair else ():
            trash = open_trash(store, name)
            yield from [key for key in wanted() if trash.bring_back(key)]

    manifests = pruning.reach.registries().manifests
    lost = {key for key in manifests if store.stat(key) is None}
    for key in brought_back(lambda: sorted(lost)):
        lost.discard(key)
        repaired += 1
    if lost:
        return [without_manifests(lost)]
    found = Comparison(pruning.reach())
    for verdict in pruning.verdicts(now):
        found.add(verdict)
    for key in brought_back(found.gone):
        found.there(key)
        repaired += 1
    checks = []
    if repair:
        count = pruning.discard_unfinished(now)
        checks.append(Check("store", "uploads", "ok", f"{count} uploads that were broken off were discarded"))
    return [*checks, *found.checks({name: plan.objects for name, plan in under_way(store)}, repaired)]
