"""Whether what the registry holds was made by those who may, and says what its place says."""

import json

import pytest

from modelbook.core.card import ModelCard
from modelbook.core.dataset import DatasetCard
from modelbook.core.documents import DocumentError, dump
from modelbook.core.signing.statements import dataset_statement, evaluation_statement, model_statement
from modelbook.core.verifying.verification import verify_dataset, verify_version
from modelbook.errors import BadInput
from tests.made import GOOD, RULES, SIGNERS, Made, record, trust_yaml
from tests.made_fields import LATER, NOW, STORE, TRAINING_JOB, card_fields, digest

FOLDER = "models/digits/versions/1"
CARD, SIGNATURE, PROVENANCE = f"{FOLDER}/card.yaml", f"{FOLDER}/model.sig", f"{FOLDER}/provenance.sigstore.json"
EVALUATION, EVALUATION_SIGNATURE = f"{FOLDER}/evaluations/default.yaml", f"{FOLDER}/evaluations/default.sigstore.json"


def one() -> Made:
    return Made().dataset().version()


def codes(made: Made, version: int = 1) -> set[str]:
    verdict = verify_version(made.registry, "digits", version)
    assert all(finding.level == "error" and finding.message for finding in verdict.findings)
    return {finding.code for finding in verdict.findings}


def test_what_was_made_by_those_who_may_verifies() -> None:
    verdict = verify_version(one().registry, "digits", 1)
    assert (verdict.findings, verdict.signed_by, list(verdict.evaluations)) == ((), "registrar", ["default"])
    assert verdict.evaluations["default"].metrics["accuracy"].value == GOOD["accuracy"]
    assert verify_dataset(one().registry, "digits", 1)[1] == ()


@pytest.mark.parametrize(
    ("path", "code"),
    [(SIGNATURE, "unsigned"), (PROVENANCE, "unsigned"), (EVALUATION_SIGNATURE, "unsigned"), (CARD, "no-such-version")],
)
def test_what_is_missing_is_a_finding(path: str, code: str) -> None:
    """Invariant 3: a check that could not be made is red, and the other checks are made all the same."""
    assert code in codes(one().drop(path))


def test_an_evaluation_that_is_not_signed_speaks_for_nothing() -> None:
    """Invariant 1."""
    assert verify_version(one().drop(EVALUATION_SIGNATURE).registry, "digits", 1).evaluations == {}


@pytest.mark.parametrize("signer", ["mallory", "grader", "promoter"])
def test_a_card_signed_by_anybody_else_is_refused(signer: str) -> None:
    """Invariant 1: also by those who may do other things."""
    verdict = verify_version(Made().dataset().version(signer=signer).registry, "digits", 1)
    assert {finding.code for finding in verdict.findings} == {"bad-signature"}
    assert [finding.path for finding in verdict.findings] == [f"registry/{SIGNATURE}", f"registry/{PROVENANCE}"]
    assert verdict.signed_by is None


@pytest.mark.parametrize("signer", ["mallory", "registrar", "promoter"])
def test_an_evaluation_signed_by_anybody_else_speaks_for_nothing(signer: str) -> None:
    """Invariants 1 and 7: the registrar, who may speak for a training, may not grade it."""
    verdict = verify_version(Made().dataset().version(metrics=None).evaluation(signer=signer).registry, "digits", 1)
    assert {finding.code for finding in verdict.findings} == {"bad-signature"}
    assert verdict.evaluations == {}


def test_a_signer_may_sign_only_the_models_of_his_rules() -> None:
    """Invariant 1."""
    rules = ({"models": "fraud-*", "statements": ["model", "provenance"], "signers": ["registrar"]}, *RULES[1:])
    made = Made(trust=trust_yaml((*rules, {"models": "*", "statements": ["dataset"], "signers": ["registrar"]})))
    made.dataset().version("digits").version("fraud-eu").version("fraud")
    assert codes(made) == {"nobody-allowed"}
    assert verify_version(made.registry, "fraud-eu", 1).findings == ()
    assert {one.code for one in verify_version(made.registry, "fraud", 1).findings} == {"nobody-allowed"}


def test_without_a_trust_file_or_a_policy_nothing_is_judged() -> None:
    """Invariant 3."""
    for path in ("trust.yaml", "policy.yaml"):
        with pytest.raises(BadInput, match="no such file"):
            verify_version(one().drop(path).registry, "digits", 1)
        with pytest.raises(DocumentError):
            verify_version(one().put(path, "x: [").registry, "digits", 1)


