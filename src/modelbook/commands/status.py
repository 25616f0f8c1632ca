"""`modelbook status`: what git wants in each stage beside what serves there."""

import click

from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, print_table
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    rev_option,
)
from modelbook.core.layout import model_folder
from modelbook.core.names import check_name
from modelbook.core.stages.deployment import IN_STEP, Deployment, Standing, standings
from modelbook.errors import Exit


@click.command(short_help="Compare what should serve with what does.")
@click.argument("model", required=False)
@rev_option
@forge_option
@registry_option
@json_option
def command(model: str | None, rev: str, forge_name: str, registry_folder: str | None, as_json: bool) -> int:
    """Show for each model and stage which version git wants, which was deployed last, and how they compare.

    Exit status 1 where anything is not in step.

    \b
    Examples:
      modelbook status
      modelbook status fraud --json
    """
    if model:
        check_name(model, "registered model")
    workspace = open_workspace(registry_folder, rev=rev, scope=[model_folder(model)] if model else [])
    refuse("the registry", workspace.findings)
    if model:
        workspace.registry.check_model(model)
    found = find_standings(workspace, forge_name, [model] if model else workspace.registry.models())
    passed = all(one.state == IN_STEP for one in found)
    set_outputs({"passed": str(passed).lower()})
    if as_json:
        print_json([_fields(one) for one in found])
    else:
        print_table([_row(one) for one in found], as_json=False, empty="No stage holds a version.")
    return Exit.YES if passed else Exit.NO


def find_standings(workspace: Workspace, forge: str, models: list[str]) -> list[Standing]:
    """Desired against actual for each model in each stage, by the forge's record of deployments."""
    deployments = workspace.deployments(forge)
    trails = {stage.name: deployments.trails(stage.name, models) for stage in workspace.registry.policy.stages}
    return standings(workspace.registry, models, trails)


def _row(one: Standing) -> dict[str, object]:
    serves, last = one.trail.serves, one.trail.last
    note = last.said if last and last is not serves and last.said else serves.url if serves else None
    return {
        "model": one.model,
        "stage": one.stage,
        "git": one.pointer.version if one.pointer else None,
        "serves": serves.payload.version if serves else None,
        "since": serves.since if serves else None,
        "state": one.state,
        "note": note,
    }


def _fields(one: Standing) -> dict[str, object]:
    wanted = one.pointer and {"version": one.pointer.version, "card": one.pointer.card, "serial": one.pointer.serial}
    about: dict[str, object] = {"model": one.model, "stage": one.stage, "state": one.state, "desired": wanted}
    return about | {"actual": _deployment(one.trail.serves), "last": _deployment(one.trail.last)}


def _deployment(one: Deployment | None) -> dict[str, object] | None:
    if one is None:
        return None
    said = one.payload
    told = {"version": said.version, "card": said.card, "serial": said.serial, "deployment": one.id}
    return told | {"state": one.state, "said": one.said, "since": one.since, "url": one.url}
