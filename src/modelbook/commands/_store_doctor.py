"""`modelbook doctor store`: bucket and registry compared both ways, and what can be put right."""

from collections.abc import Sequence

from modelbook.adapters.prune_journal import plans, under_way
from modelbook.adapters.trash import open_trash
from modelbook.commands._pruning import open_pruning
from modelbook.commands._workspace import Workspace
from modelbook.core.doctor.health import Check
from modelbook.core.pruning.store_health import Comparison


def compare_store(workspace: Workspace, forge_name: str, *, repair: bool) -> Sequence[Check]:
    """All that is to be said of the store. With `repair`, files that a card names come back from the trash, and
    uploads that were broken off before the grace period are discarded.
    """
    pruning = open_pruning(workspace, forge_name)
    store, now = pruning.store, pruning.now()
    found = Comparison(pruning.reach())
    for verdict in pruning.verdicts(now):
        found.add(verdict)
    repaired, checks = 0, []
    if repair:
        for name in sorted(plans(store)):
            trash = open_trash(store, name)
            for key in [key for key in found.gone() if trash.bring_back(key)]:
                found.there(key)
                repaired += 1
        count = pruning.discard_unfinished(now)
        checks.append(Check("store", "uploads", "ok", f"{count} uploads that were broken off were discarded"))
    return [*checks, *found.checks({name: plan.objects for name, plan in under_way(store)}, repaired)]