def test_an_expired_key_cannot_sign_a_newer_card() -> None:
    signers = {**SIGNERS, "registrar": {"expires": NOW}}
    rules = trust_yaml(signers=signers)
    assert codes(Made(trust=rules).dataset().version()) == set()
    assert codes(Made(trust=rules).dataset().version(created=LATER)) == {"expired-key"}


def test_a_card_with_the_weights_of_another_is_refused() -> None:
    """Card A with weights B: the signature speaks of other files, or of other bytes."""
    made = one().version("digits", 2)
    for name in ("model.sig", "provenance.sigstore.json"):
        swapped = made.copy().put(f"{FOLDER}/{name}", made.files[f"models/digits/versions/2/{name}"])
        assert codes(swapped) == {"other-statement"}
    swapped = one().edit(CARD, digest("weights of digits 1"), digest("weights of digits 2"))
    assert {"other-statement", "other-card"} <= codes(swapped)


def test_a_signature_over_a_card_that_lists_other_files_is_refused() -> None:
    fields = card_fields()
    fields["lineage"]["datasets"] = [one().use("digits", 1)]
    del fields["artifacts"][1]
    made = one()
    partial = record(ModelCard, fields)
    made.sign(SIGNATURE, model_statement(partial, made.files[CARD]), "registrar")
    assert codes(made) == {"other-statement"}


def test_a_good_card_under_another_name_is_refused() -> None:
    """The names inside a card are those of its path: nobody's model becomes another's by moving files."""
    made = one()
    for name, data in list(made.files.items()):
        if name.startswith(FOLDER):
            made.put(name.replace(FOLDER, "models/fraud/versions/7"), data)
    verdict = verify_version(made.registry, "fraud", 7)
    assert "other-name" in {finding.code for finding in verdict.findings}
    assert "the card is of digits@1, but its path says fraud@7" in [finding.message for finding in verdict.findings]


def test_an_evaluation_of_another_version_beside_a_version_is_refused() -> None:
    """The evaluation of version 4 does not speak for version 5."""
    made = Made().dataset().version("digits", 4, {"accuracy": 0.99}).version("digits", 5, metrics=None)
    four, five = "models/digits/versions/4/evaluations/default", "models/digits/versions/5/evaluations/default"
    for end in (".yaml", ".sigstore.json"):
        made.put(f"{five}{end}", made.files[f"{four}{end}"])
    verdict = verify_version(made.registry, "digits", 5)
    assert {finding.code for finding in verdict.findings} == {"other-name", "other-card"}
    assert verdict.evaluations == {}


def test_an_evaluation_of_another_suite_under_a_suites_name_is_refused() -> None:
    made = Made().dataset().version(metrics=None).evaluation(suite="easy")
    for end in (".yaml", ".sigstore.json"):
        made.put(f"{FOLDER}/evaluations/default{end}", made.files[f"{FOLDER}/evaluations/easy{end}"])
    verdict = verify_version(made.registry, "digits", 1)
    assert list(verdict.evaluations) == ["easy"]
    assert "other-name" in {finding.code for finding in verdict.findings}


def test_an_evaluation_of_the_same_version_with_another_card_is_refused() -> None:
    assert codes(Made().dataset().version(metrics=None).evaluation(card=digest("another"))) == {"other-card"}


def test_an_evaluation_on_a_dataset_that_is_not_here_or_not_the_one_is_refused() -> None:
    made = Made().dataset().version(metrics=None)
    use = made.use("digits", 1, "test")
    assert codes(made.copy().evaluation(dataset=use | {"version": 2})) == {"unknown-dataset"}
    assert codes(made.copy().evaluation(dataset=use | {"digest": digest("easier")})) == {"other-dataset"}


def test_the_job_that_trained_does_not_grade() -> None:
    """Invariant 7."""
    made = Made().dataset().version(metrics=None).evaluation(job=TRAINING_JOB)
    verdict = verify_version(made.registry, "digits", 1)
    assert ({finding.code for finding in verdict.findings}, verdict.evaluations) == ({"graded-by-trainer"}, {})


def test_a_card_that_names_an_unknown_or_another_dataset_is_refused() -> None:
    made = Made().dataset()
    lineage = card_fields()["lineage"]
    unknown = lineage | {"datasets": [made.use("digits", 1) | {"version": 9}]}
    other = lineage | {"datasets": [made.use("digits", 1) | {"digest": digest("x")}]}
    assert codes(made.copy().version(lineage=unknown)) == {"unknown-dataset"}
    assert codes(made.copy().version(lineage=other)) == {"other-dataset"}
    changed = one().put(
        "datasets/digits/versions/1/card.yaml", one().files["datasets/digits/versions/1/card.yaml"] + b"#"
    )
    assert "other-dataset" in codes(changed)


