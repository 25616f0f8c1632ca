"""What a change of the registry may do: attacks on cards, rules and files, one by one."""

import pytest

from modelbook.core.documents import dump
from modelbook.core.trust import Trust
from modelbook.core.verifying.changes import ChangeVerdict, check_change
from tests.made import POLICY, RULES, SIGNERS, Made, key, record, trust_yaml
from tests.made_fields import EARLIER, NOW, digest

CARD = "models/digits/versions/1/card.yaml"
EVALUATION = "models/digits/versions/1/evaluations/default.yaml"
MODEL = "models/digits/model.yaml"


def one() -> Made:
    return Made().dataset().version()


def check(base: Made, head: Made) -> ChangeVerdict:
    return check_change(base.registry, head.registry, now=NOW)


def codes(base: Made, head: Made) -> set[str]:
    return {finding.code for finding in check(base, head).findings}


def passes(base: Made, head: Made) -> bool:
    verdict = check(base, head)
    return not verdict.findings and all(decision.passed for decision in verdict.promotions)


def test_no_change_is_no_finding() -> None:
    assert check(one(), one()) == ChangeVerdict((), (), ())


@pytest.mark.parametrize(
    ("base", "head", "does"),
    [
        (Made(), Made().dataset(), "adds the dataset digits@1"),
        (Made().dataset(), Made().dataset().version(metrics=None), "registers digits@1"),
        (
            one().drop(EVALUATION, EVALUATION.replace(".yaml", ".sigstore.json")),
            one(),
            "adds the evaluation default of",
        ),
        (one(), one().pointer("digits", "staging", 1), "moves staging of digits"),
        (one(), one().put(MODEL, "model: digits\n"), f"changes {MODEL}"),
        (one().put(MODEL, "model: digits\n"), one(), f"removes {MODEL}"),
        (one(), one().put("policy.yaml", POLICY + "# checked\n"), "changes policy.yaml"),
        (one(), one().put("trust.yaml", trust_yaml(version=2)), "changes trust.yaml"),
    ],
)
def test_what_a_change_may_do_and_how_it_is_told(base: Made, head: Made, does: str) -> None:
    assert passes(base, head)
    assert does in check(base, head).does[0]


def test_several_things_at_once_are_told_in_order() -> None:
    base, head = Made(), Made().dataset().version()
    assert check(base, head).does == (
        "adds the dataset digits@1",
        "registers digits@1",
        "adds the evaluation default of digits@1",
    )


@pytest.mark.parametrize("path", sorted(set(one().files) - {"policy.yaml", "trust.yaml"}))
def test_what_was_registered_neither_changes_nor_goes(path: str) -> None:
    """Invariant 5: a version is immutable; also by those who could sign it anew."""
    changed = one().put(path, one().files[path] + b"\n")
    removed = one().drop(path)
    for head, did in ((changed, "was changed"), (removed, "was removed")):
        found = [finding for finding in check(one(), head).findings if finding.code == "immutable"]
        assert [finding.path for finding in found] == [f"registry/{path}"]
        assert f"{did}; it never changes after registration" in found[0].message
        assert "git checkout" in str(found[0].remedy)


def test_a_card_that_its_own_signer_signs_anew_is_still_changed() -> None:
    """Invariant 5."""
    assert codes(one(), Made().dataset().version(tags=["better"])) >= {"immutable"}


def test_a_whole_version_that_goes_is_reported_file_by_file() -> None:
    """Invariants 3 and 5: with all its findings, not with an error at the first missing file."""
    head = Made().dataset()
    verdict = check(one(), head)
    assert sum(finding.code == "immutable" for finding in verdict.findings) == 5
    assert "no-such-version" in {finding.code for finding in verdict.findings}


@pytest.mark.parametrize(
    "path",
    [
        *("README.md", "policy.yml", "models/digits/versions/1/weights.pt", "models/Digits/model.yaml"),
        *("models/digits/versions/01/card.yaml", "models/digits/stages/production.sigstore.json", "datasets/digits/x"),
    ],
)
def test_a_file_without_a_place_is_refused_and_may_always_be_removed(path: str) -> None:
    assert codes(one(), one().put(path, "x")) == {"unknown-file"}
    assert codes(one().put(path, "x"), one()) == set()


@pytest.mark.parametrize(
    "path",
    [
        "models/digits/versions/2/model.sig",
        "models/digits/versions/2/provenance.sigstore.json",
        "models/digits/versions/2/evaluations/default.yaml",
        "models/digits/versions/1/evaluations/other.sigstore.json",
        "models/digits/stages/staging.promoter.sigstore.json",
        "datasets/other/versions/1/dataset.sig",
    ],
)
def test_a_file_that_belongs_to_nothing_that_is_there_is_refused(path: str) -> None:
    """It could never be removed again, and would stand in the way of what belongs there."""
    donor = one().pointer("digits", "staging", 1)
    like = [name for name in donor.files if name.rsplit(".", 2)[-1] == path.rsplit(".", 2)[-1]]
    assert codes(one(), one().put(path, donor.files[like[0]]))


def test_a_version_by_somebody_whom_the_change_itself_brings_is_refused() -> None:
    """Invariant 1: a change is judged by the trust file that it starts from."""
    mallory = {**SIGNERS, "mallory": {}}
    allows = ({"models": "*", "statements": ["model", "provenance"], "signers": ["mallory"]}, *RULES)
    extended = trust_yaml(allows, mallory, version=2)
    attack = one().version("digits", 2, metrics=None, signer="mallory").put("trust.yaml", extended)
    assert codes(one(), attack) == {"bad-signature"}
    trusted = one().put("trust.yaml", extended)
    assert codes(trusted, trusted.copy().version("digits", 2, metrics=None, signer="mallory")) == set()


