"""From what a run recorded to the card of a model version."""

import math
from typing import Any

import pytest

from modelbook.core.card import ModelCard, ParentModel
from modelbook.core.documents import dump, load
from modelbook.core.run_record import RunRecord
from modelbook.core.runs.registration import card_of, check_datasets
from modelbook.core.storage import key_in
from modelbook.errors import BadInput, Refused
from tests.made import Made, record
from tests.made_fields import EARLIER, LATER, NOW, STORE, card_fields, digest


def run_record(**fields: Any) -> RunRecord:
    card = card_fields()
    artifacts = [{name: one[name] for name in ("path", "size", "digest")} for one in card["artifacts"]]
    lineage = card["lineage"] | {
        "datasets": [{"dataset": "digits", "version": 1, "role": "train", "digest": digest("digits")}]
    }
    usual = card["run"] | lineage | {"artifacts": artifacts, "metrics": {"loss": 0.25}, "tags": ["cpu"]}
    return record(RunRecord, usual | fields)


def card(made: RunRecord, **fields: Any) -> ModelCard:
    return card_of(made, "digits", 3, **{"store": STORE, "created": LATER} | fields)


def test_a_card_holds_what_the_run_recorded() -> None:
    made = card(run_record(), description="better", tags=["gpu"])
    assert (made.model, made.version, made.created, made.description) == ("digits", 3, LATER, "better")
    assert (made.run.id, made.run.started, made.run.ended, made.run.seed) == ("run-digits-1", EARLIER, NOW, 7)
    assert made.run.params == {"lr": 0.1, "layers": [8, 8], "note": "x"}
    assert made.lineage.datasets == run_record().datasets
    assert (made.lineage.code, made.lineage.environment) == (run_record().code, run_record().environment)
    assert made.tags == ("cpu", "gpu")
    assert load(ModelCard, dump(made), "card.yaml") == made


def test_artifacts_keep_their_place_in_the_store_and_stand_in_order() -> None:
    made = card(run_record())
    assert [artifact.path for artifact in made.artifacts] == ["config/model.json", "model.safetensors"]
    for artifact in made.artifacts:
        assert key_in(STORE, artifact.uri) == f"runs/run-digits-1/artifacts/{artifact.path}"
    assert made.artifacts[1].digest == digest("weights of digits 1")


def test_parents_are_part_of_the_lineage() -> None:
    parent = ParentModel(model="teacher", version=2, card=digest("teacher"))
    assert card(run_record(), parents=[parent]).lineage.parents == (parent,)


def test_a_tag_that_comes_twice_is_one() -> None:
    assert card(run_record(tags=["a", "b"]), tags=["b", "c", "a"]).tags == ("a", "b", "c")


def test_metrics_that_went_wrong_are_recorded_as_words() -> None:
    """A card is YAML of finite numbers, and what the run said of itself is not lost."""
    made = run_record()
    metrics = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.5, "val/loss": 0.1, "top-5 (%)": 99.0}
    wrong = card(made.model_copy(update={"metrics": metrics}))
    assert wrong.run.metrics == {"a": "nan", "b": "inf", "c": "-inf", "d": 0.5, "val/loss": 0.1, "top-5 (%)": 99.0}
    assert load(ModelCard, dump(wrong), "card.yaml") == wrong


@pytest.mark.parametrize(
    "paths", [[], ["notes.txt"], ["model.pt", "model.bin"], ["safetensors"], ["model.safetensors.bak"]]
)
def test_a_run_without_weights_is_no_model(paths: list[str]) -> None:
    """Invariant 8: safetensors only."""
    artifacts = [{"path": path, "size": 1, "digest": digest(path)} for path in paths]
    with pytest.raises(BadInput, match="stored no weights") as caught:
        card(run_record(artifacts=artifacts))
    assert "save_weights" in str(caught.value.remedy)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tags": ["not a tag"]}, "tags.0"),
        ({"artifacts": [{"path": "Card.yaml", "size": 1, "digest": digest("x")}]}, "the registry puts its own there"),
        (
            {"artifacts": [{"path": path, "size": 1, "digest": digest("x")} for path in ("a", "a/b")]},
            "'a/b' lies inside 'a'",
        ),
    ],
)
def test_a_run_that_no_card_can_hold_is_bad_input_and_says_which_part(fields: dict[str, Any], message: str) -> None:
    """The record was written by a training script: what is wrong with it is told, not a traceback."""
    weights = [{"path": "model.safetensors", "size": 1, "digest": digest("w")}]
    with pytest.raises(BadInput) as caught:
        card(run_record(**fields | {"artifacts": [*weights, *fields.get("artifacts", [])]}))
    assert message in str(caught.value)
    assert "run-digits-1" in str(caught.value)


def test_a_run_on_a_dataset_version_that_the_registry_has_may_be_registered() -> None:
    made = Made().dataset("digits", 1)
    check_datasets(run_record(datasets=[made.use("digits", 1), made.use("digits", 1, "test")]), made.registry)


def test_all_dataset_versions_that_are_unknown_or_changed_are_named() -> None:
    made = Made().dataset("digits", 1)
    other = made.use("digits", 1) | {"digest": digest("another card")}
    unknown = [made.use("digits", 1) | {"dataset": name} for name in ("a", "b")]
    with pytest.raises(Refused) as caught:
        check_datasets(run_record(datasets=[made.use("digits", 1), other, *unknown]), made.registry)
    for words in ("digits@1 in the registry is not the one", "a@1 is not in", "b@1 is not in", "run-digits-1"):
        assert words in str(caught.value)
