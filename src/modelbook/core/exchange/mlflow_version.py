"""What a version looks like in MLflow's model registry: tags that lead back to it, and where its files lie."""

from collections.abc import Mapping

from modelbook.core.card import ModelCard
from modelbook.core.evaluation import Evaluation
from modelbook.core.exchange.mlflow_view import RUN, TAG_LIMIT, mlflow_name
from modelbook.core.storage import artifact_key, uri_of
from modelbook.errors import BadInput

CARD = "modelbook.card"
"""The tag that tells which version of ours an MLflow version is: the digest of its card."""


def version_tags(
    card: ModelCard, digest: str, signed_by: str, evaluations: Mapping[str, Evaluation], repository: str | None
) -> dict[str, str]:
    """The tags of the MLflow version. Its numbers are those of the signed evaluations."""
    tags = {
        CARD: digest,
        RUN: card.run.id,
        "modelbook.version": f"{card.model}@{card.version}",
        "modelbook.signed_by": signed_by,
        "modelbook.repository": repository or "",
        "modelbook.commit": card.lineage.code.commit or "",
    }
    for suite, evaluation in sorted(evaluations.items()):
        for name, metric in sorted(evaluation.metrics.items()):
            if metric.value is not None:
                tags[mlflow_name(f"modelbook.evaluation.{suite}.{name}")] = repr(metric.value)
    return {name: value[:TAG_LIMIT] for name, value in tags.items() if value}


def source_of(card: ModelCard, store: str) -> str:
    """The URI of the version's folder in the store. Raises BadInput where only this machine could read it."""
    if store.startswith("file:"):
        raise BadInput(
            f"the store {store!r} is a folder of this machine, to which MLflow cannot point",
            remedy="Copy the files into MLflow: --copy.",
        )
    return uri_of(store, artifact_key(card.run.id, "x"))[:-2]
