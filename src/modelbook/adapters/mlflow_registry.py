"""The model registry of an MLflow, through MLflow's own client. Files are copied; nothing of them is loaded or run."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modelbook.core.exchange.mlflow_import import MlflowTraining, MlflowVersion
from modelbook.core.exchange.mlflow_view import Point, without_user_info
from modelbook.errors import BadInput, ForeignError, ModelbookError

MISSING = "RESOURCE_DOES_NOT_EXIST"
"""How MLflow says that there is no such thing."""
PLACE = "MLFLOW_TRACKING_URI"
SETTINGS = {
    "MLFLOW_ALLOW_FILE_STORE": "true",  # whoever leaves need not migrate first
    "MLFLOW_DISABLE_TELEMETRY": "true",  # or its client tells its makers, and waits for it
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output may be JSON for a program
}


class MlflowRegistry:
    """Registered models at `uri`: http(s), a folder, or a database that MLflow wrote.

    Methods raise ForeignError where MLflow does not do what is asked.
    """

    def __init__(self, uri: str) -> None:
        """Raises BadInput where MLflow's client is not installed, or nothing is at `uri`."""
        scheme = urlsplit(uri).scheme
        self.remote = scheme in {"http", "https"}
        self.shown = without_user_info(uri)
        place = uri.partition("sqlite:///")[2] if scheme == "sqlite" else uri.removeprefix("file://")
        if scheme in {"", "file", "sqlite"} and not Path(place.partition("?")[0]).exists():
            # Its client would make an empty one.
            raise BadInput("there is no MLflow here", where=self.shown, remedy="Check the URI, or the path in it.")
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise BadInput(
                "MLflow's client is not installed", remedy="Install it: `pip install 'modelbook[mlflow]'`."
            ) from None
        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        self._uri = uri
        self._trainings: dict[str, MlflowTraining | None] = {}
        with self.asked():
            self.client = MlflowClient(uri, uri)

    def models(self) -> list[str]:
        """The names of all registered models, sorted."""
        with self.asked():
            return sorted(model.name for model in pages(self.client.search_registered_models))

    def versions(self, model: str) -> list[MlflowVersion]:
        """The versions of a model, oldest first. Raises BadInput where there is no such model."""
        from mlflow.exceptions import MlflowException

        with self.asked():
            try:
                found = self.client.get_registered_model(model)
            except MlflowException as error:
                if error.error_code != MISSING:
                    raise
                message = f"there is no registered model {model!r}"
                remedy = "Without a name, `modelbook import mlflow --dry-run` lists them all."
                raise BadInput(message, where=self.shown, remedy=remedy) from None
            aliases: dict[int, list[str]] = {}
            for alias, number in found.aliases.items():
                aliases.setdefault(int(number), []).append(alias)
            quote = '"' if "'" in model else "'"
            search = self.client.search_model_versions
            versions = [
                one for one in pages(search, filter_string=f"name = {quote}{model}{quote}") if one.name == model
            ]
        made = [self._version(one, tuple(sorted(aliases.get(int(one.version), [])))) for one in versions]
        return sorted(made, key=lambda one: one.number)

    def files(self, version: MlflowVersion) -> dict[str, int | None]:
        """The files of a version: their size in bytes, if MLflow knows it, by path."""
        with self.asked():
            repository = self._repository(version)
            found, folders = {}, [""]
            while folders:
                for info in repository.list_artifacts(folders.pop() or None):
                    if info.is_dir:
                        folders.append(info.path)
                    else:
                        found[info.path] = info.file_size
            return dict(sorted(found.items()))

    def fetch(self, version: MlflowVersion, path: str, folder: Path) -> Path:
        """Bring a file of a version into `folder`; where it lies then."""
        with self.asked():
            return Path(self._repository(version).download_artifacts(path, str(folder)))

    def points(self, version: MlflowVersion) -> Iterator[Point]:
        """The values of the metrics of a version's run, in no order."""
        if version.training is None:
            return
        with self.asked():
            for name in version.training.metrics:
                for each in self.client.get_metric_history(version.training.id, name):
                    yield Point(name, each.value, each.timestamp, each.step)

    def _version(self, one: Any, aliases: tuple[str, ...]) -> MlflowVersion:
        stage = one.current_stage
        return MlflowVersion(
            model=one.name,
            number=int(one.version),
            created=int(one.creation_timestamp),
            status=str(one.status),
            source=one.source or "",
            run_id=one.run_id or None,
            description=one.description or None,
            stage=None if stage in {None, "None", ""} else stage,
            aliases=aliases,
            tags=dict(one.tags),
            training=self._training(one.run_id) if one.run_id else None,
        )

    def _training(self, run: str) -> MlflowTraining | None:
        from mlflow.exceptions import MlflowException

        if run not in self._trainings:
            try:
                with self.asked():
                    self._trainings[run] = self._read(run)
            except ForeignError as error:
                cause = error.__cause__
                if not isinstance(cause, MlflowException) or cause.error_code != MISSING:
                    raise
                self._trainings[run] = None
        return self._trainings[run]

    def _read(self, run: str) -> MlflowTraining:
        found = self.client.get_run(run)
        experiment = self.client.get_experiment(found.info.experiment_id)
        inputs = found.inputs.dataset_inputs if found.inputs else []
        return MlflowTraining(
            id=run,
            experiment=experiment.name,
            user=found.info.user_id or None,
            started=found.info.start_time,
            ended=found.info.end_time,
            params=dict(found.data.params),
            metrics=dict(found.data.metrics),
            tags=dict(found.data.tags),
            datasets=tuple(f"{each.dataset.name} ({each.dataset.digest})" for each in inputs),
        )

    def _repository(self, version: MlflowVersion) -> Any:
        """What reads the files of a version.

        A server elsewhere that names a path of this machine would have this machine's files published: refused.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
        from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
        from mlflow.store.artifact.runs_artifact_repo import RunsArtifactRepository

        source = version.source
        if urlsplit(source).scheme == "runs":
            source = RunsArtifactRepository.get_underlying_uri(source, self._uri)
        repository: Any = get_artifact_repository(source, self._uri, self._uri)
        while inner := getattr(repository, "repo", None):
            repository = inner
        if self.remote and isinstance(repository, LocalArtifactRepository):
            raise BadInput(
                f"the server says that {version.name} lies in a folder of this machine, which is not read for a server",
                where=self.shown,
                remedy="Let the server hand out its artifacts (`mlflow server --artifacts-destination …`), or name its "
                "database: `--tracking-uri sqlite:///mlflow.db`.",
            )
        return repository

    @contextmanager
    def asked(self) -> Iterator[None]:
        """MLflow's errors, and those of what is behind it, as ours."""
        try:
            with _default_place(self._uri):
                yield
        except ModelbookError:
            raise
        except Exception as error:  # what is behind the client (boto3, SQLAlchemy, …) has errors of its own
            words = " ".join(without_user_info(str(error)).split()) or type(error).__name__
            raise ForeignError(f"MLflow: {words[:500]}", where=self.shown) from error


@contextmanager
def _default_place(uri: str) -> Iterator[None]:
    """Let `uri` be where MLflow looks by default.

    Where it reads a version in a folder, its client asks that place whatever place it was given: another server, or a
    database that it makes in the present folder.
    """
    before = os.environ.get(PLACE)
    os.environ[PLACE] = uri
    try:
        yield
    finally:
        if before is None:
            del os.environ[PLACE]
        else:
            os.environ[PLACE] = before


def pages(search: Any, **how: Any) -> Iterator[Any]:
    """All that a search of MLflow's client finds, page by page."""
    token = None
    while True:
        page = search(**how, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
