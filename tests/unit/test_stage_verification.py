"""Whether a stage pointer names what is here, and was signed by those who may promote into the stage."""

from typing import Any

import pytest

from modelbook.core.digests import digest_of
from modelbook.core.verifying.verification import verify_stage
from tests.made import RULES, Made, trust_yaml
from tests.made_fields import digest

FOLDER = "models/digits/versions/1"
CARD, EVALUATION = f"{FOLDER}/card.yaml", f"{FOLDER}/evaluations/default.yaml"
EVALUATION_SIGNATURE = f"{FOLDER}/evaluations/default.sigstore.json"
POINTER, SUMMARY = "models/digits/stages/staging.yaml", "models/digits/stages/staging.promoter.sigstore.json"


def one() -> Made:
    return Made().dataset().version()


def staged() -> Made:
    return one().pointer("digits", "staging", 1)


def stage_codes(made: Made) -> set[str]:
    return {finding.code for finding in verify_stage(made.registry, "digits", "staging").findings}


def test_a_stage_that_was_moved_by_those_who_may_verifies() -> None:
    stage = verify_stage(staged().registry, "digits", "staging")
    assert (stage.findings, stage.signed_by, stage.signatures) == ((), "promoter", {SUMMARY: "promoter"})
    assert stage.pointer
    assert stage.pointer.version == 1


@pytest.mark.parametrize("signer", ["mallory", "registrar", "grader"])
def test_a_stage_moved_by_anybody_else_is_refused(signer: str) -> None:
    """Invariant 1."""
    assert stage_codes(one().pointer("digits", "staging", 1, signer=signer)) == {"bad-signature"}


def test_a_stage_that_nobody_may_promote_into_is_refused() -> None:
    """Invariant 1: default deny."""
    rules = (*RULES[:2], {"models": "*", "stages": ["production"], "signers": ["promoter"]})
    made = Made(trust=trust_yaml(rules)).dataset().version().pointer("digits", "staging", 1)
    assert stage_codes(made) == {"nobody-allowed"}


def test_a_pointer_without_a_summary_and_a_summary_without_a_pointer_are_refused() -> None:
    """Invariant 1."""
    assert stage_codes(staged().drop(SUMMARY)) == {"unsigned"}
    assert stage_codes(staged().drop(POINTER)) == {"no-pointer"}
    assert stage_codes(one()) == set()


def test_a_pointer_that_was_moved_by_hand_is_refused() -> None:
    """Invariant 1."""
    made = staged().version("digits", 2)
    made.edit(POINTER, "version: 1", "version: 2")
    assert {"other-statement", "other-card"} <= stage_codes(made)


def test_a_signed_refusal_does_not_open_a_stage() -> None:
    """Invariant 2: a summary whose verdict is FAILED is no promotion."""
    assert stage_codes(one().pointer("digits", "staging", 1, passed=False)) == {"other-statement"}


def test_a_pointer_of_another_stage_or_model_is_refused() -> None:
    assert "other-name" in stage_codes(one().pointer("digits", "staging", 1, stage="production"))
    assert "other-name" in stage_codes(one().pointer("digits", "staging", 1, model="fraud"))
    made = one().pointer("digits", "production", 1)
    for path in list(made.files):
        if "/stages/production" in path:
            made.put(path.replace("production", "staging"), made.files[path])
    assert "other-name" in stage_codes(made)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"version": 9}, "no-such-version"),
        ({"card": digest("x")}, "other-card"),
        ({"baseline": {"version": 9, "card": digest("x")}}, "no-such-version"),
        ({"baseline": {"version": 1, "card": digest("x")}}, "other-card"),
        ({"evidence": [{"path": "model.sig", "digest": digest("x")}]}, "other-evidence"),
        ({"evidence": [{"path": "evaluations/none.yaml", "digest": digest("x")}]}, "no-evidence"),
    ],
)
def test_a_pointer_that_names_what_is_not_here_is_refused(fields: dict[str, Any], code: str) -> None:
    """Invariant 10: the evidence that a pointer names is the evidence that is here."""
    assert code in stage_codes(one().pointer("digits", "staging", 1, **fields))


def test_a_version_that_was_its_own_baseline_does_not_lend_the_pointer_its_digest() -> None:
    made = one()
    right = {"version": 1, "card": digest_of(made.files[CARD])}
    assert stage_codes(made.pointer("digits", "staging", 1, card=digest("x"), baseline=right)) == {"other-card"}


def test_evidence_that_was_changed_or_removed_later_is_noticed() -> None:
    assert stage_codes(staged().put(EVALUATION, b"x")) == {"other-evidence"}
    assert stage_codes(staged().drop(EVALUATION_SIGNATURE)) == {"no-evidence"}


def test_a_second_signer_may_confirm_and_a_bad_confirmation_is_refused() -> None:
    """Invariant 1: every summary beside a pointer counts; a good one does not hide a bad one."""
    both = verify_stage(staged().approve("digits", "staging", "deputy").registry, "digits", "staging")
    assert (both.findings, sorted(both.signatures.values())) == ((), ["deputy", "promoter"])
    assert stage_codes(staged().approve("digits", "staging", "mallory")) == {"bad-signature"}
    assert stage_codes(staged().put(SUMMARY.replace("promoter", "deputy"), "junk")) == {"bad-bundle"}
