"""From what a run recorded to the card of a model version."""

import math
from collections.abc import Sequence
from typing import Literal

from pydantic import ValidationError

from modelbook.core.card import Artifact, Lineage, ModelCard, ParentModel, TrainingRun
from modelbook.core.registry import Registry
from modelbook.core.run_record import RunRecord
from modelbook.core.storage import artifact_key, uri_of
from modelbook.core.verifying.evidence import dataset_is_known
from modelbook.errors import BadInput, Refused


def card_of(
    record: RunRecord,
    model: str,
    version: int,
    *,
    store: str,
    created: str,
    description: str | None = None,
    tags: Sequence[str] = (),
    parents: Sequence[ParentModel] = (),
) -> ModelCard:
    """The card of `model@version`, made from `record`; artifacts keep their place in the store.

    Raises BadInput where the run left nothing that could be a model, or something that no card can hold.
    """
    if not any(file.path.endswith(".safetensors") for file in record.artifacts):
        raise BadInput(
            f"the run {record.id} stored no weights",
            remedy="Call run.save_weights(model.state_dict()) in the training script; weights are safetensors.",
        )
    try:
        run = TrainingRun(
            id=record.id,
            experiment=record.experiment,
            job=record.job,
            user=record.user,
            started=record.started,
            ended=record.ended,
            seed=record.seed,
            determinism=record.determinism,
            params=record.params,
            arguments=record.arguments,
            deterministic=record.deterministic,
            processes=record.processes,
            metrics={name: _number_or_word(value) for name, value in record.metrics.items()},
            imported=record.imported,
        )
        lineage = Lineage(
            code=record.code, datasets=record.datasets, parents=tuple(parents), environment=record.environment
        )
        artifacts = tuple(
            Artifact(
                path=file.path,
                uri=uri_of(store, artifact_key(record.id, file.path)),
                size=file.size,
                digest=file.digest,
            )
            for file in sorted(record.artifacts, key=lambda file: file.path)
        )
        return ModelCard(
            model=model,
            version=version,
            created=created,
            description=description,
            tags=tuple(dict.fromkeys([*record.tags, *tags])),
            artifacts=artifacts,
            run=run,
            lineage=lineage,
        )
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"])) or "its files"
        message = problem["msg"].removeprefix("Value error, ")
        raise BadInput(f"the run {record.id} cannot be a model version: {place}: {message}") from None


def check_datasets(record: RunRecord, registry: Registry) -> None:
    """Raise Refused, with all that is wrong, unless the registry has every dataset version that the run used."""
    findings = [finding for use in record.datasets for finding in dataset_is_known(registry, "", use)]
    if findings:
        raise Refused(
            f"the run {record.id} cannot be registered:\n" + "\n".join(f"  {finding.message}" for finding in findings),
            remedy="Get the commit with those dataset versions (`git pull`), or train again on what is here.",
        )


def _number_or_word(value: float) -> float | Literal["nan", "inf", "-inf"]:
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
