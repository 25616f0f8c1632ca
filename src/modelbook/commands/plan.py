"""`modelbook plan`: what waits to be done, as a workflow's matrix reads it. Running it twice does no harm."""

import json
from typing import TYPE_CHECKING

import click

from modelbook.adapters.clock import now
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say
from modelbook.commands._finding import tell_findings
from modelbook.commands._proposing import evaluation_branch
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    rev_option,
)
from modelbook.commands.status import find_standings
from modelbook.core.stages.planning import Held, TakenBack, is_outdated, plan
from modelbook.errors import Exit

if TYPE_CHECKING:
    from modelbook.adapters.github_pulls import Pull


@click.command(short_help="List what waits to be done.")
@click.option("--deployments", is_flag=True, help="List instead what is to be deployed. See `modelbook status`.")
@click.option("--verify", is_flag=True, help="Start instead the verification of proposals whose base moved on.")
@rev_option
@forge_option
@registry_option
@json_option
def command(
    deployments: bool, verify: bool, rev: str, forge_name: str, registry_folder: str | None, as_json: bool
) -> int:
    """List evaluations that nobody made or proposed, and versions that an automatic stage may take.

    What it may take only later, or only once somebody releases it, is listed as well.

    On GitHub also open pull requests that move a stage, or change trust, whose verdict may be stale: the policy,
    trust.yaml, or what stands of their model changed since they left the branch.

    Exit status 1 if a file cannot be read: it is named, and what waits of the other models is listed.

    \b
    Example:
      modelbook plan --json
    """
    if deployments and verify:
        raise click.UsageError("Give one of --deployments and --verify.")
    if verify and forge_name != "github":
        raise click.UsageError("--verify goes with --forge github: with plain git, who merges verifies.")
    workspace = open_workspace(registry_folder, rev=rev)
    refuse("the registry", workspace.problems)
    if verify:
        _verify(workspace, as_json)
        return Exit.YES
    if deployments:
        _deployments(workspace, forge_name, as_json)
        return Exit.YES
    registry, results = workspace.registry, dict[str, bytes | str]()
    for model in registry.models():
        results |= workspace.results(model, *registry.versions(model)[-1:])
    # What people rolled back from is read off history, where an automatic stage may have held anything.
    tenures = workspace.past() if any(stage.auto for stage in registry.policy.stages) else workspace.tenures()
    todo = plan(registry, now=now(), tenures=tenures, results=results)
    proposed = workspace.forge(forge_name).proposed("evaluate/") if todo.evaluations else {}
    fields = {
        "evaluate": [
            {"version": f"{one.model}@{one.version}", "suite": one.name}
            for one in todo.evaluations
            if evaluation_branch(one.model, one.version, one.evaluation or one.name) not in proposed
        ],
        "promote": [{"version": f"{one.model}@{one.version}", "stage": one.name} for one in todo.promotions],
        "verify": [_fields(pull, workspace.commit) for pull in _outdated(workspace, forge_name)],
    }
    later = [
        {"version": f"{one.todo.model}@{one.todo.version}", "stage": one.todo.name, "from": one.opens}
        for one in todo.later
    ]
    set_outputs({name: json.dumps(value) for name, value in fields.items()})
    if as_json:
        waits = {"held": [_held(one) for one in todo.held], "taken-back": [_taken_back(one) for one in todo.taken_back]}
        print_json(fields | {"later": later} | waits)
        return tell_findings(todo.findings)
    for one in fields["evaluate"]:
        say(f"modelbook evaluate {one['version']} --suite {one['suite']}")
    for one in fields["promote"]:
        say(f"modelbook promote {one['version']} --to {one['stage']}")
    for one in fields["verify"]:
        say(f"modelbook plan --verify  # pull request {one['pull-request']}")
    for one in later:
        say(f"modelbook promote {one['version']} --to {one['stage']}  # from {one['from']} on")
    for each in todo.held:
        model, stage = each.todo.model, each.todo.name
        after = f", then {model}@{each.todo.version} may enter" + (f" from {each.opens} on" if each.opens else "")
        why = f"held by {each.by} since {each.since}: {' '.join(each.reason.split())}"
        say(f"modelbook release {model} --stage {stage}  # {why}{after}")
    for back in todo.taken_back:
        why = f"{back.by} rolled back from it on {back.since}: {' '.join(back.reason.split())}"
        say(f"modelbook promote {back.todo.model}@{back.todo.version} --to {back.todo.name}  # by hand alone: {why}")
    if not any(fields.values()) and not later and not todo.held and not todo.taken_back and not todo.findings:
        say("Nothing waits.")
    return tell_findings(todo.findings)


def _taken_back(one: TakenBack) -> dict[str, str]:
    version = f"{one.todo.model}@{one.todo.version}"
    return {"version": version, "stage": one.todo.name, "by": one.by, "since": one.since, "reason": one.reason}


def _held(one: Held) -> dict[str, str]:
    fields = {"version": f"{one.todo.model}@{one.todo.version}", "stage": one.todo.name}
    fields |= {"by": one.by, "since": one.since, "reason": one.reason}
    return fields | ({"from": one.opens} if one.opens else {})


def _outdated(workspace: Workspace, forge: str) -> list["Pull"]:
    """Open pull requests that were judged on a base that has moved on since. With plain git, who merges verifies."""
    if forge != "github":
        return []
    from modelbook.adapters.github_forge import open_github_forge

    repository, top = workspace.repository, f"{workspace.folder}/"
    found = []
    for pull in open_github_forge(repository).opened():
        # One that this clone does not know was proposed after it was made, on what was the base by then.
        proposed, moved = (
            [path.removeprefix(top) for path in repository.since(*pair) or () if path.startswith(top)]
            for pair in ((workspace.commit, pull.head), (pull.head, workspace.commit))
        )
        if is_outdated(proposed, moved):
            found.append(pull)
    return found


def _fields(pull: "Pull", base: str) -> dict[str, str]:
    return {"pull-request": str(pull.number), "head": pull.head, "base": base}


def _verify(workspace: Workspace, as_json: bool) -> None:
    """A verification is started once for each head and base, so this may run as often as it likes."""
    from modelbook.adapters.github_forge import open_github_forge

    found, forge = _outdated(workspace, "github"), open_github_forge(workspace.repository)
    for pull in found:
        forge.verify_again(pull, workspace.commit)
    fields = [_fields(pull, workspace.commit) for pull in found]
    set_outputs({"verify": json.dumps(fields)})
    if as_json:
        print_json({"verify": fields})
        return
    for pull in found:
        say(f"verifying pull request {pull.number} again: {pull.url}")
    if not found:
        say("Nothing waits.")


def _deployments(workspace: Workspace, forge: str, as_json: bool) -> None:
    """Read off git and the record of deployments, so that a push that was lost is made up for by the next."""
    found = find_standings(workspace, forge, workspace.registry.models())
    waiting = [{"model": one.model, "stage": one.stage} for one in found if one.waits]
    set_outputs({"deploy": json.dumps(waiting)})
    if as_json:
        print_json({"deploy": waiting})
        return
    for one in waiting:
        say(f"modelbook deploy {one['model']} --stage {one['stage']}")
    if not waiting:
        say("Nothing waits.")