def test_a_stranger_cannot_register_evaluate_or_add_a_dataset() -> None:
    """Invariant 1."""
    assert codes(one(), one().version("digits", 2, signer="mallory")) == {"bad-signature"}
    assert codes(one(), one().evaluation(suite="other", signer="mallory")) == {"bad-signature"}
    assert codes(one(), one().dataset("other", signer="mallory")) == {"bad-signature"}


def test_the_rules_of_the_base_say_where_the_store_is() -> None:
    """A change cannot move the store and bring a card that points there."""
    elsewhere = POLICY.replace("s3://acme-models/registry", "s3://evil/registry")
    artifact = {"path": "model.safetensors", "uri": "s3://evil/registry/x", "size": 1, "digest": digest("x")}
    assert codes(one(), one().put("policy.yaml", elsewhere).version("digits", 2, artifacts=[artifact])) == {
        "foreign-uri"
    }


def test_the_very_first_change_brings_its_own_rules_and_must_keep_them() -> None:
    empty = Made()
    empty.files = {}
    assert passes(empty, one())
    assert codes(empty, Made().dataset().version(signer="mallory")) == {"bad-signature"}


@pytest.mark.parametrize("path", ["policy.yaml", "trust.yaml"])
def test_the_rules_cannot_be_removed(path: str) -> None:
    """Invariant 1: a registry without rules would let the next change bring its own."""
    assert codes(one(), one().drop(path)) == {"rules-removed"}


def test_a_registry_that_lost_a_part_of_its_rules_takes_none_from_a_change() -> None:
    """Invariant 1: only a registry that has no rules at all and nothing else in it may be given some."""
    for lost in (("trust.yaml",), ("policy.yaml",), ("trust.yaml", "policy.yaml")):
        base = one().drop(*lost)
        head = one().put("trust.yaml", trust_yaml(RULES, {**SIGNERS, "mallory": {}}))
        assert "no-rules" in codes(base, head.version("digits", 2, signer="mallory"))


@pytest.mark.parametrize(
    ("path", "text", "line", "message"),
    [
        ("policy.yaml", POLICY.replace("auto:", "autoo:"), 5, "unknown key 'stages.0.autoo'"),
        ("policy.yaml", POLICY.replace("  gates:\n  - metrics.accuracy >= 0.90", "  gates: []"), 6, "at least 1 item"),
        ("policy.yaml", POLICY.replace(">= 0.90", "> "), 7, "is invalid: not CEL"),
        ("policy.yaml", POLICY.replace("metrics.latency_ms < 50.0", "'1 == 1'"), 13, "reads nothing of the model"),
        ("policy.yaml", "store: [@\n", 1, "cannot start any token"),
        ("trust.yaml", "version: 1\nsigner: []\n", 2, "unknown key 'signer'"),
        (MODEL, "model: digits\ngates:\n  staging:\n  - metrics[x] > 1.0\n", 4, "`metrics` is read by name"),
        (MODEL, "model: digits\ngates:\n  oops:\n  - metrics.accuracy > 1.0\n", 3, "no stage is named 'oops'"),
        (MODEL, "model: fraud\n", 1, "it describes 'fraud', but its path says 'digits'"),
        (MODEL, "models: digits\n", 1, "unknown key 'models'"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_read_or_judged_are_refused_with_their_line(
    path: str, text: str, line: int | None, message: str
) -> None:
    """Invariant 3."""
    findings = [one for one in check(one(), one().put(path, text)).findings if message in one.message]
    assert [(finding.path, finding.line) for finding in findings] == [(f"registry/{path}", line)]


def test_a_key_that_can_sign_nothing_is_told_when_it_comes() -> None:
    """A key of another kind would refuse everything later, and nobody would know why."""
    good = key("alice").public_pem
    broken = good.replace("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQc", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAWc")
    rules = [{"models": "*", "stages": ["*"], "signers": ["alice"]}]
    trust = record(Trust, {"version": 2, "signers": [{"name": "alice", "key": broken}], "rules": rules})
    (finding,) = check(one(), one().put("trust.yaml", dump(trust))).findings
    assert (finding.code, finding.path) == ("invalid-key", "registry/trust.yaml")
    assert "the key of 'alice' is not a P-256 public key" in finding.message


def test_a_trust_file_of_later_rules_is_judged_by_itself() -> None:
    """What it takes away is not looked at here: who signed in the past is found when it is used."""
    assert passes(one(), one().put("trust.yaml", trust_yaml(RULES[1:], version=2)))


def test_every_finding_of_a_change_is_reported_once() -> None:
    head = one().put("junk", "x").put(CARD, b"a: [").put("policy.yaml", "stores: x")
    verdict = check(one(), head)
    assert {"unknown-file", "immutable", "yaml", "unknown-key", "missing-key"} <= {one.code for one in verdict.findings}
    assert len(set(verdict.findings)) == len(verdict.findings)


def test_an_expired_key_cannot_sign_anew_by_claiming_an_earlier_time() -> None:
    """What a change brings was signed now at the earliest; what stands already keeps the time that it was believed."""
    trust = trust_yaml(signers={**SIGNERS, "registrar": {"expires": EARLIER}, "grader": {"expires": NOW}})
    base = Made(trust=trust).dataset()
    forged = base.copy().version(created=EARLIER, metrics=None)
    assert codes(base, forged) == {"expired-key"}
    standing = Made(trust=trust).dataset().version(created=EARLIER, metrics=None)
    assert passes(standing, standing.copy().evaluation())
