"""`modelbook import mlflow`: registered models of an MLflow, with their versions, files and runs."""

from functools import partial

import click

from modelbook.adapters.mlflow_registry import MlflowRegistry
from modelbook.commands._importing import Foreign, bring_all
from modelbook.commands._workspace import forge_option, json_option, open_workspace, registry_option, signer_option
from modelbook.core.exchange.imports import names_here
from modelbook.core.exchange.mlflow_import import (
    MlflowVersion,
    describing,
    description_of,
    record_of,
    stages_meant,
)
from modelbook.core.exchange.mlflow_view import RUN
from modelbook.core.names import check_name


@click.command(name="mlflow", short_help="Import registered models of an MLflow.")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--tracking-uri",
    envvar="MLFLOW_TRACKING_URI",
    required=True,
    metavar="URI",
    help="MLflow's server, database (sqlite:///mlflow.db) or folder.  [default: MLFLOW_TRACKING_URI]",
)
@click.option("--as", "name", metavar="NAME", help="What the model is called here, where one MODEL is named.")
@click.option("--dry-run", is_flag=True, help="Show what would come, and change nothing.")
@signer_option
@forge_option
@registry_option
@json_option
def command(
    models: tuple[str, ...],
    tracking_uri: str,
    name: str | None,
    dry_run: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Import each MODEL, or all of them: every version becomes a run in the store and a signed card.

    A version keeps its number where that is free. Asked again, only what is new comes. A version with a pickle, or
    without weights in safetensors, is skipped, and the exit status is 1. An alias that is the name of a stage is told
    as a promotion to propose.

    \b
    Examples:
      modelbook import mlflow --tracking-uri https://mlflow.acme.example --dry-run
      modelbook import mlflow --tracking-uri sqlite:///mlflow.db "Fraud Detector" --as fraud
    """
    if name and len(models) != 1:
        raise click.UsageError("--as names one model: give exactly one MODEL.")
    workspace = open_workspace(registry_folder)
    if not dry_run:
        workspace.refuse_uncommitted()
    registry = MlflowRegistry(tracking_uri)
    chosen = check_name(name, "registered model") if name else None
    here = names_here(dict.fromkeys(models) if models else registry.models(), chosen)
    stages = [stage.name for stage in workspace.registry.policy.stages]
    found = [
        _foreign(registry, version, ours, stages)
        for model, ours in here.items()
        for version in registry.versions(model)
    ]
    return bring_all(workspace, workspace.forge(forge_name), signer, found, dry_run=dry_run, as_json=as_json)


def _foreign(registry: MlflowRegistry, version: MlflowVersion, ours: str, stages: list[str]) -> Foreign:
    return Foreign(
        name=version.name,
        model=ours,
        run=version.run,
        number=version.number,
        description=description_of(version),
        files=partial(registry.files, version),
        fetch=partial(registry.fetch, version),
        record=lambda files, described: record_of(
            version, files, registry=registry.shown if registry.remote else None, described=described
        ),
        described=describing,
        stages=tuple(stages_meant(version, stages)),
        aliases=version.aliases,
        problem=None if version.status == "READY" else f"MLflow says that it is {version.status}, not READY.",
        origin=version.tags.get(RUN),
        points=partial(registry.points, version),
    )
