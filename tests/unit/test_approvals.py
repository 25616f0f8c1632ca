"""How many people signed a promotion: people count, not keys."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.layout import approval_path
from modelbook.core.signing.approvals import signing
from modelbook.core.signing.statements import stage_namespace
from modelbook.core.trust import Rule, Signer, Trust
from modelbook.core.verifying.changes import check_change
from modelbook.core.verifying.verification import verify_stage
from tests.made import RULES, Made, key
from tests.made_fields import NOW
from tests.parts.ssh_by_hand import Handmade, armor, made

PEOPLE = {"alice": made("ed25519"), "alice-token": made("sk-ed25519"), "bob": made("ecdsa", "bob")}
POINTER = "models/digits/stages/staging.yaml"


def registry(threshold: int = 2, **more: Any) -> Made:
    """A registry whose stage `staging` takes so many of promoter, alice (two keys) and bob."""
    signers: list[dict[str, Any]] = [
        {"name": name, "key": key(name).public_pem} for name in ("registrar", "grader", "promoter")
    ]
    for name, one in PEOPLE.items():
        signers.append({"name": name, "ssh": one.line} | ({"person": "alice"} if name == "alice-token" else {}))
    rule = {"models": "*", "stages": ["*"], "signers": ["promoter", *PEOPLE], "threshold": threshold}
    trust = {"version": 1, "signers": signers, "rules": [*RULES[:2], rule | more]}
    return Made(trust=json.dumps(trust).encode()).dataset().version("digits", 1).version("digits", 2)


def staged(threshold: int = 2) -> Made:
    return registry(threshold).pointer("digits", "staging", 1)


def signed(
    found: Made, name: str, *, stage: str = "staging", by: Handmade | None = None, data: bytes | None = None
) -> Made:
    """With an approval under `name`: of the pointer that stands there, unless it is told otherwise."""
    message = found.files[POINTER] if data is None else data
    file = armor((by or PEOPLE[name]).blob(message, stage_namespace(stage)))
    return found.put(approval_path("digits", "staging", name), file)


def codes(found: Made) -> list[str]:
    return [finding.code for finding in verify_stage(found.registry, "digits", "staging").findings]


def test_a_promotion_takes_as_many_people_as_its_rule_says() -> None:
    found = staged()
    (finding,) = verify_stage(found.registry, "digits", "staging").findings
    assert finding.code == "too-few-signers"
    assert "1 of 2 people have signed (promoter); it waits for 1 of alice, bob" in finding.message
    assert finding.remedy == "Who is awaited signs it: `modelbook approve digits --to staging`."
    verdict = verify_stage(signed(found, "alice").registry, "digits", "staging")
    assert (verdict.findings, verdict.signed_by) == ((), "alice, promoter")


def test_one_person_with_two_keys_is_one() -> None:
    found = signed(signed(staged(3), "alice"), "alice-token")
    assert codes(found) == ["too-few-signers"]
    assert codes(signed(found, "bob")) == []


def test_people_alone_suffice_without_whoever_proposed_it() -> None:
    found = signed(signed(staged(), "alice"), "bob")
    assert codes(found.drop("models/digits/stages/staging.promoter.sigstore.json")) == []


def test_an_approval_of_another_pointer_stage_or_key_counts_for_nothing() -> None:
    """Invariant 1: it cannot be carried to another promotion."""
    other = registry().pointer("digits", "staging", 2).files[POINTER]
    assert codes(signed(staged(), "alice", data=other)) == ["bad-signature", "too-few-signers"]
    assert codes(signed(staged(), "alice", stage="production")) == ["other-namespace", "too-few-signers"]
    assert codes(signed(staged(), "alice", by=made("ed25519", "mallory"))) == ["bad-signature", "too-few-signers"]


def test_a_change_without_enough_people_is_refused_and_with_them_it_passes() -> None:
    base = registry()
    few = base.copy().pointer("digits", "staging", 1)
    verdict = check_change(base.registry, few.registry, now=NOW)
    assert ([one.code for one in verdict.findings], verdict.passed) == (["too-few-signers"], False)
    assert check_change(base.registry, signed(few, "bob").registry, now=NOW).passed


def test_an_approval_under_the_name_of_another_is_refused_in_a_change() -> None:
    base = registry()
    found = signed(base.copy().pointer("digits", "staging", 1), "bob", by=PEOPLE["alice"])
    verdict = check_change(base.registry, found.registry, now=NOW)
    assert "other-signer" in [one.code for one in verdict.findings]


def test_a_signature_that_goes_away_again_is_noticed() -> None:
    base = signed(signed(staged(), "alice"), "bob")
    head = base.copy().drop(approval_path("digits", "staging", "alice"))
    assert [one.code for one in check_change(base.registry, head.registry, now=NOW).findings] == ["immutable"]


@pytest.mark.parametrize("more", [{"signers": ["promoter", "bob"]}, {"stages": ["production"]}])
def test_who_is_in_no_rule_for_it_approves_nothing(more: dict[str, Any]) -> None:
    found = registry(**{"threshold": 2} | more).pointer("digits", "staging", 1)
    assert {"bad-signature", "nobody-allowed"} & set(codes(signed(found, "alice")))


@given(st.data())
def test_the_count_is_that_of_distinct_people(data: st.DataObject) -> None:
    names = [f"s{number}" for number in range(6)]
    owners = data.draw(st.lists(st.sampled_from(["ann", "ben", "cat", None]), min_size=6, max_size=6))
    signers = [
        Signer(name=name, person=owner, ssh=f"ssh-ed25519 AAAA{number}")
        for number, (name, owner) in enumerate(zip(names, owners, strict=True))
    ]
    people = {signer.who for signer in signers}
    needed = data.draw(st.integers(1, len(people)))
    rule = Rule(models="*", stages=("*",), signers=tuple(names), threshold=needed)
    trust = Trust(version=1, signers=tuple(signers), rules=(rule,))
    chosen = data.draw(st.lists(st.sampled_from(names)))
    standing = signing(trust, "fraud", "production", chosen)
    who = {signer.who for signer in signers if signer.name in chosen}
    assert set(standing.signed) == who
    assert set(standing.others) == people - who
    assert standing.lacking == max(0, needed - len(who))
