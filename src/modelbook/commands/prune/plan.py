"""`modelbook prune plan`: what could be deleted, why, how much, and what stays."""

from pathlib import Path

import click

from modelbook.adapters.forge import Change
from modelbook.adapters.prune_journal import under_way
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import counted, print_json, print_table, say
from modelbook.commands._proposing import proposal_fields
from modelbook.commands._pruning import Pruning, open_pruning
from modelbook.commands._workspace import forge_option, json_option, open_workspace, registry_option
from modelbook.core.layout import PRUNE
from modelbook.core.listed import many
from modelbook.core.pruning.prune_plan import Planner, PrunePlan, by_kind, read_plan, write_plan
from modelbook.core.pruning.prune_words import amount, plan_markdown, sized
from modelbook.errors import BadInput

BRANCH = "prune/plan"
LABELS = ("modelbook", "retention")
_SHOWN = 20


@click.command(name="plan", short_help="List what could be deleted, and why.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan to this file.")
@click.option("--propose", is_flag=True, help="Propose it, in the registry's prune.json, for a person to merge.")
@click.option(
    "--inventory",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="MANIFEST",
    help="List the bucket by this manifest.json of S3 Inventory, with its files in data/ beside it.",
)
@forge_option
@registry_option
@json_option
def command(
    output: Path | None,
    propose: bool,
    inventory: Path | None,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """List what nobody names and no rule keeps: what goes, why, how many bytes, what it costs a month, what stays.

    Nothing is deleted. `prune apply` carries a plan out.

    \b
    Example:
      modelbook prune plan -o plan.json
    """
    pruning = open_pruning(open_workspace(registry_folder), forge_name, inventory)
    plan = make_plan(pruning)
    for name, begun in under_way(pruning.store):
        say(
            f"warning: the plan {name} of {many(begun.objects, 'object')} was begun and is not over: apply it again, "
            f"or `modelbook prune restore {name}`",
            as_json=True,
        )
    if output:
        output.write_bytes(write_plan(plan))
    told = {"plan": plan.id, "objects": str(plan.objects), "bytes": str(plan.bytes)}
    if propose:
        told |= _propose(pruning, plan, forge_name, as_json=as_json)
    set_outputs(told)
    if as_json:
        print_json(plan.model_dump(mode="json", exclude_none=True))
        return
    _print(plan)
    if plan.groups and not propose:
        say(f"  next: modelbook prune {f'apply {output} --yes' if output else 'plan -o plan.json'}")


def make_plan(pruning: Pruning) -> PrunePlan:
    """List the store and judge it."""
    planner = Planner(pruning.keep)
    with counted("judging the store", 0) as moved:
        for verdict in pruning.verdicts(pruning.now()):
            planner.add(verdict)
            moved(len(verdict.objects))
    refs = len(pruning.reach.refs)
    return planner.plan(store=pruning.store.uri, commit=pruning.workspace.commit, policy=pruning.policy, refs=refs)


def _propose(pruning: Pruning, plan: PrunePlan, forge_name: str, *, as_json: bool) -> dict[str, str]:
    """Open the one pull request of plans, or bring it up to date; one that says the same is left as it is."""
    if not plan.groups:
        return proposal_fields(None)
    workspace = pruning.workspace
    workspace.refuse_uncommitted()
    forge = workspace.forge(forge_name)
    path = workspace.path(PRUNE)
    standing = forge.proposed(BRANCH).get(BRANCH)
    data = forge.read(standing, path) if standing else None
    body = plan_markdown(plan)
    if data and _same(data, plan):
        proposal = forge.resume(BRANCH, labels=LABELS)
    else:
        change = Change(
            branch=BRANCH,
            base=workspace.commit,
            title=f"Delete {amount(plan.objects, plan.bytes)}, from the store",
            body=body,
            files={path: write_plan(plan)},
            decision=True,
            labels=LABELS,
        )
        proposal = forge.submit(change)
    say(f"proposed on {proposal.branch}{f': {proposal.url}' if proposal.url else ''}", as_json=as_json)
    for step in proposal.next_steps:
        say(f"  next: {step}", as_json=as_json)
    return proposal_fields(proposal)


def _same(data: bytes, plan: PrunePlan) -> bool:
    try:
        standing = read_plan(data, BRANCH)
    except BadInput:
        return False
    return (standing.groups, standing.policy, standing.store) == (plan.groups, plan.policy, plan.store)


def _print(plan: PrunePlan) -> None:
    say(f"The store {plan.store} holds {amount(plan.total_objects, plan.total_bytes)}; {plan.refs} refs.")
    rows = [
        {
            "goes": kind,
            "objects": f"{objects:,}",
            "size": sized(size),
            "why": next(g.why for g in plan.groups if g.kind == kind),
        }
        for kind, (objects, size) in sorted(by_kind(plan.groups).items())
    ]
    print_table(rows, as_json=False, empty="Nothing is to be deleted.")
    for group in plan.groups[:_SHOWN]:
        say(f"  {group.prefix}  {amount(group.objects, group.bytes)}, of {group.newest}: {group.why}")
    if len(plan.groups) > _SHOWN:
        say(f"  and {len(plan.groups) - _SHOWN:,} more")
    stays = [
        {"stays": one.why, "objects": f"{one.objects:,}", "size": sized(one.bytes)}
        for one in (*plan.stays, *((plan.waits,) if plan.waits else ()))
    ]
    print_table(stays, as_json=False, empty="Nothing stays.")
    say(f"Plan {plan.id} deletes {amount(plan.objects, plan.bytes)}, which cost {plan.saves:,.2f} a month.")
