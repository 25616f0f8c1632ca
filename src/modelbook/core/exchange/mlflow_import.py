"""What MLflow says of a model version, and the run's record that follows from it.

MLflow's metrics are what the training said of itself: they join the record, and no gate reads them. What MLflow does
not know (the data, the machine, whether the code was committed) stays unknown.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modelbook.core.addresses import without_credentials
from modelbook.core.exchange.imports import UNKNOWN, import_id, pinned, timestamp
from modelbook.core.exchange.mlflow_view import without_user_info
from modelbook.core.records import StoredFile
from modelbook.core.run_record import Code, Environment, Imported, RunRecord

_TAGS = frozenset({"mlflow.user", "mlflow.runName", "mlflow.log-model.history"})  # said elsewhere, or very long
_TAG_LIMIT = 1000  # characters of a tag's value
_OWN = "mlflow.source."
NOT_KNOWN = "Not known: whether its code was as in the commit, the dataset versions, the machine."


@dataclass(frozen=True)
class MlflowTraining:
    """The run that a version comes from. Times in milliseconds since 1970."""

    id: str
    experiment: str | None
    user: str | None
    started: int | None
    ended: int | None
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True)
class MlflowVersion:
    """One version of a registered model, as MLflow's client reads it. `created` in milliseconds since 1970.

    `run_id` is what the version says; `training` is None where there is no such run (any more).
    """

    model: str
    number: int
    created: int
    status: str
    source: str
    run_id: str | None = None
    description: str | None = None
    stage: str | None = None
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    training: MlflowTraining | None = None

    @property
    def name(self) -> str:
        """As people write it there."""
        return f"{self.model} {self.number}"

    @property
    def run(self) -> str:
        """The id of the run that it becomes here."""
        return import_id("mlflow", self.model, str(self.number), self.run_id, self.created)


def stages_meant(version: MlflowVersion, stages: Iterable[str]) -> list[str]:
    """The stages of our policy that the version's aliases, or its MLflow stage, name."""
    said = {word.lower() for word in (*version.aliases, version.stage or "")}
    return [stage for stage in stages if stage in said]


def record_of(
    version: MlflowVersion, files: Iterable[StoredFile], *, registry: str | None, described: Mapping[str, str]
) -> RunRecord:
    """The record of the run that `version` becomes.

    `registry` is MLflow's address, if others can reach it; `described` are the texts of those files of the model in
    which MLflow describes its environment, by path.
    """
    training = version.training
    tags = dict(training.tags) if training else {}
    started = (training and training.started) or version.created
    # A run that was never ended had made its model when that was registered.
    ended = max(started, (training and training.ended) or version.created)
    kept = {**tags, **version.tags}
    return RunRecord(
        id=version.run,
        experiment=(training and training.experiment) or UNKNOWN,
        job=f"mlflow:{version.run_id or f'{version.model}/{version.number}'}",
        user=(training and (tags.get("mlflow.user") or training.user)) or UNKNOWN,
        started=timestamp(started // 1000),
        ended=timestamp(ended // 1000),
        params=dict(training.params) if training else {},
        metrics=dict(training.metrics) if training else {},
        imported=Imported(
            source="mlflow",
            registry=without_user_info(registry) if registry else None,
            model=version.model,
            version=str(version.number),
            run=version.run_id,
            aliases=version.aliases,
            stage=version.stage,
            datasets=training.datasets if training else (),
            tags={
                name: value[:_TAG_LIMIT]
                for name, value in sorted(kept.items())
                if name not in _TAGS and not name.startswith(_OWN)
            },
        ),
        code=_code(tags),
        environment=_environment(described),
        artifacts=tuple(files),
    )


def description_of(version: MlflowVersion) -> str:
    """What the card says of where it comes from, and what MLflow said of it."""
    where = f"MLflow run {version.run_id}" if version.run_id else "MLflow, which names no run"
    if version.run_id and not version.training:
        where += ", which is not there any more"
    own = f"\n\n{version.description}" if version.description else ""
    return f"Imported from {where}: version {version.number} of {version.model!r}.\n{NOT_KNOWN}{own}"[:10_000]


def describing(paths: Iterable[str]) -> list[str]:
    """Those files of a model in which MLflow describes its environment."""
    return [path for path in paths if path.rpartition("/")[2] in {"MLmodel", "requirements.txt"}]


def _code(tags: Mapping[str, str]) -> Code:
    commit = tags.get("mlflow.source.git.commit", "").lower()
    repository = tags.get("mlflow.source.git.repoURL")
    return Code(
        repository=without_credentials(repository) if repository else None,
        commit=commit if re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", commit) else None,
        branch=tags.get("mlflow.source.git.branch"),
        entry_point=tags.get("mlflow.source.name") or UNKNOWN,
    )


def _environment(described: Mapping[str, str]) -> Environment:
    texts = {path.rpartition("/")[2]: text for path, text in described.items()}
    # One line of MLmodel, which is somebody else's YAML: nothing else of it is needed.
    python = re.search(r"^ +python_version: ['\"]?([0-9]+(?:\.[0-9]+){1,2})['\"]?$", texts.get("MLmodel", ""), re.M)
    return Environment(
        python=python[1] if python else UNKNOWN,
        platform=UNKNOWN,
        packages=pinned(texts.get("requirements.txt", "").splitlines()),
    )
