"""What MLflow says, and the run that follows from it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.exchange.imports import UNKNOWN, files_problem, import_id, names_here, our_name, pinned
from modelbook.core.exchange.mlflow_import import (
    MlflowTraining,
    MlflowVersion,
    description_of,
    record_of,
    stages_meant,
)
from modelbook.core.exchange.mlflow_version import source_of, version_tags
from modelbook.core.names import check_name
from modelbook.core.records import StoredFile
from modelbook.core.runs.registration import card_of
from modelbook.core.signing.statements import IMPORT_TYPE, provenance_statement
from modelbook.errors import BadInput

WEIGHTS = StoredFile(path="model.safetensors", size=8, digest="sha256:" + "0" * 64)
BARE = MlflowVersion("Fraud Detector", 3, created=1_700_000_000_000, status="READY", source="s3://b/m")
TOLD = {
    "mlflow.user": "ada",
    "mlflow.source.name": "train.py",
    "mlflow.source.git.commit": "A" * 40,
    "mlflow.source.git.repoURL": "https://ada:secret@example.org/fraud",
    "team": "risk",
}
TRAINED = replace(
    BARE,
    run_id="r1",
    aliases=("Production", "best"),
    tags={"team": "fraud"},
    training=MlflowTraining("r1", "exp", None, 1_600_000_000_000, None, {"lr": "0.1"}, {"loss": float("nan")}, TOLD),
)


def test_what_mlflow_does_not_say_is_unknown_and_not_invented() -> None:
    record = record_of(BARE, [WEIGHTS], registry=None, described={})
    assert (record.experiment, record.user, record.code.entry_point) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert (record.environment.python, record.environment.platform) == (UNKNOWN, UNKNOWN)
    assert (record.code.commit, record.seed, record.datasets, record.environment.packages) == (None, None, (), {})
    assert record.started == record.ended == "2023-11-14T22:13:20Z"
    assert "names no run" in description_of(BARE)
    assert "not there any more" in description_of(replace(BARE, run_id="gone"))


def test_what_mlflow_says_is_kept_and_marked_as_its_own() -> None:
    described = {
        "m/MLmodel": "flavors:\n  python_function:\n    python_version: 3.11.4\n",
        "requirements.txt": "a==1\nb",
    }
    record = record_of(TRAINED, [WEIGHTS], registry="https://u:p@mlflow.example", described=described)
    assert (record.user, record.code.entry_point, record.code.commit) == ("ada", "train.py", "a" * 40)
    assert record.code.repository == "https://example.org/fraud"
    assert (record.started, record.ended) == ("2020-09-13T12:26:40Z", "2023-11-14T22:13:20Z")
    assert (record.environment.python, record.environment.packages) == ("3.11.4", {"a": "1"})
    assert record.imported is not None
    assert (record.imported.registry, record.imported.run) == ("https://mlflow.example", "r1")
    assert (record.imported.tags, record.params) == ({"team": "fraud"}, {"lr": "0.1"})
    card = card_of(record, "fraud", 3, store="file:s", created="2026-01-01T00:00:00Z")
    assert card.run.metrics == {"loss": "nan"}
    definition = provenance_statement(card, b"")["predicate"]["buildDefinition"]
    assert definition["buildType"] == IMPORT_TYPE


@pytest.mark.parametrize("commit", ["", "main", "a" * 39, "a" * 40 + "\n", "../" + "a" * 37])
def test_what_is_no_commit_is_not_recorded_as_one(commit: str) -> None:
    training = MlflowTraining("r", None, None, None, None, tags={"mlflow.source.git.commit": commit})
    record = record_of(replace(BARE, training=training), [WEIGHTS], registry=None, described={})
    assert record.code.commit is None


def test_an_alias_or_an_old_stage_that_is_a_stage_of_ours_is_told() -> None:
    stages = ["staging", "production"]
    assert stages_meant(TRAINED, stages) == ["production"]
    assert stages_meant(replace(BARE, stage="Staging"), stages) == ["staging"]
    assert stages_meant(BARE, stages) == []


def test_two_models_that_would_be_one_are_refused() -> None:
    assert names_here(["Fraud Detector", "spam"]) == {"Fraud Detector": "fraud-detector", "spam": "spam"}
    assert names_here(["Fraud Detector"], "fraud") == {"Fraud Detector": "fraud"}
    with pytest.raises(BadInput, match="would both be 'fraud-detector'"):
        names_here(["Fraud Detector", "fraud_detector"])


@given(st.text())
def test_a_foreign_name_becomes_a_name_or_is_refused(foreign: str) -> None:
    try:
        ours = our_name(foreign)
    except BadInput:
        return
    assert check_name(ours, "registered model") == ours


@given(st.text(alphabet="aB -/ü", min_size=1), st.integers(1, 10**6), st.text(max_size=8))
def test_the_run_of_an_import_is_the_same_again_and_no_other_ones(model: str, number: int, identity: str) -> None:
    model = f"m{model}"
    made = import_id("mlflow", model, str(number), identity)
    record_of(replace(BARE, model=model, number=number), [WEIGHTS], registry=None, described={})  # an id that may be
    assert made == import_id("mlflow", model, str(number), identity)
    assert made != import_id("mlflow", model, str(number), identity + "x")
    assert made != import_id("mlflow", model + "-", str(number), identity)


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ([], "no files"),
        (["MLmodel"], "no weights in safetensors"),
        (["model.safetensors", "data/model.pkl"], "data/model.pkl has a name ending in .pkl"),
        (["model.safetensors", "../model.safetensors"], "not a name"),
        (["model.safetensors", "a b.json"], "not a name"),
    ],
)
def test_files_that_may_not_come(paths: list[str], words: str) -> None:
    assert words in (files_problem(paths) or "")
    assert files_problem(["model.safetensors", "m/config.json"]) is None


def test_a_version_leads_back_from_mlflow_to_its_card_and_its_files() -> None:
    record = record_of(TRAINED, [WEIGHTS], registry=None, described={})
    card = card_of(record, "fraud", 3, store="s3://b/r", created="2026-01-01T00:00:00Z")
    tags = version_tags(card, "sha256:1", "owner", {}, None)
    assert (tags["modelbook.card"], tags["modelbook.version"], tags["modelbook.run"]) == (
        "sha256:1",
        "fraud@3",
        record.id,
    )
    assert not any("loss" in name for name in tags)  # what the training said of itself is no evaluation
    assert source_of(card, "s3://b/r") == f"s3://b/r/runs/{record.id}/artifacts"
    with pytest.raises(BadInput, match="folder of this machine"):
        source_of(card, "file:.modelbook/store")


def test_only_exact_versions_are_packages_on_record() -> None:
    lines = [
        "mlflow==3.1 # x",
        "torch>=2",
        "a[b]==1.0+cu128; python_version>'3'",
        "-r other.txt",
        "c==1,!=2",
        "d @ file:d",
    ]
    assert pinned(lines) == {"mlflow": "3.1", "a": "1.0+cu128"}
