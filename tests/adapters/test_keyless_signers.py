"""Who signed keyless, for which run and when: what a certificate says must be trust.yaml's and the card's."""

import json
from typing import Any

import pytest

from modelbook.core.verifying.changes import check_change
from modelbook.core.verifying.verification import verify_version
from tests.adapters.keyless_registry import (
    FOLDER,
    GRADING,
    HOST,
    PROVENANCE,
    SIGNATURE,
    TRAINED,
    codes,
    evaluated,
    found,
    measured_beside,
    refused,
    registry,
    reproduced,
    tried,
    trust,
)
from tests.made import Made
from tests.made_fields import EARLIER, LATER, NOW
from tests.parts.sigstore.signing import WORKFLOW


def test_a_workflow_that_trust_yaml_names_signs_what_its_own_run_trained() -> None:
    verdict = verify_version(registry().registry, "digits", 1)
    assert (verdict.signed_by, verdict.findings) == ("registrar", ())


def test_the_second_attempt_of_a_run_is_the_same_run() -> None:
    assert found(registry({"run_attempt": "2"})) == ()


@pytest.mark.parametrize(
    ("claims", "differs"),
    [
        ({"repository": "mallory/models", "repository_id": "666"}, "the repository's id is 666, not 4711"),
        ({"repository_id": "666"}, "the repository's id is 666, not 4711"),
        ({"job_workflow_ref": WORKFLOW.replace("register", "train")}, "the workflow is https://github.com/acme/models/.gi"),
        ({"job_workflow_ref": WORKFLOW.replace("heads/main", "heads/topic")}, "the workflow is https://github.com/acme"),
        ({"ref": "refs/heads/topic"}, "the branch is refs/heads/topic, not refs/heads/main"),
        ({"ref": "refs/tags/main"}, "the branch is refs/tags/main, not refs/heads/main"),
        ({"iss": "https://gitlab.example.org"}, "the issuer is https://gitlab.example.org, not https://token.actions"),
    ],
    ids=["other repository", "same name, other id", "other workflow", "other ref of the workflow", "other branch",
         "a tag named as the branch", "other issuer"],
)  # fmt: skip
def test_a_certificate_that_differs_in_one_thing_is_refused_and_the_thing_is_named(
    claims: dict[str, Any], differs: str
) -> None:
    text = refused(registry(claims))
    assert text.startswith("other-workflow: the card of digits@1 was signed by the workflow https://github.com/")
    assert "is not 'registrar' of trust.yaml" in text
    assert differs in text


def test_a_certificate_of_another_workflow_run_is_refused() -> None:
    text = refused(registry({"run_id": "1003"}))
    assert text.startswith("other-run: the card of digits@1: it was signed in https://github.com/acme/models/actions/")
    assert f"says that it was made by {TRAINED}" in text
    assert refused(registry(job_="github:acme/models:1001:train")).startswith("other-run")  # not a job that there is


def test_a_certificate_of_another_commit_is_refused() -> None:
    assert refused(registry({"sha": "d" * 40})).startswith("other-commit: the card of digits@1: it was signed in a run")
    ssh = {"repository": "git@github.com:Acme/Models.git", "commit": "d" * 40}
    assert refused(registry(code=ssh)).startswith("other-commit")
    assert refused(registry(code={"repository": None, "commit": "d" * 40})).startswith("other-commit")


def test_code_that_the_remote_lacks_comes_from_the_commit_that_it_has() -> None:
    assert found(registry(code={"commit": "d" * 40, "base": "c" * 40, "dirty": True})) == ()


def test_a_training_elsewhere_is_registered_by_a_workflow_of_the_default_branch() -> None:
    """The certificate proves who registered it; of the training there is only the card's word."""
    assert found(registry({"run_id": "7", "sha": "e" * 40}, job_="local:laptop/1/2")) == ()
    assert found(registry({"run_id": "7", "sha": "e" * 40}, job_="github:acme/research/1001/train")) == ()


def test_the_run_that_measured_signs_the_evaluation_from_whatever_commit_it_is() -> None:
    assert found(evaluated({})) == ()
    assert found(evaluated({"sha": "d" * 40})) == ()


def test_a_certificate_of_the_run_that_trained_grades_nothing() -> None:
    assert codes(evaluated({"run_id": "1001"}, "github:acme/models/1001/evaluate")) == {"signed-by-trainer"}
    assert codes(evaluated({"run_id": "1001"}, "local:laptop/1/2")) == {"signed-by-trainer"}
    assert codes(evaluated({"run_id": "1001"})) == {"signed-by-trainer", "other-run"}