@pytest.mark.parametrize(
    "uri", ["s3://other/x/model.safetensors", f"{STORE}-evil/x", f"{STORE}/../x", "file:/etc/passwd", f"{STORE}/x#y"]
)
def test_a_card_or_dataset_that_points_elsewhere_is_refused(uri: str) -> None:
    """A hostile card, even one that is well signed, must not make a runner fetch from elsewhere."""
    artifacts = card_fields()["artifacts"]
    assert codes(Made().dataset().version(artifacts=[artifacts[0] | {"uri": uri}])) == {"foreign-uri"}
    manifest = {"uri": uri, "size": 1, "digest": digest("x")}
    _, findings = verify_dataset(Made().dataset(manifest=manifest).registry, "digits", 1)
    assert {finding.code for finding in findings} == {"foreign-uri"}


def test_every_finding_is_reported_not_only_the_first() -> None:
    made = Made().dataset().version(metrics=None, signer="mallory")
    made.evaluation(job=TRAINING_JOB, signer="mallory", card=digest("x")).drop(PROVENANCE)
    assert codes(made) == {"bad-signature", "unsigned", "graded-by-trainer", "other-card"}


def test_a_signature_without_the_evaluation_that_it_signs_is_refused() -> None:
    """It would never be allowed to change, so nobody could add that evaluation any more."""
    assert "no-evaluation" in codes(one().drop(EVALUATION))


def test_a_document_that_cannot_be_read_gives_its_own_findings() -> None:
    assert "unknown-key" in codes(one().put(CARD, one().files[CARD] + b"extra: 1\n"))
    assert "yaml" in codes(one().put(EVALUATION, one().files[EVALUATION] + b"a: &x 1\n"))
    verdict = verify_version(one().put(EVALUATION, b"").registry, "digits", 1)
    assert verdict.evaluations == {}
    assert verdict.findings


def small() -> Made:
    """A version whose card has nothing that it need not have."""
    made = Made().dataset()
    moments = {"started": NOW, "ended": NOW}
    return made.version(
        metrics=None,
        description=None,
        tags=[],
        artifacts=[{"path": "m", "uri": f"{STORE}/m", "size": 1, "digest": digest("m")}],
        run={"id": "r", "experiment": "e", "job": "j", "user": "u"} | moments,
        lineage={"code": {"entry_point": "t.py"}, "environment": {"python": "3", "platform": "p"}},
    )


def test_every_single_bit_of_a_card_counts() -> None:
    """Invariant 1, bit for bit: nothing in a card can be changed, not even in its white space."""
    made = small()
    original = made.files[CARD]
    for position in range(len(original)):
        for bit in range(8):
            flipped = bytearray(original)
            flipped[position] ^= 1 << bit
            made.files[CARD] = bytes(flipped)
            assert verify_version(made.registry, "digits", 1).findings, (position, bit)
    made.files[CARD] = original
    assert verify_version(made.registry, "digits", 1).findings == ()


def test_a_dataset_card_is_checked_like_a_models() -> None:
    def found(made: Made, name: str = "digits") -> set[str]:
        return {finding.code for finding in verify_dataset(made.registry, name, 1)[1]}

    path = "datasets/digits/versions/1"
    assert found(Made().dataset(signer="grader")) == {"bad-signature"}
    assert found(Made().dataset().drop(f"{path}/dataset.sig")) == {"unsigned"}
    assert found(Made().dataset().drop(f"{path}/card.yaml")) == {"no-such-version"}
    assert found(Made().dataset().edit(f"{path}/card.yaml", "size: 99", "size: 98")) == {"other-statement"}
    assert found(Made().dataset().put(f"{path}/card.yaml", "x")) == {"invalid"}
    moved = Made().dataset()
    for name in ("card.yaml", "dataset.sig"):
        moved.put(f"datasets/other/versions/1/{name}", moved.files[f"{path}/{name}"])
    assert found(moved, "other") == {"other-name"}


def test_a_statement_for_a_model_is_none_for_a_dataset_of_the_same_name() -> None:
    """`digits@1` is a model and a dataset: the files that a statement lists tell them apart."""
    made = one()
    card = record(DatasetCard, json.loads(made.registry.dataset_card("digits", 1).model_dump_json()))
    made.sign(SIGNATURE, dataset_statement(card, dump(card)), "registrar")
    assert codes(made) == {"other-statement"}
    evaluation = made.registry.evaluation(EVALUATION)
    made.sign(SIGNATURE, evaluation_statement(evaluation, made.files[EVALUATION]), "registrar")
    assert codes(made) == {"other-statement"}
