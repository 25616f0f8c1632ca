"""CycloneDX 1.6: a model version as a bill of materials for machine learning (ML-BOM), as JSON.

Source: https://cyclonedx.org/docs/1.6/json/
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from modelbook.core.card import Artifact, ModelCard
from modelbook.core.dataset import DatasetCard
from modelbook.core.digests import hex_of
from modelbook.core.evaluation import Evaluation
from modelbook.core.registered_model import RegisteredModel
from modelbook.core.run_record import DatasetUse

Parts = list[dict[str, Any]]


def bill_of_materials(
    card: ModelCard,
    digest: str,
    evaluations: Mapping[str, Evaluation],
    model: RegisteredModel | None,
    datasets: Mapping[tuple[str, int], DatasetCard],
    *,
    tool: str,
) -> dict[str, Any]:
    """The bill of a version that was verified, always the same for the same version and evaluations.

    `digest` is that of its card, `datasets` are the cards of the dataset versions that it names, `tool` our version.
    """
    name = f"{card.model}@{card.version}"
    uses = list(dict.fromkeys((*card.lineage.datasets, *(one.dataset for one in evaluations.values()))))
    data = {f"{use.dataset}@{use.version}": _dataset(use, datasets[use.dataset, use.version]) for use in uses}
    trained = list(dict.fromkeys(f"{use.dataset}@{use.version}" for use in card.lineage.datasets))
    document: dict[str, Any] = {
        "version": 1,
        "metadata": {
            "timestamp": card.created,
            "tools": {"components": [{"type": "application", "name": "modelbook", "version": tool}]},
            "component": _model(card, digest, evaluations, model, trained),
        },
        "components": list(data.values()),
        "dependencies": [{"ref": name, "dependsOn": trained}, *({"ref": each} for each in data)],
        "formulation": [_training(card, trained)],
    }
    seen = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    serial = f"{seen[:8]}-{seen[8:12]}-{seen[12:16]}-{seen[16:20]}-{seen[20:32]}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        **document,
    }


def _sha256(digest: str) -> Parts:
    return [{"alg": "SHA-256", "content": hex_of(digest)}]


def _properties(values: Mapping[str, str | None]) -> Parts:
    return [{"name": f"modelbook:{name}", "value": value} for name, value in values.items() if value is not None]


def _model(
    card: ModelCard,
    digest: str,
    evaluations: Mapping[str, Evaluation],
    model: RegisteredModel | None,
    trained: list[str],
) -> dict[str, Any]:
    name = f"{card.model}@{card.version}"
    imported, code = card.run.imported, card.lineage.code
    parameters: dict[str, Any] = {"task": model.task} if model and model.task else {}
    parameters |= {"datasets": [{"ref": each} for each in trained]} if trained else {}
    measured = [one for _, evaluation in sorted(evaluations.items()) for one in _metrics(evaluation)]
    model_card: dict[str, Any] = {"modelParameters": parameters} if parameters else {}
    model_card |= {"quantitativeAnalysis": {"performanceMetrics": measured}} if measured else {}
    found: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": name,
        "name": card.model,
        "version": str(card.version),
        "hashes": _sha256(digest),
        "modelCard": model_card,
        "components": [_file(name, artifact) for artifact in card.artifacts],
        "properties": _properties(
            {
                "run": card.run.id,
                "job": card.run.job,
                "imported-from": f"{imported.source}: {imported.model} {imported.version}" if imported else None,
            }
        ),
    }
    if description := card.description or (model.description if model else None):
        found["description"] = description
    if code.commit:
        found["pedigree"] = {"commits": [{"uid": code.commit} | ({"url": code.repository} if code.repository else {})]}
        if card.lineage.parents:
            found["pedigree"]["ancestors"] = _parents(card)
    elif card.lineage.parents:
        found["pedigree"] = {"ancestors": _parents(card)}
    if code.repository:
        found["externalReferences"] = [{"type": "vcs", "url": code.repository}]
    return found


def _parents(card: ModelCard) -> Parts:
    return [
        {
            "type": "machine-learning-model",
            "name": parent.model,
            "version": str(parent.version),
            "hashes": _sha256(parent.card),
        }
        for parent in card.lineage.parents
    ]


def _metrics(evaluation: Evaluation) -> Iterator[dict[str, str]]:
    """What a suite measured; the slice says on which dataset version, and of which part of it."""
    where = f"{evaluation.suite}: {evaluation.dataset.dataset}@{evaluation.dataset.version}"
    for name, metric in sorted(evaluation.metrics.items()):
        if metric.value is not None:
            part, _, last = name.rpartition(".")
            yield {"type": last, "value": repr(metric.value), "slice": f"{where} {part}".rstrip()}


def _file(model: str, artifact: Artifact) -> dict[str, Any]:
    return {
        "type": "file",
        "bom-ref": f"{model}/{artifact.path}",
        "name": artifact.path,
        "hashes": _sha256(artifact.digest),
        "properties": _properties({"size": str(artifact.size)}),
    }


def _dataset(use: DatasetUse, card: DatasetCard) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "data",
        "bom-ref": f"{use.dataset}@{use.version}",
        "name": use.dataset,
        "version": str(use.version),
        "hashes": _sha256(use.digest),
        "data": [{"type": "dataset", "name": use.dataset}],
        "properties": _properties(
            {"files": str(card.files), "size": str(card.size), "manifest": card.manifest.digest, "source": card.source}
        ),
    }
    found |= {"description": card.description} if card.description else {}
    return found | ({"licenses": [{"license": {"name": card.license}}]} if card.license else {})


def _training(card: ModelCard, trained: list[str]) -> dict[str, Any]:
    """How it was made: the run, and the packages that it ran on."""
    run, lineage = card.run, card.lineage
    workflow: dict[str, Any] = {
        "bom-ref": f"run:{run.id}",
        "uid": run.id,
        "name": lineage.code.entry_point,
        "taskTypes": ["build"],
        "timeStart": run.started,
        "timeEnd": run.ended,
        "properties": _properties(
            {
                "python": lineage.environment.python,
                "platform": lineage.environment.platform,
                "container": lineage.environment.container,
                "seed": None if run.seed is None else str(run.seed),
            }
            | {f"param:{name}": json.dumps(value) for name, value in run.params.items()}
        ),
    }
    workflow |= {"inputs": [{"resource": {"ref": each}} for each in trained]} if trained else {}
    packages = [_package(name, version) for name, version in sorted(lineage.environment.packages.items())]
    return {"workflows": [workflow]} | ({"components": packages} if packages else {})


def _package(name: str, version: str) -> dict[str, Any]:
    normal = re.sub(r"[-_.]+", "-", name).lower()
    purl = f"pkg:pypi/{quote(normal, safe='')}@{quote(version, safe='')}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
