"""Which path of the registry holds what, and that nothing else has a place in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.layout import (
    Place,
    dataset_folder,
    model_folder,
    place_of,
    pointer_path,
    summary_path,
    version_folder,
)

VERSION = version_folder("fraud", 5)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("policy.yaml", Place("policy")),
        ("trust.yaml", Place("trust")),
        (f"{model_folder('fraud')}/model.yaml", Place("model", "fraud")),
        (f"{VERSION}/card.yaml", Place("card", "fraud", 5)),
        (f"{VERSION}/model.sig", Place("signature", "fraud", 5)),
        (f"{VERSION}/provenance.sigstore.json", Place("provenance", "fraud", 5)),
        (f"{VERSION}/evaluations/default.yaml", Place("evaluation", "fraud", 5, "default")),
        (f"{VERSION}/revoked.yaml", Place("revocation", "fraud", 5)),
        ("models/fraud/online/spring.yaml", Place("online", "fraud", None, "spring")),
        ("models/fraud/online/spring.sigstore.json", Place("online signature", "fraud", None, "spring")),
        (f"{VERSION}/reproductions/again.yaml", Place("reproduction", "fraud", 5, "again")),
        (f"{VERSION}/reproductions/again.sigstore.json", Place("reproduction signature", "fraud", 5, "again")),
        (f"{VERSION}/evaluations/default.sigstore.json", Place("evaluation signature", "fraud", 5, "default")),
        (pointer_path("fraud", "eu-production"), Place("stage", "fraud", None, "eu-production")),
        (
            summary_path("fraud", "production", "alice"),
            Place("verification summary", "fraud", None, "production", "alice"),
        ),
        (f"{dataset_folder('digits', 12)}/card.yaml", Place("dataset", "digits", 12)),
        (f"{dataset_folder('digits', 12)}/dataset.sig", Place("dataset signature", "digits", 12)),
    ],
)
def test_every_file_of_the_tree_has_one_place(path: str, place: Place) -> None:
    assert place_of(path) == place


@pytest.mark.parametrize(
    "path",
    [
        *("", "policy.yml", "Policy.yaml", "policy.yaml\n", "./policy.yaml", "/policy.yaml", "x/policy.yaml"),
        *(
            "README.md",
            "models",
            "models/fraud",
            "models/fraud/model.yaml/x",
            "models//model.yaml",
            "models/../model.yaml",
        ),
        *(
            "models/Fraud/model.yaml",
            "models/fr\u0430ud/model.yaml",
            "models/fraud/model.yaml.bak",
            "models/-a/model.yaml",
        ),
        *(
            "models/fraud/versions/0/card.yaml",
            "models/fraud/versions/05/card.yaml",
            "models/fraud/versions/-1/card.yaml",
        ),
        *(
            "models/fraud/versions/five/card.yaml",
            "models/fraud/versions/\u0665/card.yaml",
            "models/fraud/versions/card.yaml",
        ),
        *(f"{VERSION}/card.yml", f"{VERSION}/model.sig.bak", f"{VERSION}/weights.bin", f"{VERSION}/extra/card.yaml"),
        *(f"{VERSION}/evaluations/default.json", f"{VERSION}/evaluations/a/b.yaml", f"{VERSION}/evaluations/a.b.yaml"),
        *("models/fraud/stages/production.sigstore.json", "models/fraud/stages/a.b.c.sigstore.json"),
        *("datasets/digits/versions/1/card.yaml/x", "datasets/digits/versions/1/model.sig", "models/fraud/dataset.sig"),
    ],
    ids=ascii,
)
def test_nothing_else_has_a_place(path: str) -> None:
    assert place_of(path) is None


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@given(NAMES, NAMES, NAMES, st.integers(1, 2**31))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_a_path_that_is_built_is_read_back_as_what_it_was_built_from(a: str, b: str, c: str, version: int) -> None:
    """No two things have one path, whatever they are called."""
    assert place_of(f"{version_folder(a, version)}/card.yaml") == Place("card", a, version)
    assert place_of(f"{dataset_folder(a, version)}/card.yaml") == Place("dataset", a, version)
    assert place_of(pointer_path(a, b)) == Place("stage", a, None, b)
    assert place_of(summary_path(a, b, c)) == Place("verification summary", a, None, b, c)
