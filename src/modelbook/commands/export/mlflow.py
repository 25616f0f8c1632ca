"""`modelbook export mlflow`: a version in the model registry of an MLflow."""

import tempfile
from pathlib import Path

import click

from modelbook.adapters.mlflow_publishing import copy_files, ensure_model, find_version, publish, set_aliases
from modelbook.adapters.mlflow_registry import MlflowRegistry
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say
from modelbook.commands._exporting import open_leaving
from modelbook.commands._pulling import pull_version
from modelbook.commands._workspace import json_option, registry_option, rev_option
from modelbook.core.addresses import without_credentials
from modelbook.core.exchange.mlflow_version import source_of, version_tags


@click.command(name="mlflow", short_help="Register a version in an MLflow.")
@click.argument("reference", metavar="REF")
@click.option(
    "--tracking-uri",
    envvar="MLFLOW_TRACKING_URI",
    required=True,
    metavar="URI",
    help="MLflow's server, database (sqlite:///mlflow.db) or folder.  [default: MLFLOW_TRACKING_URI]",
)
@click.option("--as", "name", metavar="NAME", help="What the registered model is called there.  [default: as here]")
@click.option("--copy", is_flag=True, help="Copy the files into MLflow; else its version points into the store.")
@rev_option
@registry_option
@json_option
def command(
    reference: str,
    tracking_uri: str,
    name: str | None,
    copy: bool,
    rev: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Make a version of a registered model of MLflow from REF, with tags that lead back to the signed card.

    The stages that REF holds become aliases. Asked again, the version that is there is found, and its aliases follow.

    \b
    Examples:
      modelbook export mlflow fraud@production --tracking-uri https://mlflow.acme.example
      modelbook export mlflow fraud@5 --tracking-uri sqlite:///mlflow.db --copy
    """
    leaving = open_leaving(reference, registry_folder, rev)
    card, workspace = leaving.card, leaving.workspace
    address = workspace.repository.remote_url()
    tags = version_tags(
        card, leaving.digest, leaving.signed_by, leaving.evaluations, without_credentials(address) if address else None
    )
    source = None if copy else source_of(card, workspace.registry.policy.store)
    mlflow, model = MlflowRegistry(tracking_uri), name or card.model
    ensure_model(mlflow, model)
    number = find_version(mlflow, model, leaving.digest)
    created = number is None
    if number is None:
        run = None
        if source is None:
            with tempfile.TemporaryDirectory(prefix="modelbook-export-") as scratch:
                folder = Path(scratch) / "model"
                pull_version(workspace, card.model, card.version, folder)
                run = copy_files(mlflow, folder, tags, card.run.experiment)
            source = f"runs:/{run}/model"
        number = publish(mlflow, model, source, run=run, tags=tags, description=card.description)
    held = sorted(
        stage for stage, pointer in workspace.registry.stages_of(card.model).items() if pointer.version == card.version
    )
    set_aliases(mlflow, model, number, held)
    set_outputs({"version": leaving.name, "number": str(number)})
    if as_json:
        print_json({"version": leaving.name, "model": model, "number": number, "created": created, "aliases": held})
        return
    what = "is now" if created else "was already"
    say(f"{leaving.name}: {what} version {number} of {model!r}" + (f", alias {', '.join(held)}" if held else ""))
