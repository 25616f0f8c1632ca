"""A revoked version: no gate lets it pass, whoever names a stage is refused, and it is never taken back."""

import pytest

from modelbook.core.documents import dump
from modelbook.core.revocation import Revocation, in_use, revocation_path
from modelbook.core.stages.promotion import decide
from modelbook.core.verifying.changes import check_change
from modelbook.core.verifying.verification import verify_version
from tests.made import Made, record
from tests.made_fields import LATER, NOW, digest

PATH = revocation_path("digits", 1)
BETTER = {"accuracy": 0.99, "latency_ms": 9.0}


def revoked(made: Made, **fields: object) -> Made:
    usual = {
        "model": "digits",
        "version": 1,
        "card": made.registry.digest(made.registry.card_path("digits", 1)),
        "by": "alice",
        "revoked": NOW,
        "reason": "trained on leaked labels",
    }
    return made.put(PATH, dump(record(Revocation, usual | fields)))


def one() -> Made:
    return Made().dataset().version()


def test_a_revoked_version_enters_no_stage() -> None:
    decision = decide(revoked(one()).registry, "digits", 1, "staging", by="bob", now=LATER)
    assert not decision.passed
    assert all(gate.passed for gate in decision.gates), "no gate has to know of it"
    assert [finding.code for finding in decision.findings] == ["revoked"]
    assert "trained on leaked labels" in decision.findings[0].message


def test_what_serves_and_was_revoked_can_be_replaced() -> None:
    made = revoked(one().pointer("digits", "staging", 1)).version("digits", 2, BETTER)
    assert decide(made.registry, "digits", 2, "staging", by="bob", now=LATER).passed
    (finding,) = in_use(made.registry, "digits", 1)
    assert finding.remedy == "Promote another version to staging now."
    assert in_use(made.registry, "digits", 2) == []


def test_a_revoked_version_still_verifies_for_who_looks_into_it() -> None:
    assert verify_version(revoked(one()).registry, "digits", 1).findings == ()


@pytest.mark.parametrize("data", [b"", b"reason: because\n", b"\xff"])
def test_a_revocation_that_cannot_be_read_revokes_all_the_same(data: bytes) -> None:
    made = one().put(PATH, data)
    assert verify_version(made.registry, "digits", 1).findings
    assert [finding.code for finding in in_use(made.registry, "digits", 1)] == ["revoked"]
    assert not decide(made.registry, "digits", 1, "staging", by="bob", now=LATER).passed


@pytest.mark.parametrize(
    ("fields", "code"), [({"version": 2}, "other-name"), ({"card": digest("another")}, "other-card")]
)
def test_a_revocation_of_something_else_is_a_finding(fields: dict[str, object], code: str) -> None:
    assert [one.code for one in verify_version(revoked(one(), **fields).registry, "digits", 1).findings] == [code]


def test_a_revocation_never_goes_away_and_never_changes() -> None:
    base = revoked(one())
    for head in (base.copy().drop(PATH), revoked(one(), reason="no, it is fine")):
        assert {one.code for one in check_change(base.registry, head.registry, now=LATER).findings} == {"immutable"}


def test_a_change_that_revokes_says_so_and_passes() -> None:
    verdict = check_change(one().registry, revoked(one()).registry, now=LATER)
    assert (verdict.passed, verdict.does) == (True, ("revokes digits@1",))


def test_a_promotion_of_what_was_revoked_meanwhile_is_refused() -> None:
    base = revoked(one())
    head = base.copy().pointer("digits", "staging", 1)
    assert "revoked" in {one.code for one in check_change(base.registry, head.registry, now=LATER).findings}
