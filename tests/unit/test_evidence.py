"""Reproductions beside a version: believed only where they are signed, in their place, and of this very card."""

import pytest

from modelbook.core.stages.promotion import decide
from modelbook.core.verifying.changes import check_change
from modelbook.core.verifying.verification import verify_version
from tests.made import POLICY, Made
from tests.made_fields import LATER, NOW, TRAINING_JOB, digest

PLACE = "models/digits/versions/1/reproductions/again.yaml"
SIGNATURE = "models/digits/versions/1/reproductions/again.sigstore.json"
ASKS = POLICY.replace("  - metrics.accuracy >= 0.90\n", '  - reproduced("identical")\n', 1)


def one() -> Made:
    return Made().dataset().version()


def codes(made: Made) -> set[str]:
    return {finding.code for finding in verify_version(made.registry, "digits", 1).findings}


def test_a_signed_reproduction_verifies() -> None:
    verdict = verify_version(one().reproduction().registry, "digits", 1)
    assert verdict.findings == ()
    assert set(verdict.reproductions) == {"again"}


@pytest.mark.parametrize("signer", ["mallory", "registrar", "promoter"])
def test_a_reproduction_signed_by_anybody_else_speaks_for_nothing(signer: str) -> None:
    made = one().reproduction(signer=signer)
    assert codes(made) == {"bad-signature"}
    assert verify_version(made.registry, "digits", 1).reproductions == {}


def test_a_reproduction_that_nobody_signed_is_a_finding() -> None:
    assert codes(one().reproduction().drop(SIGNATURE)) == {"unsigned"}


def test_a_signature_without_its_reproduction_is_a_finding() -> None:
    assert codes(one().reproduction().drop(PLACE)) == {"no-reproduction"}


def test_a_reproduction_of_another_version_beside_a_version_is_refused() -> None:
    made = one().version("digits", 2).reproduction("digits", 2)
    for end in ("yaml", "sigstore.json"):
        name = f"reproductions/again.{end}"
        made.put(f"models/digits/versions/1/{name}", made.files[f"models/digits/versions/2/{name}"])
    assert codes(made) == {"other-name", "other-card"}


def test_a_reproduction_under_another_id_is_refused() -> None:
    """Its signature is over the id that stands in it."""
    assert codes(one().reproduction(id="another")) == {"other-name"}


def test_a_reproduction_of_another_card_is_refused() -> None:
    assert codes(one().reproduction(card=digest("another card"))) == {"other-card"}


def test_the_job_that_trained_does_not_vouch_for_itself() -> None:
    assert codes(one().reproduction(job=TRAINING_JOB)) == {"reproduced-by-trainer"}


def test_a_changed_number_breaks_the_signature() -> None:
    made = one().reproduction(repetitions=[{"files": {}, "error": "out of memory"}])
    made.edit(PLACE, "out of memory", "out of luck")
    assert codes(made) == {"other-statement"}


def test_a_reproduction_never_changes_and_never_goes_away() -> None:
    base = one().reproduction()
    for head in (base.copy().drop(PLACE, SIGNATURE), one().reproduction(user="bob")):
        found = check_change(base.registry, head.registry, now=LATER).findings
        assert "immutable" in {finding.code for finding in found}


def test_a_change_that_adds_one_says_so_and_checks_it() -> None:
    verdict = check_change(one().registry, one().reproduction().registry, now=LATER)
    assert verdict.passed
    assert verdict.does == ("adds the reproduction again of digits@1",)
    assert not check_change(one().registry, one().reproduction(signer="mallory").registry, now=LATER).passed


def test_a_gate_may_ask_for_a_reproduction_and_the_pointer_pins_it() -> None:
    made = Made(policy=ASKS).dataset().version()
    refused = decide(made.registry, "digits", 1, "staging", by="bob", now=NOW)
    assert [gate.verdict for gate in refused.gates] == ["failed"]
    decision = decide(made.reproduction().registry, "digits", 1, "staging", by="bob", now=NOW)
    assert decision.passed
    assert decision.pointer
    pinned = {evidence.path for evidence in decision.pointer.evidence}
    assert {"reproductions/again.yaml", "reproductions/again.sigstore.json"} < pinned


def test_a_reproduction_that_does_not_verify_opens_no_gate() -> None:
    made = Made(policy=ASKS).dataset().version().reproduction(signer="mallory")
    assert not decide(made.registry, "digits", 1, "staging", by="bob", now=NOW).passed


def test_a_promotion_judged_before_a_reproduction_came_is_stale() -> None:
    """It may be one that failed."""
    judged = one().pointer("digits", "staging", 1).registry.pointer("digits", "staging")
    assert judged
    base = one().reproduction()
    head = base.copy().pointer("digits", "staging", 1, evidence=judged.model_dump()["evidence"])
    assert "stale-evidence" in {one.code for one in check_change(base.registry, head.registry, now=LATER).findings}