def test_the_run_that_signed_the_model_grades_nothing_whatever_the_card_says() -> None:
    """The training wrote into the card where it ran; the certificate of the model's signature says so as well."""
    for job_ in ("github:acme/models/1001/evaluate", "local:laptop/3/4"):
        made = evaluated({"run_id": "1001"}, job_, trained="local:laptop/1/2")
        assert codes(made) == {"signed-by-trainer"}
        assert verify_version(made.registry, "digits", 1).evaluations == {}
    assert codes(evaluated({}, trained="local:laptop/1/2")) == set()


def test_the_run_that_signed_the_model_vouches_for_no_reproduction() -> None:
    vouches = "github:acme/models/1001/reproduce"
    assert codes(reproduced({"run_id": "1001"}, vouches, trained="local:laptop/1/2")) == {"signed-by-trainer"}
    assert codes(reproduced({"run_id": "1001"}, vouches)) == {"signed-by-trainer"}
    assert codes(reproduced({}, trained="local:laptop/1/2")) == set()


def test_the_run_that_trained_or_signed_what_it_is_measured_beside_measures_neither() -> None:
    """By its own job, or by that of another: the certificate says in which run both were."""
    local, measured = "local:laptop/1/2", "github:acme/models/1002/train"
    assert codes(measured_beside({}, {"run_id": "1005"}, trained=local)) == set()
    assert codes(measured_beside({}, {"run_id": "1002"}, trained=local)) == {"signed-by-trainer"}
    made = measured_beside({}, {"run_id": "1005"}, trained=measured)
    assert codes(made) == {"signed-by-trainer"}
    assert verify_version(made.registry, "digits", 1).evaluations == {}


def test_the_run_that_signed_a_model_says_nothing_of_its_users() -> None:
    says = "github:acme/models/1001/online"
    assert tried({"run_id": "1001"}, says, trained="local:laptop/1/2") == {"signed-by-trainer"}
    assert tried({}, "github:acme/models/1002/online", trained="local:laptop/1/2") == set()
    assert tried({}, "github:acme/models/1003/online", trained="local:laptop/1/2") == {"other-run"}


def test_a_run_that_signed_the_provenance_alone_grades_nothing() -> None:
    made = evaluated({"run_id": "1001"}, "local:laptop/3/4", trained="local:laptop/1/2")
    other = registry({"run_id": "1005"}, job_="local:laptop/1/2")
    assert codes(made.put(SIGNATURE, other.files[SIGNATURE])) == {"signed-by-trainer"}


def test_a_measurement_signed_in_another_run_than_it_was_made_in_is_refused() -> None:
    assert codes(evaluated({"run_id": "1005"})) == {"other-run"}


def test_a_workflow_that_may_register_may_not_grade() -> None:
    assert codes(evaluated({"job_workflow_ref": WORKFLOW})) == {"other-workflow"}


def test_the_time_that_counts_is_the_logs_and_not_the_cards() -> None:
    expired = trust(expires=EARLIER)
    assert refused(registry(trusted=expired)).startswith(f"expired-key: 'registrar' expired on {EARLIER}")
    assert found(registry(at="2026-02-01T00:00:00Z", trusted=expired)) == ()  # the card says NOW, which proves nothing
    # What a change brings was signed when the log saw it, not when the change is judged.
    made = registry(trusted=trust(expires=NOW))
    before = made.copy().drop(SIGNATURE, PROVENANCE, f"{FOLDER}/card.yaml")
    assert check_change(before.registry, made.registry, now=LATER).findings == ()


@pytest.mark.parametrize("identity", [HOST + WORKFLOW, HOST + "acme/models", "4711", "registrar"])
def test_a_workflow_is_revoked_by_its_identity_its_repository_or_its_name(identity: str) -> None:
    def revoked(**more: str) -> Made:
        return registry(trusted=trust(top={"revocations": [{"identity": identity, "reason": "taken over", **more}]}))

    assert refused(revoked()).startswith("revoked-signature: trust.yaml revokes what 'registrar' signs: taken over")
    assert refused(revoked(since=NOW)).startswith("revoked-signature")
    assert found(revoked(since=LATER)) == ()


def test_a_revocation_of_somebody_else_takes_nothing() -> None:
    for identity in (HOST + "acme/model", HOST + GRADING, "471", "https://github.com"):
        gone = {"identity": identity, "reason": "taken over"}
        assert found(registry(trusted=trust(top={"revocations": [gone]}))) == ()


def test_a_keyless_signature_where_only_keys_may_sign_is_refused_and_the_reverse() -> None:
    only_keys = json.loads(trust())
    only_keys["rules"][1]["signers"] = ["curator"]
    text = refused(registry(trusted=json.dumps(only_keys).encode()))
    assert "bad-signature: the card of digits@1 has a keyless signature, and trust.yaml allows only keys" in text
    made = registry()
    made.version("digits", 1, None, signer="registrar")  # by the curator's key
    assert refused(made).startswith(
        "bad-signature: the card of digits@1 is not signed by anybody whom trust.yaml allows"
    )
