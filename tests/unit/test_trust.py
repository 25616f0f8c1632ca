"""Who may sign what: what no rule allows is refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.documents import DocumentError, load
from modelbook.core.trust import Trust, allowed, unreachable
from tests.made import RULES, SIGNERS, key, trust_yaml
from tests.made_fields import NOW

STATEMENTS = ("model", "provenance", "evaluation", "reproduction", "dataset", "online")


def trust(*rules: dict[str, Any]) -> Trust:
    return load(Trust, trust_yaml(rules, {"alice": {}, "bob": {"expires": NOW}}), "trust.yaml")


def names(found: Trust, name: str, **what: str) -> list[str]:
    return [signer.name for signer in allowed(found, name, **what)]


def test_a_trust_file_without_rules_allows_nobody_anything() -> None:
    """Invariant 1: default deny."""
    nobody = load(Trust, trust_yaml(()), "trust.yaml")
    for statement in STATEMENTS:
        assert names(nobody, "fraud", statement=statement) == []
    assert names(nobody, "fraud", stage="production") == []


def test_a_rule_allows_what_it_says_and_nothing_else() -> None:
    """Invariant 1."""
    found = trust({"models": "fraud", "statements": ["model"], "stages": ["staging"], "signers": ["alice"]})
    assert names(found, "fraud", statement="model") == ["alice"]
    assert names(found, "fraud", stage="staging") == ["alice"]
    for statement in STATEMENTS[1:]:
        assert names(found, "fraud", statement=statement) == []
    assert names(found, "fraud", stage="production") == []
    for other in ("fraud-eu", "frau", "Fraud", "fraud2", "afraud", ""):
        assert names(found, other, statement="model") == []
        assert names(found, other, stage="staging") == []


def test_who_may_promote_may_not_sign_cards_and_the_other_way_round() -> None:
    """Invariant 7."""
    found = trust(
        {"models": "*", "stages": ["*"], "signers": ["alice"]},
        {"models": "*", "statements": list(STATEMENTS), "signers": ["bob"]},
    )
    assert [names(found, "fraud", statement=one) for one in STATEMENTS] == [["bob"]] * len(STATEMENTS)
    assert names(found, "fraud", stage="anything") == ["alice"]


def test_asking_for_nothing_allows_nobody() -> None:
    """Invariant 1: a rule for every stage is no rule for what is no stage."""
    found = trust({"models": "*", "statements": ["model"], "stages": ["*"], "signers": ["alice"]})
    assert names(found, "fraud") == []
    assert names(found, "fraud", statement="") == []
    assert names(found, "fraud", statement="other") == []


@pytest.mark.parametrize(
    ("glob", "fits", "other"),
    [
        ("*", ["a", "fraud-eu"], []),
        ("fraud-*", ["fraud-", "fraud-eu", "fraud-eu-2"], ["fraud", "a-fraud-eu"]),
        ("fraud-??", ["fraud-eu"], ["fraud-eur", "fraud-e"]),
        ("*-eu", ["fraud-eu"], ["fraud-eu-2"]),
    ],
)
def test_a_glob_names_models(glob: str, fits: list[str], other: list[str]) -> None:
    found = trust({"models": glob, "statements": ["model"], "signers": ["alice"]})
    assert all(names(found, name, statement="model") == ["alice"] for name in fits)
    assert not any(names(found, name, statement="model") for name in other)


def test_the_first_rule_that_speaks_of_a_thing_decides() -> None:
    """A special rule before the general one narrows it; after it, it would never be asked, and that is told."""
    special = {"models": "fraud", "stages": ["production"], "signers": ["bob"]}
    general = {"models": "*", "stages": ["*"], "statements": ["model"], "signers": ["bob", "alice", "alice"]}
    found = trust(special, general)
    assert names(found, "fraud", stage="production") == ["bob"]
    assert names(found, "fraud", stage="staging") == names(found, "spam", stage="production") == ["alice", "bob"]
    assert names(found, "fraud", statement="model") == ["alice", "bob"]
    assert unreachable(found) == []
    assert unreachable(trust(general, special)) == [(1, 0)]
    assert unreachable(trust(special, special)) == [(1, 0)]
    assert unreachable(trust(special, {**special, "models": "fraud-*"}, {**special, "statements": ["model"]})) == []


@given(
    st.lists(st.sampled_from([*STATEMENTS]), max_size=3),
    st.lists(st.sampled_from(["*", "staging", "production"]), max_size=2),
    st.sampled_from(["*", "fraud", "other"]),
)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_a_rule_never_allows_more_than_it_says(statements: list[str], stages: list[str], glob: str) -> None:
    """Invariant 1."""
    if not statements and not stages:
        return
    found = trust({"models": glob, "statements": statements, "stages": stages, "signers": ["alice"]})
    fits = glob in {"*", "fraud"}
    for statement in STATEMENTS:
        assert bool(names(found, "fraud", statement=statement)) == (fits and statement in statements)
    for stage in ("staging", "production", "canary"):
        assert bool(names(found, "fraud", stage=stage)) == (fits and bool({"*", stage} & set(stages)))


@pytest.mark.parametrize(
    ("rules", "signers", "message"),
    [
        (({"models": "*", "signers": ["promoter"]},), SIGNERS, "a rule allows nothing"),
        (({"models": "*", "stages": ["*"], "signers": ["mallory"]},), SIGNERS, "names the signer 'mallory'"),
        (({"models": "*", "stages": ["*"], "signers": []},), SIGNERS, "at least 1 item"),
        (({"models": "[a-z]*", "stages": ["*"], "signers": ["promoter"]},), SIGNERS, "rules.0.models"),
        (({"models": "", "stages": ["*"], "signers": ["promoter"]},), SIGNERS, "rules.0.models"),
        (({"models": "*", "stages": ["prod*"], "signers": ["promoter"]},), SIGNERS, "rules.0.stages.0"),
        (({"models": "*", "statements": ["*"], "signers": ["promoter"]},), SIGNERS, "rules.0.statements.0"),
        (RULES, {**SIGNERS, "Alice": {}}, "name"),
        (RULES, {**SIGNERS, "alice": {"expires": "tomorrow"}}, "expires"),
        (RULES, {**SIGNERS, "alice": {"expires": "2026-02-28"}}, "expires"),
        (RULES, {**SIGNERS, "alice": {"expires": "2026-02-30T00:00:00Z"}}, "there is no day 2026-02-30"),
        (RULES, {**SIGNERS, "alice": {"expires": "0000-01-01T00:00:00Z"}}, "there is no day 0000-01-01"),
        (RULES, {**SIGNERS, "alice": {"key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}}, "key"),
        (RULES, {**SIGNERS, "alice": {"key": key("alice").public_pem * 2}}, "key"),
    ],
)  # fmt: skip
def test_a_trust_file_that_could_be_misread_is_refused(rules: Any, signers: Any, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load(Trust, trust_yaml(rules, signers), "trust.yaml")
    assert message in str(caught.value)
