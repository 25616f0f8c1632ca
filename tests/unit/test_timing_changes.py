"""A change that moves a stage is judged by the clock too: by that of whoever judges, on the history it starts from."""

from typing import Any

import pytest

from modelbook.core.layout import place_of
from modelbook.core.pages.report import change_report
from modelbook.core.stages.tenure import Tenure, Tenures
from modelbook.core.verifying.changes import ChangeVerdict, check_change
from modelbook.core.verifying.rules import check_rules
from tests.made import POLICY, RULES, SIGNERS, Made, trust_yaml
from tests.made_fields import NOW

STAGING = "models/digits/stages/staging.yaml"
SOAK = POLICY.replace("- name: production\n", "- name: production\n  soak: 24h\n")
FROZEN = (
    POLICY
    + """\
freeze:
- {name: spring, begins: 2026-03-01T00:00, ends: 2026-03-05T00:00, override: [alice, registrar]}
"""
)
WHY: dict[str, Any] = {"reason": "the audit asked for it", "overrides": ["spring"]}


def staged(policy: str = FROZEN) -> Made:
    people = {"promoter": {"person": "alice"}, "deputy": {"person": "bob"}}
    trust = trust_yaml(RULES, {**SIGNERS, **people})
    return Made(policy=policy, trust=trust).dataset().version().pointer("digits", "staging", 1)


def check(base: Made, head: Made, tenures: Tenures | None = None) -> ChangeVerdict:
    return check_change(base.registry, head.registry, now=NOW, tenures=tenures or Tenures())


def codes(verdict: ChangeVerdict) -> set[str]:
    return {finding.code for finding in verdict.findings}


@pytest.mark.parametrize(
    ("since", "passes"), [("2026-03-01T12:00:00Z", True), ("2026-03-01T12:00:01Z", False), (None, False)]
)
def test_a_soak_counts_to_the_moment_of_the_judgement(since: str | None, passes: bool) -> None:
    """Whatever time the pointers claim."""
    base = staged(SOAK)
    held = base.registry.pointer("digits", "staging")
    assert held
    tenures = Tenures({STAGING: (Tenure(held.holder(), since),)})
    head = base.copy().pointer("digits", "production", 1, decided="2027-01-01T00:00:00Z")
    assert check(base, head, tenures).passed is passes
    assert not check(base, head).passed  # nobody asked git


def test_a_promotion_in_a_frozen_stage_is_refused_however_well_it_is_signed() -> None:
    base = staged()
    verdict = check(base, base.copy().pointer("digits", "production", 1))
    assert (verdict.passed, codes(verdict)) == (False, {"frozen"})


def test_an_override_counts_by_the_signature_of_a_person_whom_the_policy_names() -> None:
    base = staged()
    by_alice = check(base, base.copy().pointer("digits", "production", 1, signer="promoter", **WHY))
    assert (by_alice.passed, by_alice.findings) == (True, ())
    facts = change_report(by_alice, base="b", head="h").facts
    assert facts["production: frozen by spring"] == "until 2026-03-05T00:00:00Z, overridden by alice"
    by_bob = check(base, base.copy().pointer("digits", "production", 1, signer="deputy", **WHY))
    assert (by_bob.passed, codes(by_bob)) == (False, {"override-not-signed"})
    # `by` is only what somebody wrote; a second signature, of the right person, is what it takes
    written = check(base, base.copy().pointer("digits", "production", 1, signer="deputy", by="alice", **WHY))
    assert not written.passed
    both = base.copy().pointer("digits", "production", 1, signer="deputy", **WHY)
    assert check(base, both.approve("digits", "production", "promoter")).passed


def test_an_override_of_another_window_or_added_after_it_was_signed_is_none() -> None:
    base = staged()
    other = WHY | {"overrides": ["autumn"]}
    assert codes(check(base, base.copy().pointer("digits", "production", 1, **other))) == {"frozen", "no-such-freeze"}
    later = base.copy().pointer("digits", "production", 1, reason="x")
    path = "models/digits/stages/production.yaml"
    assert not check(base, later.edit(path, "reason: x\n", "reason: x\noverrides: [spring]\n")).passed


def test_an_override_says_why_or_the_pointer_cannot_be_read() -> None:
    base = staged()
    head = base.copy().pointer("digits", "production", 1, **WHY)
    path = "models/digits/stages/production.yaml"
    head.edit(path, "reason: the audit asked for it\n", "")
    assert any("`overrides` needs a `reason`" in one.message for one in check(base, head).findings)


def test_production_that_moved_since_makes_a_verdict_stale() -> None:
    """The proposal was judged against an empty stage; another version came into production before it was merged."""
    better = {"accuracy": 0.97, "latency_ms": 10.0}
    start = staged(POLICY).version("digits", 2, better)
    proposed = start.copy().pointer("digits", "production", 1)
    assert check(start, proposed).passed
    moved = start.copy().pointer("digits", "production", 1).pointer("digits", "staging", 2)
    moved.pointer("digits", "production", 2)
    late = moved.copy()
    late.files |= {path: data for path, data in proposed.files.items() if "/production." in path}
    verdict = check(moved, late)
    assert not verdict.passed
    assert {"stale-baseline", "stale-serial"} <= codes(verdict)


def test_whoever_may_override_has_to_be_somebody_in_trust_yaml() -> None:
    made = staged(FROZEN.replace("registrar", "carol"))
    place = place_of("policy.yaml")
    assert place
    (finding,) = check_rules(made.registry, "policy.yaml", place)
    assert (finding.code, finding.path, finding.line) == ("no-such-person", "registry/policy.yaml", 15)
    assert "nobody in trust.yaml is called 'carol'" in finding.message
    assert check_rules(staged().registry, "policy.yaml", place) == []
