"""Attacks with real keys on a registry that is otherwise in order, each named by what the attacker has.

Those that belong to one part alone stand with its other tests; `docs/SECURITY.md` lists them all.
"""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from modelbook.core.digests import digest_of, prefixed
from modelbook.core.documents import DocumentError, load
from modelbook.core.signing.envelope import read_bundle
from modelbook.core.stages.promotion import decide
from modelbook.core.trust import Trust
from modelbook.core.verifying.changes import check_change
from modelbook.core.verifying.verification import verify_dataset, verify_stage, verify_version
from tests.made import RULES, SIGNERS, Made, key, trust_yaml
from tests.made_fields import EARLIER, LATER, NOW

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
FOLDER = "models/digits/versions/1"
CARD_SIGNATURE = f"{FOLDER}/model.sig"
STAGING, PRODUCTION = "models/digits/stages/staging", "models/digits/stages/production"
WHY = {"reason": "the laptop was stolen"}


def trust(*revocations: dict[str, Any], rules: Any = RULES, signers: Any = SIGNERS, **more: Any) -> str:
    return json.dumps(json.loads(trust_yaml(rules, signers)) | {"revocations": revocations} | more)


def standing() -> Made:
    """digits@1 in staging and in production."""
    made = Made().dataset().version()
    return made.pointer("digits", "staging", 1).pointer("digits", "production", 1)


def version_codes(made: Made) -> set[str]:
    return {finding.code for finding in verify_version(made.registry, "digits", 1).findings}


def stage_codes(made: Made, stage: str = "production") -> set[str]:
    return {finding.code for finding in verify_stage(made.registry, "digits", stage).findings}


def change_codes(base: Made, head: Made) -> set[str]:
    return {finding.code for finding in check_change(base.registry, head.registry, now=NOW).findings}


def payload_in(made: Made, path: str) -> str:
    return digest_of(read_bundle(made.files[path]).payload)


def malleated(bundle: bytes) -> bytes:
    """Another good signature of the same payload, which anybody can compute: (r, n - s) for (r, s)."""
    raw = json.loads(bundle)
    entry = raw["dsseEnvelope"]["signatures"][0]
    r, s = decode_dss_signature(base64.b64decode(entry["sig"]))
    entry["sig"] = base64.b64encode(encode_dss_signature(r, ORDER - s)).decode()
    return json.dumps(raw).encode()


# Taken back


def key_of(name: str) -> str:
    return prefixed(key(name).hint)


@pytest.mark.parametrize(
    ("whose", "what"), [("registrar", "card"), ("grader", "evaluation"), ("promoter", "stage"), ("registrar", "data")]
)
def test_what_a_revoked_key_signed_is_refused(whose: str, what: str) -> None:
    made = standing().put("trust.yaml", trust({"key": key_of(whose), **WHY}))
    found = {
        "card": verify_version(made.registry, "digits", 1).findings,
        "evaluation": verify_version(made.registry, "digits", 1).findings,
        "stage": verify_stage(made.registry, "digits", "production").findings,
        "data": verify_dataset(made.registry, "digits", 1)[1],
    }[what]
    assert {one.code for one in found} == {"revoked-signature"}
    assert all("the laptop was stolen" in one.message for one in found)


def test_a_revoked_key_is_revoked_however_its_pem_is_written() -> None:
    """The key is what is revoked, and not the text that holds it."""
    fields = json.loads(trust({"key": key_of("registrar"), **WHY}))
    lines = fields["signers"][0]["key"].splitlines()
    body = "".join(lines[1:-1])
    fields["signers"][0]["key"] = "\n".join([lines[0], body[:30], body[30:90], body[90:], lines[-1]])
    assert version_codes(standing().put("trust.yaml", json.dumps(fields))) == {"revoked-signature"}


@pytest.mark.parametrize("identity", ["promoter", "pat"])
def test_what_a_revoked_identity_signed_is_refused(identity: str) -> None:
    """By the name of the signer, or by that of the person, whatever keys he has."""
    signers = {**SIGNERS, "promoter": {"person": "pat"}}
    made = standing().put("trust.yaml", trust({"identity": identity, **WHY}, signers=signers))
    assert stage_codes(made) == {"revoked-signature"}
    assert version_codes(made) == set()


def test_a_revoked_payload_is_refused_and_what_the_same_key_signed_beside_it_stands() -> None:
    made = standing()
    made.put("trust.yaml", trust({"payload": payload_in(made, CARD_SIGNATURE), **WHY}))
    found = verify_version(made.registry, "digits", 1).findings
    assert [(one.code, one.path) for one in found] == [("revoked-signature", f"registry/{CARD_SIGNATURE}")]
    assert verify_dataset(made.registry, "digits", 1)[1] == ()


