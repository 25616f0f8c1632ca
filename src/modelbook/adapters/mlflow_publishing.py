"""A version of ours in the model registry of an MLflow: made once, found again by the digest of its card."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from modelbook.adapters.mlflow_registry import MISSING, MlflowRegistry, pages
from modelbook.core.exchange.mlflow_version import CARD


def find_version(mlflow: MlflowRegistry, model: str, digest: str) -> int | None:
    """The number of the version that was made of the card with this digest; None where there is none."""
    return next((one.number for one in mlflow.versions(model) if one.tags.get(CARD) == digest), None)


def ensure_model(mlflow: MlflowRegistry, model: str) -> None:
    """Make the registered model where there is none."""
    from mlflow.exceptions import MlflowException

    with mlflow.asked():
        try:
            mlflow.client.get_registered_model(model)
        except MlflowException as error:
            if error.error_code != MISSING:
                raise
            mlflow.client.create_registered_model(model)


def copy_files(mlflow: MlflowRegistry, folder: Path, tags: Mapping[str, str], experiment: str) -> str:
    """Put `folder` into MLflow as the artifacts of a run with these tags; the run's id. A run that is there goes on."""
    with mlflow.asked():
        found = mlflow.client.get_experiment_by_name(experiment)
        number = found.experiment_id if found else mlflow.client.create_experiment(experiment)
        query = f"tags.`{CARD}` = '{tags[CARD]}'"
        before = next(iter(pages(mlflow.client.search_runs, experiment_ids=[number], filter_string=query)), None)
        run = before or mlflow.client.create_run(number, tags=dict(tags), run_name=tags["modelbook.version"])
        mlflow.client.log_artifacts(run.info.run_id, str(folder), "model")
        mlflow.client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def publish(
    mlflow: MlflowRegistry,
    model: str,
    source: str,
    *,
    run: str | None,
    tags: Mapping[str, str],
    description: str | None,
) -> int:
    """Make a version of `model` whose files lie at `source`; its number."""
    with mlflow.asked():
        made = mlflow.client.create_model_version(
            model, source, run_id=run, tags=dict(tags), description=description, await_creation_for=0
        )
    return int(made.version)


def set_aliases(mlflow: MlflowRegistry, model: str, number: int, aliases: Iterable[str]) -> None:
    """Let each alias of `model` name the version `number`."""
    with mlflow.asked():
        for alias in aliases:
            mlflow.client.set_registered_model_alias(model, alias, str(number))
