"""What each signature says, to the letter: other tools read it, and what is compared is built anew from the files."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.card import ModelCard
from modelbook.core.digests import digest_of, hex_of
from modelbook.core.signing.statements import (
    dataset_statement,
    difference,
    evaluation_statement,
    model_statement,
    provenance_statement,
    summary_statement,
)
from tests.made import Made, record
from tests.made_fields import EARLIER, GRADING_JOB, NOW, TRAINING_JOB, card_fields, digest


def made() -> Made:
    return Made().dataset().version().pointer("digits", "staging", 1)


def resource(name: str, of: str | bytes) -> dict[str, Any]:
    digits = of.removeprefix("sha256:") if isinstance(of, str) else hashlib.sha256(of).hexdigest()
    return {"name": name, "digest": {"sha256": digits}}


def test_a_model_signature_says_what_openssf_model_signing_reads() -> None:
    registry = made().registry
    card, data = registry.card("digits", 1), registry.files["models/digits/versions/1/card.yaml"]
    files = {
        "card.yaml": hashlib.sha256(data).hexdigest(),
        "config/model.json": hex_of(digest("config")),
        "model.safetensors": hex_of(digest("weights of digits 1")),
    }
    root = hashlib.sha256(b"".join(bytes.fromhex(digits) for digits in files.values())).hexdigest()
    assert model_statement(card, data) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "digits@1", "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
            "resources": [{"name": name, "algorithm": "sha256", "digest": digits} for name, digits in files.items()],
        },
    }


def test_a_dataset_signature_covers_the_card_and_the_manifest() -> None:
    registry = made().registry
    card, data = registry.dataset_card("digits", 1), registry.files["datasets/digits/versions/1/card.yaml"]
    said = dataset_statement(card, data)
    assert said["subject"][0]["name"] == "digits@1"
    assert [(one["name"], one["digest"]) for one in said["predicate"]["resources"]] == [
        ("card.yaml", hashlib.sha256(data).hexdigest()),
        ("manifest.jsonl", hex_of(digest("manifest of digits 1"))),
    ]


def test_a_provenance_says_which_code_data_parameters_and_run_made_the_artifacts() -> None:
    fields = card_fields()
    use = {"dataset": "digits", "version": 1, "role": "train", "digest": digest("digits")}
    fields["lineage"] |= {"datasets": [use], "parents": [{"model": "teacher", "version": 3, "card": digest("teacher")}]}
    card = record(ModelCard, fields)
    assert provenance_statement(card, b"card") == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            resource("card.yaml", b"card"),
            resource("config/model.json", digest("config")),
            resource("model.safetensors", digest("weights of digits 1")),
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:modelbook:training/v1",
                "externalParameters": {
                    "entryPoint": "examples/digits/train.py",
                    "params": {"lr": 0.1, "layers": [8, 8], "note": "x"},
                    "seed": 7,
                },
                "resolvedDependencies": [
                    {"digest": {"gitCommit": "c" * 40}, "uri": "git+https://github.com/acme/models"},
                    resource("digits@1", digest("digits")),
                    resource("teacher@3", digest("teacher")),
                ],
            },
            "runDetails": {
                "builder": {"id": f"urn:modelbook:job:{TRAINING_JOB}"},
                "metadata": {"invocationId": "run-digits-1", "startedOn": EARLIER, "finishedOn": NOW},
            },
        },
    }


def test_a_provenance_without_a_commit_claims_none() -> None:
    fields = card_fields()
    fields["lineage"]["code"] = {"entry_point": "train.py"}
    said = provenance_statement(record(ModelCard, fields), b"card")
    assert said["predicate"]["buildDefinition"]["resolvedDependencies"] == []


def test_an_evaluation_says_what_was_measured_on_what_and_what_could_not_be() -> None:
    registry = made().evaluation("digits", 1, {"b": 1.0, "a": 0.5, "broken": {"problem": "NaN"}}).registry
    path = "models/digits/versions/1/evaluations/default.yaml"
    evaluation, data = registry.evaluation(path), registry.files[path]
    assert evaluation.job == GRADING_JOB
    assert evaluation_statement(evaluation, data) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [resource("evaluations/default.yaml", data)],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": "WARNED",
            "configuration": [
                resource("digits@1", registry.files["models/digits/versions/1/card.yaml"]),
                resource("digits@1 (dataset)", registry.files["datasets/digits/versions/1/card.yaml"]),
            ],
            "passedTests": ["a", "b"],
            "warnedTests": ["broken"],
        },
    }


def test_a_summary_says_which_policy_was_applied_to_which_evidence_with_what_verdict() -> None:
    registry = made().registry
    path = "models/digits/stages/staging.yaml"
    pointer, data = registry.pointer("digits", "staging"), registry.files[path]
    assert pointer
    inputs = {"model.sig": digest("b"), "evaluations/default.yaml": digest("a")}
    said = summary_statement(pointer, data, inputs, passed=True)
    assert said == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [resource(path, data)],
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "predicate": {
            "verifier": {"id": "urn:modelbook:gates/v1"},
            "timeVerified": NOW,
            "resourceUri": "modelbook:models/digits/stages/staging",
            "policy": {"uri": "policy.yaml", "digest": {"sha256": hex_of(digest_of(registry.files["policy.yaml"]))}},
            "inputAttestations": [
                {"uri": "evaluations/default.yaml", "digest": {"sha256": hex_of(digest("a"))}},
                {"uri": "model.sig", "digest": {"sha256": hex_of(digest("b"))}},
            ],
            "verificationResult": "PASSED",
            "verifiedLevels": [],
        },
    }
    failed = summary_statement(pointer, data, inputs, passed=False)
    assert difference(said, failed) == "predicate.verificationResult"


@pytest.mark.parametrize(
    ("expected", "found", "place"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, "a.b[1].c"),
        ({"a": 1, "b": 2}, {"a": 1}, "b"),
        ({"a": 1}, {"a": 1, "b": 2}, "b"),
        ({"a": [1]}, {"a": [1, 2]}, "a"),
        ({"a": [1, 2]}, {"a": [2, 1]}, "a[0]"),
        ({"a": 1}, {"a": 1.0}, "a"),
        ({"a": 1}, {"a": True}, "a"),
        ({"a": 0}, {"a": False}, "a"),
        ({"a": None}, {}, "a"),
        ({"a": ""}, {"a": None}, "a"),
        ({"a": []}, {"a": {}}, "a"),
        # what could be lost because its name is empty
        ({"a": 1}, {"a": 1, "": 2}, '""'),
        ({"": 1}, {"": 2}, '""'),
        ({"a": {"": 1}}, {"a": {"": 2}}, "a."),
        ({}, [], "the statement"),
        ("x", "y", "the statement"),
        ([1], [2], "[0]"),
        ([1], [1, 2], "the statement"),
    ],
)
def test_a_difference_is_found_wherever_it_is_and_has_a_name(expected: Any, found: Any, place: str | None) -> None:
    assert difference(expected, found) == place
    assert (difference(found, expected) is None) == (place is None)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, 1.0, -0.5])
    | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["", "a", "b"]), inner, max_size=2),
    max_leaves=6,
)


@given(ANYTHING, ANYTHING)
@settings(max_examples=250, derandomize=True, deadline=None)
def test_there_is_no_difference_only_where_the_json_is_the_same(expected: Any, found: Any) -> None:
    same = json.dumps(expected, sort_keys=True) == json.dumps(found, sort_keys=True)
    assert (difference(expected, found) is None) == same
    assert difference(expected, found) != ""