def test_a_malleated_signature_of_a_revoked_statement_is_revoked_too() -> None:
    made = standing()
    made.put("trust.yaml", trust({"payload": payload_in(made, CARD_SIGNATURE), **WHY}))
    twin = malleated(made.files[CARD_SIGNATURE])
    assert twin != made.files[CARD_SIGNATURE]
    assert version_codes(standing().put(CARD_SIGNATURE, twin)) == set()
    assert version_codes(made.put(CARD_SIGNATURE, twin)) == {"revoked-signature"}


def test_what_was_signed_before_a_key_was_lost_stands_and_nothing_new_is_dated_back() -> None:
    """In a change a signature is of now, whatever time it claims."""
    rules = trust({"key": key_of("registrar"), "since": LATER, **WHY})
    base = standing().put("trust.yaml", rules)
    assert version_codes(base) == set()
    forged = base.copy().version("digits", 2, created=EARLIER, metrics=None)
    found = check_change(base.registry, forged.registry, now=LATER).findings
    assert {one.code for one in found} == {"revoked-signature"}


def test_a_revoked_signature_is_no_evidence() -> None:
    """A version whose evaluation was taken back is promoted nowhere."""
    made = Made().dataset().version()
    path = f"{FOLDER}/evaluations/default.sigstore.json"
    made.put("trust.yaml", trust({"payload": payload_in(made, path), **WHY}))
    decision = decide(made.registry, "digits", 1, "staging", by="bob", now=NOW)
    assert {one.code for one in decision.findings} == {"revoked-signature", "not-evaluated"}
    assert not decision.passed


# The right key for something else


STAGING_ONLY = (
    *RULES[:2],
    {"models": "*", "stages": ["staging"], "signers": ["promoter"]},
    {"models": "*", "stages": ["production"], "signers": ["deputy"]},
)


def test_a_key_for_one_stage_promotes_into_no_other() -> None:
    made = Made(trust=trust_yaml(STAGING_ONLY)).dataset().version().pointer("digits", "staging", 1)
    assert stage_codes(made, "staging") == set()
    attack = made.copy().pointer("digits", "production", 1, signer="promoter")
    assert stage_codes(attack) == change_codes(made, attack) == {"bad-signature"}
    assert change_codes(made, made.copy().pointer("digits", "production", 1, signer="deputy")) == set()


def test_a_key_for_one_model_promotes_no_other() -> None:
    rules = (*RULES[:2], {"models": "fraud", "stages": ["*"], "signers": ["promoter"]})
    base = Made(trust=trust_yaml(rules)).dataset().version("digits").version("fraud")
    assert change_codes(base, base.copy().pointer("fraud", "staging", 1)) == set()
    assert change_codes(base, base.copy().pointer("digits", "staging", 1)) == {"nobody-allowed"}


def test_a_summary_copied_from_another_stage_or_model_is_refused() -> None:
    """One who may promote both signed only the one."""
    made = standing().version("fraud").pointer("fraud", "production", 1)
    end = ".promoter.sigstore.json"
    for donor in (STAGING, "models/fraud/stages/production"):
        assert stage_codes(made.copy().put(PRODUCTION + end, made.files[donor + end])) == {"other-statement"}


def test_a_pointer_copied_from_another_stage_or_model_is_refused_with_its_summary() -> None:
    made = standing().version("fraud").pointer("fraud", "production", 1)
    for donor in (STAGING, "models/fraud/stages/production"):
        attack = made.copy()
        for end in (".yaml", ".promoter.sigstore.json"):
            attack.put(PRODUCTION + end, made.files[donor + end])
        assert "other-name" in stage_codes(attack)


def test_a_signature_renamed_to_another_signer_is_refused() -> None:
    """Nobody seems to have promoted what he did not."""
    base = standing()
    head = base.copy().drop(f"{PRODUCTION}.promoter.sigstore.json")
    head.put(f"{PRODUCTION}.deputy.sigstore.json", base.files[f"{PRODUCTION}.promoter.sigstore.json"])
    assert change_codes(base, head) == {"immutable", "other-signer"}


