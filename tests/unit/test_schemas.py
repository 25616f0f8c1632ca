"""Schema and model say the same of every document, but for what the schemas are known not to say."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from modelbook.core.schemas import BEYOND_EVERY_SCHEMA, BEYOND_SCHEMA, DOCUMENTS, schema_of, text_of
from tests.made import Made, key
from tests.made_fields import EARLIER, NOW, STORE, card_fields, digest
from tests.unit.beyond_schemas import BEYOND

SCHEMAS = Path(__file__).parents[2] / "schemas"


@cache
def validator(document: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema_of(document))


def by_model(document: str, data: object) -> list[str] | None:
    """What the model says against `data`, by kind and message; None if it accepts it."""
    try:
        DOCUMENTS[document].model_validate_json(json.dumps(data))
    except ValidationError as error:
        told = [problem for problem in error.errors() if not is_echo(problem)]
        return [f"{problem['type']}: {problem['msg']}" for problem in told]
    return None


def is_echo(problem: Any) -> bool:
    """Whether a list is called too short only because items in it are wrong, which are told by themselves."""
    return bool(problem["type"] == "too_short" and len(problem["input"]) >= problem["ctx"]["min_length"])


@cache
def valid(document: str) -> str:
    """A document with everything in it that it may have, as JSON."""
    made = (
        Made().dataset().version().pointer("digits", "staging", 1).version("digits", 2).pointer("digits", "staging", 2)
    )
    pointer = made.put("models/digits/model.yaml", "model: digits").registry.pointer("digits", "staging")
    assert pointer
    use = made.use("digits", 1)
    gates = ["metrics.accuracy >= 0.9", {"name": "fast", "require": "metrics.latency_ms < 50.0"}]
    card = card_fields()
    run, lineage = card["run"], card["lineage"]
    run |= {"arguments": ["--fast"], "deterministic": True}
    lineage["code"] |= {"folder": "examples/digits"}
    lineage |= {"datasets": [use], "parents": [{"model": "teacher", "version": 3, "card": digest("teacher")}]}
    lineage["environment"] |= {"cpu": "x86", "cores": 8, "gpus": ["H200"], "cuda": "12.8"}
    metric: dict[str, Any] = {"value": 0.5, "n": 100, "stderr": 0.05, "problem": None, "hardware": True}
    metric |= {"interval": {"low": 0.4, "high": 0.6, "confidence": 0.95}}
    beside = {"version": 2, "card": digest("other"), "suite": "default", "rounds": 4, "metrics": {"accuracy": metric}}
    gave = {"rate": {"n": 100, "count": 7}, "seconds": {"n": 100, "mean": 1.5, "stderr": 0.1}}
    arm = {"assigned": 120, "share": 0.5, "metrics": gave}
    documents: dict[str, dict[str, Any]] = {
        "card": card,
        "dataset": made.registry.dataset_card("digits", 1).model_dump() | {"tags": ["a"], "source": "scans"},
        "evaluation": made.registry.evaluation("models/digits/versions/1/evaluations/default.yaml").model_dump()
        | {"metrics": {"accuracy": metric, "by_country.de.accuracy": metric}}
        | {"examples": {"size": 9, "digest": digest("examples")}, "beside": beside},
        "model": {
            "format": "modelbook/model/v1",
            "model": "digits",
            "description": "reads digits",
            "owners": ["alice"],
            "task": "classification",
            "tags": ["vision"],
            "suites": {"default": {"entry_point": "evaluate.py", "dataset": "digits@1", "compare": "production"}},
            "gates": {"production": gates},
            "better": {"loss": "lower_is_better"},
        },
        "online": made.online(arms=dict.fromkeys((1, 2), arm), apart_from=["autumn"])
        .registry.online("digits", "spring")
        .model_dump(exclude_none=True),
        "policy": {
            "format": "modelbook/policy/v1",
            "store": STORE,
            "stages": [
                {"name": "staging", "auto": True, "first": "accept", "gates": gates},
                {"name": "production", "soak": "24h", "gates": gates[:1]},
            ],
            "freeze": [
                {
                    "name": "weekend",
                    "begins": "0 18 * * FRI",
                    "ends": "0 8 * * MON",
                    "zone": "Europe/Berlin",
                    "stages": ["production"],
                    "reason": "nobody is there",
                    "override": ["alice"],
                }
            ],
            "reproduce": {"confidence": 0.9, "margins": {"accuracy": 0.01}},
            "online": {"sources": ["https://metrics.example.org/exports/"]},
        },
        "reproduction": made.reproduction()
        .registry.reproduction("models/digits/versions/1/reproductions/again.yaml")
        .model_dump()
        | {
            "repetitions": [
                {
                    "files": {"model.safetensors": digest("other")},
                    "metrics": {"val/loss": 0.25},
                    "suites": {"default": {"accuracy": metric}},
                    "error": "out of memory",
                }
            ]
        },
        "revocation": {
            "format": "modelbook/revocation/v1",
            "model": "digits",
            "version": 1,
            "card": digest("card"),
            "by": "alice",
            "revoked": NOW,
            "reason": "trained on leaked labels",
        },
        "run": {name: value for name, value in run.items() if name != "metrics"}
        | {
            "tags": ["a b"],
            "metrics": {"val/loss": 0.25},
            "artifacts": [{"path": "a", "size": 1, "digest": digest("a")}],
            "trial": {"sweep": "digits-lr", "file": digest("sweep"), "number": 4, "repeat": 1},
        }
        | {name: value for name, value in lineage.items() if name != "parents"},
        "stage": pointer.model_dump() | {"reason": "better", "overrides": ["weekend"], "gates": digest("model.yaml")},
        "sweep": {
            "format": "modelbook/sweep/v1",
            "name": "digits-lr",
            "description": "how fast to learn",
            "program": "train.py",
            "data": ["digits@1:train"],
            "method": "bayes",
            "sampler": "tpe",
            "startup": 4,
            "metric": {"name": "val/loss", "goal": "minimize"},
            "parameters": {
                "lr": {"distribution": "log_uniform_values", "min": 0.001, "max": 1.0, "when": {"optimizer": ["sgd"]}},
                "hidden": {"min": 8, "max": 64, "q": 8},
                "optimizer": {"values": ["sgd", 1, 0.5, True]},
                "epochs": {"value": 3},
            },
            "early_terminate": {"type": "hyperband", "min_iter": 1, "max_iter": 9, "eta": 3, "startup": 5},
            "budget": {"trials": 12, "gpu_hours": 1.5, "patience": 2},
            "round": 4,
            "confirm": {"best": 2, "seeds": 1},
            "seed": 1,
            "deterministic": True,
            "nproc": 2,
            "inherit": ["digits-old"],
        },
        "trust": {
            "format": "modelbook/trust/v1",
            "version": 1,
            "signers": [{"name": "owner", "description": "x", "key": key("owner").public_pem, "expires": NOW}],
            "rules": [{"models": "fraud-*", "statements": ["model"], "stages": ["*"], "signers": ["owner"]}],
        },
    }
    return json.dumps(documents[document])


@pytest.mark.parametrize("document", sorted(DOCUMENTS))
def test_the_files_in_schemas_are_those_that_the_models_make(document: str) -> None:
    path = SCHEMAS / f"{document}.schema.json"
    assert path.read_text() == text_of(document), f"write {path} anew: `modelbook schema {document}`"
    jsonschema.Draft202012Validator.check_schema(schema_of(document))


def test_no_schema_lies_there_without_a_document() -> None:
    assert {path.name for path in SCHEMAS.iterdir()} == {f"{document}.schema.json" for document in DOCUMENTS}


@pytest.mark.parametrize("document", sorted(DOCUMENTS))
def test_a_full_document_is_accepted_by_both(document: str) -> None:
    data = json.loads(valid(document))
    assert by_model(document, data) is None
    validator(document).validate(data)


def test_what_the_schemas_cannot_say_is_listed_by_name_and_shown_by_an_example() -> None:
    named = {(document, name) for document, names in BEYOND_SCHEMA.items() for name in names}
    assert BEYOND_SCHEMA.keys() == DOCUMENTS.keys()
    assert BEYOND.keys() == named
    for (document, name), (change, message) in BEYOND.items():
        data = json.loads(valid(document))
        change(data)
        assert validator(document).is_valid(data), name
        said = by_model(document, data)
        assert said is not None, name
        assert message in said[0], name


@pytest.mark.parametrize("document", ["card", "dataset", "evaluation", "run", "stage", "trust"])
def test_in_every_document_a_whole_number_has_no_point(document: str) -> None:
    """To JSON Schema 1.0 is an integer; to a program that compares version numbers as text it is not."""
    assert len(BEYOND_EVERY_SCHEMA) == 1
    data = json.loads(valid(document))
    path = next(path for path, value in leaves(data) if type(value) is int and "params" not in path)
    place(data, path, float(at(data, path)))
    assert validator(document).is_valid(data)
    assert any("int" in message for message in by_model(document, data) or [])


def leaves(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, data
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, value in inner:
        yield from leaves(value, (*path, name))


def at(data: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        data = data[part]
    return data


def place(data: Any, path: tuple[Any, ...], value: Any) -> None:
    at(data, path[:-1])[path[-1]] = value


VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 0.5, -0.5, 2**31, 2**31 + 1, 2**53 - 1, 10**9, "", " ", "a", "A", "a\n", "a b"),
    *("latest", "1", "é", "\u0430", "..", "../a", "a/b", "/a", "a//b", "-a", "a-", "a_b", ".a", "nan", "inf", "NaN"),
    *("*", "a" * 63, "a" * 64, "a" * 65, "a" * 100, "a" * 101, "a" * 201, "x" * 501, "x" * 2001, "x" * 10_001, "\x00"),
    *(digest("x"), digest("x") + "\n", digest("x").upper(), digest("x")[:-1], "sha256:", "c" * 40, "c" * 64, "C" * 40),
    *(EARLIER, EARLIER + "\n", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01", "2026-01-01T00:00:00.5Z"),
    *("s3://b", "s3://bucket/x", "s3://bucket/x/", "s3://bucket/../x", "file:x", "file:x y", "file:", "file:a#b"),
    *("digits@1", "digits@01", "digits", "modelbook/card/v1", "modelbook/run/v1", "accept", "model", "production"),
    *([], {}, ["a"], [1], {"a": 1}, {"": 1}, {"a b": 1}, {"a\n": 1}, {"A": 0.5}, {"a" * 129: 1}, {"n": {"value": 1}}),
)
NAMES = st.sampled_from(["", "a", "A", "a b", "a\n", "é", "x-y", "latest", "a" * 64, "a" * 201, "format", "value"])


@st.composite
def mutants(draw: st.DrawFn, document: str) -> Any:
    """A valid document in which up to three things were changed."""
    data = json.loads(valid(document))
    for _ in range(draw(st.integers(1, 3))):
        paths = [path for path, _ in leaves(data) if path]
        if not paths:
            return data
        path = draw(st.sampled_from(paths))
        holder = at(data, path[:-1])
        match draw(st.sampled_from(["put", "put", "drop", "add", "rename", "twin", "text"])):
            case "put":
                holder[path[-1]] = copy.deepcopy(draw(st.sampled_from(VALUES)))
            case "drop":
                del holder[path[-1]]
            case "add" if isinstance(holder, dict):
                holder[draw(NAMES)] = copy.deepcopy(draw(st.sampled_from(VALUES)))
            case "rename" if isinstance(holder, dict):
                holder[draw(NAMES)] = holder.pop(path[-1])
            case "twin" if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[path[-1]]))
            case "text" if isinstance(holder[path[-1]], str):
                text = holder[path[-1]]
                where = draw(st.integers(0, len(text)))
                holder[path[-1]] = text[:where] + draw(st.characters(exclude_categories=["Cs"])) + text[where:]
    return data


@pytest.mark.parametrize("document", sorted(DOCUMENTS))
@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(data=st.data())
def test_schema_and_model_accept_the_same_documents(document: str, data: st.DataObject) -> None:
    """What jsonschema accepts and what the model accepts are the same, but for the cases listed above."""
    made = data.draw(mutants(document))
    said = by_model(document, made)
    if validator(document).is_valid(made):
        messages = [message for (known, _), (_, message) in BEYOND.items() if known == document]
        unexplained = [one for one in said or [] if not any(message.split("'")[-1] in one for message in messages)]
        assert not unexplained, made
    else:
        assert said is not None, made
