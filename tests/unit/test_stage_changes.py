"""What a change may do to a stage: every way to get a version into one that did not earn it."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from modelbook.core.signing.envelope import read_bundle
from modelbook.core.verifying.changes import ChangeVerdict, check_change
from tests.made import GOOD, POLICY, RULES, SIGNERS, Made, key, trust_yaml
from tests.made_fields import NOW, digest

STAGING, PRODUCTION = "models/digits/stages/staging.yaml", "models/digits/stages/production.yaml"
SUMMARY = "models/digits/stages/production.promoter.sigstore.json"
BETTER = {"accuracy": 0.97, "latency_ms": 10.0}
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256


def serving() -> Made:
    """digits@1 in staging and production, a better digits@2 in staging."""
    made = Made().dataset().version().version("digits", 2, BETTER)
    return made.pointer("digits", "staging", 1).pointer("digits", "production", 1).pointer("digits", "staging", 2)


def promoted() -> Made:
    return serving().pointer("digits", "production", 2)


def check(base: Made, head: Made) -> ChangeVerdict:
    return check_change(base.registry, head.registry, now=NOW)


def codes(base: Made, head: Made) -> set[str]:
    return {finding.code for finding in check(base, head).findings}


def passes(base: Made, head: Made) -> bool:
    verdict = check(base, head)
    return not verdict.findings and all(decision.passed for decision in verdict.promotions)


def test_a_better_version_is_promoted_against_the_one_that_serves() -> None:
    verdict = check(serving(), promoted())
    (decision,) = verdict.promotions
    assert (verdict.findings, decision.passed, decision.version, decision.stage) == ((), True, 2, "production")
    assert decision.baseline
    assert decision.baseline.version == 1
    assert verdict.does == ("moves production of digits",)


def test_a_worse_version_is_refused_however_well_it_is_signed() -> None:
    """Invariant 2."""
    base = serving().version("digits", 3, {"accuracy": 0.93, "latency_ms": 5.0}).pointer("digits", "staging", 3)
    verdict = check(base, base.copy().pointer("digits", "production", 3))
    (decision,) = verdict.promotions
    assert [gate.verdict for gate in decision.gates] == ["failed", "passed"]
    assert "short of 0.95 by 0.02" in decision.gates[0].reason
    assert not decision.passed


def test_a_version_without_an_evaluation_is_refused() -> None:
    """Invariant 2."""
    base = serving().version("digits", 3, metrics=None)
    assert "not-evaluated" in codes(base, base.copy().pointer("digits", "staging", 3))


def test_a_metric_that_is_missing_for_the_candidate_or_the_baseline_is_refused() -> None:
    """Invariant 2."""
    base = serving().version("digits", 3, {"accuracy": 0.99}).pointer("digits", "staging", 3)
    assert not passes(base, base.copy().pointer("digits", "production", 3))
    bare = Made().dataset().version(metrics={"latency_ms": 1.0}).version("digits", 2, BETTER)
    for version in (1, 2):
        bare.pointer("digits", "staging", version)
        bare.pointer("digits", "production", 1)
    (decision,) = check(bare, bare.copy().pointer("digits", "production", 2)).promotions
    assert "baseline: no evaluation of the baseline measured 'accuracy'" in decision.gates[0].reason


@pytest.mark.parametrize("signer", ["mallory", "registrar", "grader"])
def test_a_stage_moved_by_one_who_may_not_is_refused(signer: str) -> None:
    """Invariant 1."""
    assert codes(serving(), serving().pointer("digits", "production", 2, signer=signer)) == {"bad-signature"}


def test_a_promoter_whom_the_change_itself_brings_is_refused() -> None:
    """Invariant 1: trust.yaml extended by the attacker in the same change."""
    allows = ({"models": "digits", "stages": ["*"], "signers": ["mallory"]}, *RULES)
    attack = serving().put("trust.yaml", trust_yaml(allows, {**SIGNERS, "mallory": {}}, version=2))
    attack.pointer("digits", "production", 2, signer="mallory")
    assert codes(serving(), attack) == {"bad-signature", "rules-and-promotion"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 2", "version: 1"),
        ("serial: 2", "serial: 3"),
        ("by: alice", "by: mallory"),
        ("decided: '2026-03-02", "decided: '2026-03-01"),
    ],
)
def test_a_pointer_edited_by_hand_is_refused(old: str, new: str) -> None:
    """Invariant 1."""
    assert "other-statement" in codes(serving(), promoted().edit(PRODUCTION, old, new))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"serial": 1}, "stale-serial"),
        ({"serial": 3}, "stale-serial"),
        ({"baseline": None}, "stale-baseline"),
        ({"baseline": {"version": 2, "card": digest("x")}}, "stale-baseline"),
        ({"policy": digest("another policy")}, "stale-policy"),
        ({"gates": digest("another model.yaml")}, "stale-gates"),
        ({"evidence": [{"path": "model.sig", "digest": digest("x")}]}, "stale-evidence"),
    ],
)
def test_a_verdict_that_rests_on_anything_but_what_is_here_now_is_stale(fields: dict[str, Any], code: str) -> None:
    """Invariant 2: against the baseline, policy and evidence that are current when it merges."""
    verdict = check(serving(), serving().pointer("digits", "production", 2, **fields))
    found = [finding for finding in verdict.findings if finding.code == code]
    assert len(found) == 1
    assert "modelbook promote digits@2 --to production" in str(found[0].remedy)


def test_a_promotion_that_was_judged_before_another_one_merged_is_stale() -> None:
    """Invariant 2: production moved in the meantime."""
    ours = promoted()
    theirs = serving().version("digits", 3, {"accuracy": 0.99, "latency_ms": 1.0})
    theirs.pointer("digits", "staging", 3).pointer("digits", "production", 3).pointer("digits", "staging", 2)
    merged = theirs.copy()
    for path in (PRODUCTION, SUMMARY):
        merged.put(path, ours.files[path])
    verdict = check(theirs, merged)
    assert {"stale-baseline", "stale-serial"} <= {finding.code for finding in verdict.findings}
    assert not verdict.promotions[0].passed  # 0.97 is less than 0.99


def test_an_older_pointer_with_its_own_good_summary_cannot_be_put_back() -> None:
    """Invariant 1: no replays."""
    replay = promoted()
    for path in (PRODUCTION, SUMMARY):
        replay.put(path, serving().files[path])
    assert {"stale-serial", "stale-baseline"} <= codes(promoted(), replay)


def test_a_policy_that_changes_with_the_promotion_does_not_judge_it() -> None:
    """Invariant 1: the rules are those of the base, and the two are two pull requests."""
    base = serving().version("digits", 3, {"accuracy": 0.1, "latency_ms": 1.0})
    lax = POLICY.replace("metrics.accuracy >= 0.90", "metrics.accuracy >= 0.0")
    verdict = check(base, base.copy().put("policy.yaml", lax).pointer("digits", "staging", 3))
    assert {"rules-and-promotion", "stale-policy"} <= {finding.code for finding in verdict.findings}
    assert not verdict.promotions[0].passed
    assert codes(base, base.copy().put("policy.yaml", lax)) == set()


def test_the_stricter_gates_of_a_model_cannot_be_lifted_with_the_promotion() -> None:
    """Invariant 1."""
    strict = "model: digits\ngates:\n  production:\n  - metrics.accuracy >= 0.999\n"
    base = serving().put("models/digits/model.yaml", strict)
    lifted = base.copy().drop("models/digits/model.yaml").pointer("digits", "production", 2)
    assert {"rules-and-promotion", "stale-gates"} <= codes(base, lifted)
    assert not passes(base, base.copy().pointer("digits", "production", 2))
    assert len(check(base, lifted).promotions[0].gates) == 3


def test_a_promotion_that_skips_a_stage_is_refused() -> None:
    """Invariant 1: the order of the stages is a rule."""
    base = Made().dataset().version()
    assert "skips-a-stage" in codes(base, base.copy().pointer("digits", "production", 1))


def test_one_change_cannot_pass_through_two_stages() -> None:
    """Invariant 1: a version that enters a stage with this change has not been there."""
    base = Made().dataset().version()
    both = base.copy().pointer("digits", "staging", 1).pointer("digits", "production", 1)
    assert "skips-a-stage" in codes(base, both)


def test_a_stage_that_the_policy_does_not_have_is_refused_and_not_an_error() -> None:
    """Invariant 3."""
    base = Made().dataset().version()
    assert codes(base, base.copy().pointer("digits", "canary", 1)) == {"no-such-stage"}


def test_a_version_that_is_not_here_is_refused_and_not_an_error() -> None:
    """Invariant 3."""
    head = serving().pointer("digits", "production", 2, version=9)
    assert {"no-such-version", "not-evaluated"} <= codes(serving(), head)


def test_a_stage_cannot_be_emptied() -> None:
    assert "stage-emptied" in codes(serving(), serving().drop(PRODUCTION, SUMMARY))
    assert {"stage-emptied", "no-pointer"} <= codes(serving(), serving().drop(PRODUCTION))


def test_the_only_summary_cannot_be_removed() -> None:
    """Invariant 10."""
    assert codes(serving(), serving().drop(SUMMARY)) == {"unsigned", "immutable"}


def test_a_second_valid_summary_may_be_added_and_then_stays() -> None:
    """Invariant 10: who approved what stands there until the stage moves."""
    both = serving().approve("digits", "production", "deputy")
    assert passes(serving(), both)
    assert codes(both, serving()) == {"immutable"}
    assert passes(both, both.copy().pointer("digits", "production", 2))


def test_a_summary_by_one_who_may_not_promote_cannot_be_added() -> None:
    """Invariant 1: it would block the next promotion."""
    assert codes(serving(), serving().approve("digits", "production", "mallory")) == {"bad-signature"}
    junk = SUMMARY.replace("promoter", "deputy")
    assert codes(serving(), serving().put(junk, "junk")) == {"bad-bundle"}


def test_a_summary_comes_under_the_name_of_the_one_who_signed_it() -> None:
    """Invariant 1: one person does not look like two."""
    head = serving().approve("digits", "production", "promoter", name="deputy")
    (finding,) = check(serving(), head).findings
    assert finding.code == "other-signer"
    assert "bears the name 'deputy', but 'promoter' signed it" in finding.message


def test_the_summary_of_a_stage_that_does_not_move_stays_as_it_is() -> None:
    """Invariant 10: also by its signer, and also by the twin that anybody can compute from an ECDSA signature."""
    base = serving()
    again = key("promoter").sign(read_bundle(base.files[SUMMARY]).statement)
    assert codes(base, base.copy().put(SUMMARY, again)) == {"immutable"}
    raw = json.loads(base.files[SUMMARY])
    entry = raw["dsseEnvelope"]["signatures"][0]
    r, s = decode_dss_signature(base64.b64decode(entry["sig"]))
    entry["sig"] = base64.b64encode(encode_dss_signature(r, ORDER - s)).decode()
    assert codes(base, base.copy().put(SUMMARY, json.dumps(raw))) == {"immutable"}


def test_a_summary_of_the_last_promotion_may_not_stay_behind() -> None:
    """Invariant 1: it says nothing of the new pointer."""
    both = serving().approve("digits", "production", "deputy")
    deputy = SUMMARY.replace("promoter", "deputy")
    head = both.copy().pointer("digits", "production", 2)
    assert codes(both, head.put(deputy, both.files[deputy])) == {"other-statement"}


def test_a_candidate_that_the_change_itself_spoils_is_refused() -> None:
    """Invariant 1: the promotion of a version whose card the same change exchanges."""
    head = promoted()
    head.put("models/digits/versions/2/card.yaml", head.files["models/digits/versions/2/card.yaml"] + b"# x\n")
    assert {"immutable", "other-statement", "other-card"} <= codes(serving(), head)


def test_evidence_that_comes_with_the_promotion_counts_if_it_is_good() -> None:
    """A version may be evaluated and promoted in one change; both are checked."""
    base = Made().dataset().version(metrics=None)
    assert passes(base, base.copy().evaluation("digits", 1, GOOD).pointer("digits", "staging", 1))
    forged = base.copy().evaluation("digits", 1, GOOD, signer="mallory").pointer("digits", "staging", 1)
    assert {"bad-signature", "not-evaluated"} <= codes(base, forged)


def test_a_baseline_that_does_not_verify_blocks() -> None:
    """Invariants 1 and 3: a number that is worth nothing is nothing to be better than."""
    base = serving().edit("models/digits/versions/1/evaluations/default.yaml", "0.95", "0.15")
    assert not passes(base, base.copy().pointer("digits", "production", 2))
    assert {"other-statement", "other-evidence"} <= codes(base, base.copy().pointer("digits", "production", 2))