@pytest.mark.parametrize("name", ["model.sig", "provenance.sigstore.json", "evaluations/default.sigstore.json"])
def test_every_statement_in_the_place_of_every_other_is_refused(name: str) -> None:
    """Also by one who may make them all: a statement says what it is."""
    rules = (
        {"models": "*", "statements": ["model", "provenance", "dataset", "evaluation"], "signers": ["registrar"]},
        {"models": "*", "stages": ["*"], "signers": ["registrar"]},
    )
    made = Made(trust=trust_yaml(rules)).dataset().version(metrics=None).evaluation(signer="registrar")
    made.pointer("digits", "staging", 1, signer="registrar")
    assert version_codes(made) == set()
    signatures = {path for path in made.files if path.endswith((".sig", ".sigstore.json"))}
    assert len(signatures) == 5
    for donor in signatures - {f"{FOLDER}/{name}"}:
        assert version_codes(made.copy().put(f"{FOLDER}/{name}", made.files[donor])) == {"other-statement"}, donor


def test_an_evaluation_of_another_dataset_version_is_not_made_to_speak_of_this_one() -> None:
    made = Made().dataset().dataset("digits", 2).version(metrics=None)
    easy = made.use("digits", 2, "test")
    path = f"{FOLDER}/evaluations/default.yaml"
    made.evaluation(dataset=easy)
    assert version_codes(made) == set()
    pinned = "model: digits\nsuites:\n  default: {entry_point: evaluate.py, dataset: digits@1}\n"
    decision = decide(made.copy().put("models/digits/model.yaml", pinned).registry, "digits", 1, "staging",
                      by="bob", now=NOW)  # fmt: skip
    assert {"not-pinned"} <= {one.code for one in decision.findings}
    assert not decision.passed
    hard = made.use("digits", 1, "test")["digest"]
    made.edit(path, "version: 2", "version: 1").edit(path, easy["digest"], hard)
    assert version_codes(made) == {"other-statement"}


def test_an_older_evaluation_with_its_own_good_signature_cannot_be_put_back() -> None:
    """A statement is signed for good; what stands in the registry does not change."""
    old = Made().dataset().version(metrics={"accuracy": 0.99})
    base = Made().dataset().version(metrics={"accuracy": 0.2})
    head = base.copy()
    for end in (".yaml", ".sigstore.json"):
        head.put(f"{FOLDER}/evaluations/default{end}", old.files[f"{FOLDER}/evaluations/default{end}"])
    assert version_codes(head) == set()
    assert change_codes(base, head) == {"immutable"}


# Rules that let everybody in


WORKFLOW = {
    "identity": "https://github.com/acme/models/.github/workflows/register.yml@refs/heads/main",
    "repository_id": "1234",
    "ref": "refs/heads/main",
}


@pytest.mark.parametrize(
    "fields",
    [
        {"identity": "*"},
        {"identity": "https://github.com/acme/*"},
        {"identity": "https://github.com/acme/models/.github/workflows/register.yml@refs/heads/*"},
        {"identity": "https://github.com/acme/models/.github/workflows/register.yml@refs/heads/main|.*"},
        {"identity": "^https://github.com/acme/"},
        {"identity": ""},
        {"issuer": "*"},
        {"issuer": "https://*.example.com"},
        {"issuer": "http://token.actions.githubusercontent.com"},
        {"repository_id": "*"},
        {"repository_id": "0"},
        {"ref": "*"},
        {"ref": "refs/heads/*"},
        {"ref": "main"},
    ],
)
def test_a_pattern_for_a_workflow_is_refused(fields: dict[str, str]) -> None:
    signers = [{"name": "ci", "workflow": WORKFLOW | fields}]
    load(Trust, json.dumps({"version": 1, "signers": [{"name": "ci", "workflow": WORKFLOW}]}).encode(), "t")
    with pytest.raises(DocumentError, match=rf"signers\.0\.workflow\.{min(fields)}"):
        load(Trust, json.dumps({"version": 1, "signers": signers}).encode(), "trust.yaml")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"models": "*", "stages": ["*"], "signers": ["*"]}, "'?signers"),
        ({"models": "*", "stages": ["*"], "signers": ["promoter"], "threshold": 0}, "threshold"),
        ({"models": "*", "stages": ["*"], "signers": ["promoter"], "threshold": 2}, "nobody could ever meet it"),
        ({"models": "*", "stages": ["*"], "signers": ["promoter", "promoter"], "threshold": 2}, "nobody could ever"),
        ({"models": "*", "statements": ["*"], "signers": ["promoter"]}, "statements"),
    ],
)
def test_a_rule_for_everybody_or_for_nobody_is_refused(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        load(Trust, trust_yaml((rule,)), "trust.yaml")


def test_one_key_under_two_names_does_not_count_twice() -> None:
    fields = json.loads(trust_yaml())
    fields["signers"][1]["key"] = fields["signers"][0]["key"]
    with pytest.raises(DocumentError, match="one signer under two names"):
        load(Trust, json.dumps(fields).encode(), "trust.yaml")
