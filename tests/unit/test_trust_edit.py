"""The next trust.yaml: an edit gives what was asked, and takes nothing from anybody."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.documents import load
from modelbook.core.registry import Registry
from modelbook.core.trust import Signer, Trust, allowed, rule_for
from modelbook.core.verifying.trust_edit import Draft, Grant
from modelbook.core.verifying.trust_expiry import check_expiry, expires_soon, has_expired, later
from modelbook.core.verifying.trust_words import changes_in_words, fingerprint, root_sentence, rule_sentence
from modelbook.errors import BadInput
from tests.made import key, trust_yaml
from tests.made_fields import EARLIER, LATER, NOW
from tests.parts.ssh_keys import fingerprint_of, ssh_key

STATEMENTS = ("model", "evaluation")
STAGES = ("staging", "production")
MONTH = timedelta(days=29)


def edited(data: bytes, *edits: tuple[str, Sequence[Any], Mapping[str, Any]]) -> Trust:
    """What comes of these calls of a draft."""
    draft = Draft(load(Trust, data, "trust.yaml"), json.loads(data))
    for name, args, more in edits:
        getattr(draft, name)(*args, **more)
    return load(Trust, json.dumps(draft.data).encode(), "trust.yaml")


def given_to_bob(data: bytes, grant: Grant) -> Trust:
    return edited(data, ("grant", ("bob", grant), {}))


def may(trust: Trust, who: str, model: str) -> set[str]:
    """All that somebody may do with a model, and with how many others."""
    found = {one for one in STATEMENTS if who in {each.name for each in allowed(trust, model, statement=one)}}
    for stage in (*STAGES, "canary"):
        if who in {each.name for each in allowed(trust, model, stage=stage)}:
            rule = rule_for(trust, model, stage=stage)
            found.add(f"{stage} of {rule.threshold if rule else 0}")
    return found


def rules_of(trust: Trust) -> list[str]:
    return [rule_sentence(rule) for rule in trust.rules]


def test_who_is_added_to_a_general_rule_for_some_models_stands_beside_its_signers() -> None:
    general = {"models": "*", "statements": ["model"], "stages": ["*"], "signers": ["alice"]}
    trust = given_to_bob(
        trust_yaml((general,), {"alice": {}, "bob": {}}), Grant("fraud-*", ("model",), ("production",))
    )
    assert rules_of(trust) == [
        "alice or bob may sign models, and promote into production, for fraud-*",
        "alice may sign models, and promote into any stage, for everything",
    ]


def test_who_gets_all_of_a_rule_joins_it_and_who_gets_something_new_has_a_rule_of_his_own() -> None:
    data = trust_yaml(({"models": "*", "stages": ["staging"], "signers": ["alice"]},), {"alice": {}, "bob": {}})
    assert rules_of(given_to_bob(data, Grant("*", (), ("staging",)))) == [
        "alice or bob may promote into staging, for everything"
    ]
    assert rules_of(given_to_bob(data, Grant("spam", ("model",), ()))) == [
        "alice may promote into staging, for everything",
        "bob may sign models, for spam",
    ]


_RULE = st.fixed_dictionaries(
    {
        "models": st.sampled_from(["*", "fraud-*", "fraud-eu", "spam"]),
        "statements": st.lists(st.sampled_from(STATEMENTS), max_size=2, unique=True),
        "stages": st.lists(st.sampled_from([*STAGES, "*"]), max_size=2, unique=True),
        "signers": st.sampled_from([["alice"], ["alice", "carol"]]),
    }
).filter(lambda rule: bool(rule["statements"] or rule["stages"]))


@given(
    st.lists(_RULE, max_size=4),
    st.sampled_from(["*", "fraud-*", "fraud-eu", "spam"]),
    st.sets(st.sampled_from(STATEMENTS)),
    st.sets(st.sampled_from([*STAGES, "*"])),
)
def test_a_grant_gives_what_it_says_and_changes_nothing_for_anybody_else(
    rules: list[dict[str, Any]], models: str, statements: set[str], stages: set[str]
) -> None:
    """Bob may never do more than was asked; Alice and Carol may do just what they might before."""
    if not statements and not stages:
        return
    data = trust_yaml(tuple(rules), {"alice": {}, "bob": {}, "carol": {}})
    before, after = load(Trust, data, "x"), given_to_bob(data, Grant(models, tuple(statements), tuple(stages)))
    asked = {*statements, *(f"{one} of 1" for one in (*STAGES, "canary") if stages & {one, "*"})}
    fits = {"*": {"fraud-eu", "fraud-us", "spam"}, "fraud-*": {"fraud-eu", "fraud-us"}}.get(models, {models})
    for model in ("fraud-eu", "fraud-us", "spam"):
        for other in ("alice", "carol"):
            assert may(after, other, model) >= may(before, other, model)
            extra = may(after, other, model) - may(before, other, model)
            assert not extra, f"{other} got {extra}"
        assert may(after, "bob", model) <= (asked if model in fits else set())
    if models == "spam" and len({rule["models"] for rule in rules}) <= 1:
        assert may(after, "bob", "spam") == asked


def test_a_rotation_takes_the_old_keys_place_everywhere_and_ends_it() -> None:
    rules = ({"models": "*", "stages": ["*"], "signers": ["alice", "bob"], "threshold": 2},)
    data = trust_yaml(
        rules, {"alice": {"expires": LATER}, "bob": {}}, root={"signers": ["alice", "bob"], "threshold": 2}
    )
    new = {"key": key("new").public_pem}
    trust = edited(data, ("rotate", ("alice", new), {"until": "2030-01-01T00:00:00Z"}))
    assert trust.signer("alice").expires == LATER  # never longer than it had
    assert (trust.signer("alice-2").person, trust.signer("alice-2").expires) == ("alice", None)
    assert set(trust.rules[0].signers) == {"alice", "bob", "alice-2"} == set(trust.root.signers if trust.root else ())
    again = Draft(trust, trust.model_dump(mode="json", exclude_none=True))
    assert again.rotate("alice-2", {"key": key("newer").public_pem}, until=NOW) == "alice-3"


def test_what_is_taken_or_unknown_is_refused() -> None:
    data = trust_yaml((), {"alice": {}, "bob": {}})
    edits: tuple[tuple[str, Sequence[Any], Mapping[str, Any]], ...] = (
        ("add_signer", ("bob", {}), {}),
        ("add_signer", ("Bob", {}), {}),
        ("root", (["carol"], 1), {}),
        ("into_root", ("bob",), {}),
        ("rotate", ("carol", {}), {"until": NOW}),
    )
    for edit in edits:
        with pytest.raises(BadInput):
            edited(data, edit)


def test_every_change_is_told_in_words() -> None:
    rules = ({"models": "*", "stages": ["staging"], "signers": ["alice"]},)
    before = load(Trust, trust_yaml(rules, {"alice": {}}), "x")
    withdrawn = [{"identity": "carol", "since": NOW, "reason": "left"}]
    fields = {"alice": {"expires": NOW}, "bob": {"person": "robert"}}
    after = load(Trust, trust_yaml((), fields, 2, root={"signers": ["alice", "bob"]}, revocations=withdrawn), "x")
    told = changes_in_words(before, after)
    assert told == [
        f"the signer bob comes: robert's key {fingerprint(after.signer('bob'))}",
        f"the signer alice becomes: key {fingerprint(after.signer('alice'))}, until {NOW}",
        "the rule goes: alice may promote into staging, for everything",
        "who may change trust.yaml: one signature of alice or bob makes the next version of trust.yaml",
        f"revoked: carol since {NOW}: left",
    ]
    assert len(changes_in_words(after, before)) == len(told)
    assert changes_in_words(after, after) == []
    assert "whoever may merge" in root_sentence(before)


def test_a_fingerprint_is_what_ssh_keygen_shows() -> None:
    for kind in ("ed25519", "ecdsa", "rsa"):
        held = ssh_key("anna", kind)
        assert fingerprint(Signer(name="anna", ssh=held.line)) == fingerprint_of(held)


def test_what_ends_is_told_in_time_and_only_where_it_matters() -> None:
    soon, far = later(NOW, MONTH), later(NOW, 2 * MONTH)
    rules = (
        {"models": "a", "stages": ["*"], "signers": ["alice", "bob"], "threshold": 2},
        {"models": "*", "stages": ["*"], "signers": ["alice", "bob"]},
    )
    people = {"alice": {"expires": soon}, "bob": {"expires": far}}

    def told(now: str) -> list[str]:
        registry = Registry({"trust.yaml": trust_yaml(rules, people, root={"signers": ["alice"]})})
        found = check_expiry(registry, now)
        assert all((one.level, one.code) == ("warning", "expiring") for one in found)
        return [one.message for one in found]

    assert told(EARLIER) == []
    assert [one.partition(":")[0] for one in told(NOW)] == [
        "rule 1 cannot be met in 30 days",
        "the root cannot be met in 30 days",
    ]
    assert [one.partition(":")[0] for one in told(later(far, MONTH))] == [
        "rule 1 can no longer be met",
        "rule 2 can no longer be met",
        "the root can no longer be met",
    ]
    alice = Signer(name="alice", key=key("alice").public_pem, expires=soon)
    assert (has_expired(alice, NOW), expires_soon(alice, NOW), expires_soon(alice, EARLIER)) == (False, True, False)
