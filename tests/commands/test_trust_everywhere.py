"""A trust.yaml that the root before did not sign, and that was merged all the same, opens nothing to nobody."""

import pytest

from modelbook.core.layout import trust_signature_path
from modelbook.core.signing.statements import trust_statement
from tests.made import POLICY, RULES, Made, trust_yaml
from tests.parts.desks import Desk

OWN = {"models": "*", "statements": ["model", "provenance", "dataset", "evaluation"], "stages": ["*"]}
ROOTED = ("owner", "registrar", "grader", "promoter", "deputy")


def taken_over(version: int = 2) -> bytes:
    """A trust.yaml with one signer, mallory, who is the root and may do everything."""
    rule = OWN | {"signers": ["mallory"]}
    return trust_yaml((rule,), {"mallory": {}}, version=version, root={"signers": ["mallory"]})


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    """A registry with a root, in which mallory merged a trust.yaml, and a version of his own into staging."""
    good = Made(policy=POLICY, trust=trust_yaml(RULES, {name: {} for name in ROOTED}, root={"signers": ["owner"]}))
    statement = trust_statement(good.registry.trust, good.files["trust.yaml"])
    empty_desk.commit(good.sign(trust_signature_path("owner"), statement, "owner"))
    bad = Made(policy=POLICY, trust=taken_over()).dataset(signer="mallory")
    bad.version(signer="mallory", metrics=None).evaluation(signer="mallory")
    bad.pointer("digits", "staging", 1, signer="mallory")
    statement = trust_statement(bad.registry.trust, bad.files["trust.yaml"])
    empty_desk.git("rm", "--quiet", "-r", "registry")
    empty_desk.commit(bad.sign(trust_signature_path("mallory"), statement, "mallory"))
    return empty_desk


COMMANDS = (
    ["verify"],
    ["verify", "digits@1"],
    ["verify", "digits@staging"],
    ["verify", "--change", "HEAD"],
    ["pull", "digits@staging", "there"],
    ["pull", "digits@1", "there"],
    ["data", "pull", "digits@1", "there"],
    ["gate", "digits@1", "--to", "staging"],
    ["promote", "digits@1", "--to", "staging"],
    ["plan"],
    ["site", "build", "--output", "there"],
)


def test_trust_that_its_root_did_not_sign_lets_nothing_through(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELBOOK_SIGNER", desk.signer("mallory"))
    for command in COMMANDS:
        code, said = desk.run(*command)
        assert code == 1, (command, said)
        assert "0 of 1 people of the present root have signed this version" in said, (command, said)
        assert not (desk.root / "there").exists()
    # Whoever vouches for it takes it as it is.
    monkeypatch.setenv("MODELBOOK_TRUST_FROM", "HEAD")
    for command in COMMANDS[1:4]:
        desk.ok(*command)
