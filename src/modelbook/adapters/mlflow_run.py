"""One run on an MLflow server, through MLflow's own client."""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from modelbook.core.exchange.mlflow_view import RUN, View

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

T = TypeVar("T")
_METRICS, _OTHERS = 1000, 100  # entries that one request may hold
_EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
# One patient request would hold up all that is behind it; whoever calls asks again.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


class MlflowRun:
    """The MLflow run that shows one run of ours. Methods raise what the client raises, and may be called again."""

    def __init__(self, experiment: str, run: str, warn: Callable[[str], None]) -> None:
        """`warn` is told what the server will never take."""
        self._experiment = os.environ.get(_EXPERIMENT) or experiment
        self._run, self._warn = run, warn
        self._client: MlflowClient | None = None
        self._id = ""
        self._params: dict[str, str] = {}

    def add(self, view: View, fetch: Callable[[str], Path]) -> None:
        """Add all of `view`; `fetch` brings a file of the run onto the disk, by its path."""
        from mlflow.entities import Metric, Param, RunTag

        client = self._open()
        fresh = {name: value for name, value in view.params.items() if name not in self._params}
        changed = {
            name: value for name, value in view.params.items() if name in self._params and self._params[name] != value
        }
        # MLflow's parameters never change.
        tags = view.tags | {f"modelbook.param.{name}": value for name, value in changed.items()}
        for params in _batches([Param(*item) for item in fresh.items()], _OTHERS):
            self._log(lambda some: client.log_batch(self._id, params=some), params)
        self._params |= fresh
        for metrics in _batches([Metric(p.name, p.value, p.time, p.step) for p in view.metrics], _METRICS):
            self._log(lambda some: client.log_batch(self._id, metrics=some), metrics)
        for some_tags in _batches([RunTag(*item) for item in tags.items()], _OTHERS):
            self._log(lambda some: client.log_batch(self._id, tags=some), some_tags)

        def copy(paths: list[str]) -> None:
            for path in paths:
                folder = str(PurePosixPath(path).parent)
                client.log_artifact(self._id, str(fetch(path)), None if folder == "." else folder)

        self._log(copy, [file.path for file in view.files])
        if view.status:
            client.set_terminated(self._id, view.status)

    def _open(self) -> "MlflowClient":
        if self._client is not None:
            return self._client
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        client = MlflowClient()
        found = client.get_experiment_by_name(self._experiment)
        experiment = found.experiment_id if found else client.create_experiment(self._experiment)
        before = client.search_runs([experiment], f"tags.`{RUN}` = '{self._run}'", max_results=1)
        if before:
            self._id, self._params = before[0].info.run_id, dict(before[0].data.params)
            client.update_run(self._id, status="RUNNING")
        else:
            self._id = client.create_run(experiment, tags={RUN: self._run}, run_name=self._run).info.run_id
        self._client = client
        return client

    def _log(self, send: Callable[[list[T]], object], entries: list[T]) -> None:
        """Send entries; what the server refuses for good is left out, so that it holds nothing else up."""
        from mlflow.exceptions import MlflowException

        try:
            send(entries)
        except MlflowException as error:
            if not _for_good(error):
                raise
            if len(entries) > 1:
                for entry in entries:
                    self._log(send, [entry])
                return
            self._warn(f"MLflow refuses {getattr(entries[0], 'key', entries[0])!r}: {error.message}")


def _for_good(error: "MlflowException") -> bool:
    status = int(error.get_http_status_code())  # type: ignore[no-untyped-call]
    return 400 <= status < 500 and status not in {401, 403, 408, 429}


def _batches(entries: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(entries)
    while batch := list(islice(rest, size)):
        yield batch
