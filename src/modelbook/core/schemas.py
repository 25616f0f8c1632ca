"""JSON Schemas of the registry's documents, generated from the models; `modelbook schema` prints them.

They cannot say everything that the models check. What is left to the models is listed: BEYOND_EVERY_SCHEMA for all
documents, BEYOND_SCHEMA for each. What is wrong with a sweep beyond its shape `sweep_checks` says.
"""

import json
from typing import Any

from modelbook.core.card import ModelCard
from modelbook.core.dataset import DatasetCard
from modelbook.core.evaluation import Evaluation
from modelbook.core.online import OnlineResults
from modelbook.core.pointer import StagePointer
from modelbook.core.policy import Policy
from modelbook.core.records import Frozen
from modelbook.core.registered_model import RegisteredModel
from modelbook.core.reproduction import Reproduction
from modelbook.core.revocation import Revocation
from modelbook.core.run_record import RunRecord
from modelbook.core.sweeps.sweep import Sweep
from modelbook.core.trust import Trust

DOCUMENTS: dict[str, type[Frozen]] = {
    "card": ModelCard,
    "dataset": DatasetCard,
    "evaluation": Evaluation,
    "model": RegisteredModel,
    "online": OnlineResults,
    "policy": Policy,
    "reproduction": Reproduction,
    "revocation": Revocation,
    "run": RunRecord,
    "stage": StagePointer,
    "sweep": Sweep,
    "trust": Trust,
}

BEYOND_EVERY_SCHEMA = ("a whole number is written without a point",)
BEYOND_SCHEMA: dict[str, tuple[str, ...]] = {
    "card": (
        "two artifacts with one path, case folded",
        "an artifact with the name of a file of the registry",
        "an artifact inside another one, or inside a file of the registry",
    ),
    "dataset": (),
    "evaluation": ("a metric that holds another one", "the name of what was measured once more beside a version"),
    "model": ("the name in a dataset reference has at most 63 characters",),
    "online": (
        "a metric with both a mean and a count",
        "a mean without its standard error",
        "more than all of the units",
        "an experiment that ends before it starts",
        "one version twice",
        "assigned units of some versions only",
        "a metric that holds another one",
    ),
    "policy": (
        "two stages of one name",
        "a stage named `latest`",
        "a stage named by a number",
        "a soak in the first stage",
        "two windows of one name",
        "a window of an unknown stage",
        "a window that never begins or never ends",
        "an unknown time zone",
    ),
    "reproduction": (),
    "revocation": (),
    "run": (),
    "stage": ("an override without a reason",),
    "sweep": (),
    "trust": ("two signers of one name", "a rule that names an unknown signer", "a rule that allows nothing"),
}


def schema_of(document: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document, by its name in DOCUMENTS."""
    schema = DOCUMENTS[document].model_json_schema(mode="validation")
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:modelbook:{document}:v1"}
    exact: dict[str, Any] = _exact(schema)
    return named | exact


def _exact(schema: Any) -> Any:
    """What pydantic leaves open, closed.

    `$` is made to mean the very end: in several regular expression dialects it also fits before a last line end. And
    `patternProperties` lets a key pass that fits no pattern, so the pattern goes to `propertyNames`.
    """
    if isinstance(schema, list):
        return [_exact(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "patternProperties" in schema:
        ((pattern, values),) = schema["patternProperties"].items()
        rest = {key: value for key, value in schema.items() if key != "patternProperties"}
        names = schema.get("propertyNames", {}) | {"pattern": pattern}
        return _exact(rest | {"additionalProperties": values, "propertyNames": names})
    return {
        key: value[:-1] + r"$(?!\n)" if key == "pattern" and value.endswith("$") else _exact(value)
        for key, value in schema.items()
    }


def text_of(document: str) -> str:
    """The schema as the file that is kept in `schemas/`."""
    return json.dumps(schema_of(document), indent=2) + "\n"
