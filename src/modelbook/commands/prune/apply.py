"""`modelbook prune apply`: carry out a plan, exactly, after looking again at all that is named."""

from collections.abc import Iterator
from pathlib import Path

import click

from modelbook.adapters.prune_journal import Journal
from modelbook.adapters.pruning import carry_out, purge
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import counted, print_json, say
from modelbook.commands._pruning import Pruning, open_pruning
from modelbook.commands._workspace import forge_option, json_option, open_workspace, registry_option
from modelbook.core.listed import many
from modelbook.core.pruning.prune_plan import LARGEST_PLAN, Planner, PrunePlan, check_binding, planned, read_plan
from modelbook.core.pruning.prune_words import amount
from modelbook.errors import BadInput, Refused


@click.command(name="apply", short_help="Carry out a plan.")
@click.argument("plan_file", metavar="[PLAN]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Delete. Without it nothing is changed.")
@click.option(
    "--inventory",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="MANIFEST",
    help="The inventory that the plan was made by.",
)
@forge_option
@registry_option
@json_option
def command(
    plan_file: Path | None,
    yes: bool,
    inventory: Path | None,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Delete what PLAN lists, exactly: what is named by now, or is not as the plan has it, stays.

    A killed one goes on when it is run again. What was deleted longer ago than the policy's `restore` is purged, and
    uploads that were broken off before the grace period are discarded; without PLAN, only that is done.

    \b
    Example:
      modelbook prune apply plan.json --yes
    """
    workspace = open_workspace(registry_folder)
    pruning = open_pruning(workspace, forge_name, inventory)
    plan = read_plan(_read(plan_file), str(plan_file)) if plan_file else None
    now = pruning.now()
    pruning.current_reach()  # who cannot know what is named deletes nothing, not even what is thrown away
    told: dict[str, object] = {}
    if plan:
        told |= _apply(pruning, plan, yes=yes, as_json=as_json)
    if yes:
        purged = purge(pruning.store, pruning.keep, pruning.current_reach, now)
        told |= {"purged": purged, "uploads": pruning.discard_unfinished(now)}
        for name, what in purged.items():
            say(f"plan {name}: {what}", as_json=as_json)
        say(f"{told['uploads']} unfinished uploads were discarded", as_json=as_json)
    set_outputs({name: str(value) for name, value in told.items() if name in {"plan", "objects", "bytes"}})
    if as_json:
        print_json(told)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_PLAN:
            raise BadInput("is too large for a plan", where=str(path))
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from None


def _apply(pruning: Pruning, plan: PrunePlan, *, yes: bool, as_json: bool) -> dict[str, object]:
    workspace, store = pruning.workspace, pruning.store
    follows = workspace.repository.is_ancestor(plan.commit, workspace.commit)
    check_binding(plan, store=store.uri, policy=pruning.policy, follows=follows)
    journal = Journal(store, plan.id)
    if journal.ended():
        done = "restored" if journal.marked("restored") else "applied already"
        say(f"plan {plan.id} was {done}; nothing to do", as_json=as_json)
        return {"plan": plan.id, "objects": 0, "bytes": 0, "skipped": {}}
    if not yes:
        say(
            f"plan {plan.id} would delete {amount(plan.objects, plan.bytes)}; nothing was changed",
            as_json=as_json,
        )
        say("  next: run it again with --yes", as_json=as_json)
        return {"plan": plan.id, "objects": 0, "bytes": 0, "skipped": {}}
    with counted("deleting", plan.objects) as moved:
        found = carry_out(
            store, plan, lambda: _objects(pruning, plan), pruning.current_reach, pruning.keep, pruning.now, moved
        )
    say(f"plan {plan.id}: {many(found.objects, 'object')} {found.how}", as_json=as_json)
    for key, why in list(found.skipped.items())[:20]:
        say(f"  left: {key}: {why}", as_json=as_json)
    say(f"  back again: modelbook prune restore {plan.id}   (for {pruning.keep.restore})", as_json=as_json)
    return {"plan": plan.id, "objects": found.objects, "bytes": found.bytes, "skipped": found.skipped}


def _objects(pruning: Pruning, plan: PrunePlan) -> Iterator[tuple[str, int]]:
    """Key and size of what the plan lists, as far as it would be planned the same today.

    Raises Refused at its end where that is more than `keep` allows of the store as it is: nothing was begun then.
    """
    wanted = {(group.prefix, group.kind, group.digest) for group in plan.groups}
    planner, taken = Planner(pruning.keep), 0
    for verdict in pruning.verdicts(pruning.now()):
        planner.add(verdict)
        if verdict.kind:
            group = planned(verdict)
            if (group.prefix, group.kind, group.digest) in wanted:
                taken += group.bytes
                yield from ((one.key, one.size) for one in verdict.objects)
    if taken > planner.limit():
        raise Refused(
            f"the plan deletes {taken:,} bytes, and `keep` allows {planner.limit():,} of this store",
            remedy="Make another one: `modelbook prune plan`.",
        )
