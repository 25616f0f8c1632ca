"""What trust.yaml takes back counts for nothing, in whatever form it comes."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from modelbook.core.digests import digest_of
from modelbook.core.signing.envelope import read_bundle
from modelbook.core.signing.signatures import hint_of
from modelbook.core.signing.signed_payloads import payloads_of
from modelbook.core.signing.statements import stage_namespace
from modelbook.core.verifying.changes import check_change
from modelbook.core.verifying.verification import verify_dataset, verify_stage, verify_version
from tests.made import RULES, SIGNERS, Made, key, trust_yaml
from tests.made_fields import EARLIER, LATER, NOW
from tests.parts.ssh_keys import ssh_key

FOLDER = "models/digits/versions/1"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
PERSON = {"ssh": ssh_key("anna").line, "person": "anna-smith"}
PEOPLE = {**SIGNERS, "anna": PERSON}
STAGES = {"models": "*", "stages": ["*"], "signers": ["promoter", "deputy", "anna"]}


def serving() -> Made:
    """A version in a stage, with everything signed, by a person with an SSH key too."""
    made = Made(trust=trust_yaml((*RULES[:2], STAGES), PEOPLE)).dataset().version().pointer("digits", "staging", 1)
    pointer = made.files["models/digits/stages/staging.yaml"]
    return made.put(
        "models/digits/stages/staging.anna.sshsig", ssh_key("anna").sign(pointer, stage_namespace("staging"))
    )


SERVING = serving()


def revoked(made: Made, **what: Any) -> set[tuple[str, str]]:
    """Code and file of all that is found, once trust.yaml takes `what` back."""
    data = trust_yaml((*RULES[:2], STAGES), PEOPLE, 2, revocations=[{**what, "reason": "by mistake"}])
    registry = made.copy().put("trust.yaml", data).registry
    found = [
        *verify_version(registry, "digits", 1).findings,
        *verify_dataset(registry, "digits", 1)[1],
        *verify_stage(registry, "digits", "staging").findings,
    ]
    assert all("by mistake" in one.message for one in found if one.code == "revoked-signature")
    return {(one.code, one.path.removeprefix("registry/")) for one in found}


def of(*paths: str) -> set[tuple[str, str]]:
    return {("revoked-signature", path) for path in paths}


def test_nothing_is_found_before_anything_is_taken_back() -> None:
    assert revoked(SERVING, payload="sha256:" + "0" * 64) == set()


def test_a_revoked_payload_is_one_signed_statement_and_no_other() -> None:
    path = f"{FOLDER}/model.sig"
    payload = digest_of(read_bundle(SERVING.files[path]).payload)
    assert revoked(SERVING, payload=payload) == of(path)


def test_a_malleated_signature_of_a_revoked_statement_stays_revoked() -> None:
    """Whoever has (r, s) can compute (r, n - s): another bundle with another digest, and the same statement."""
    path = f"{FOLDER}/model.sig"
    envelope = read_bundle(SERVING.files[path])
    r, s = decode_dss_signature(envelope.signature)
    raw = json.loads(SERVING.files[path])
    raw["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(encode_dss_signature(r, ORDER - s)).decode()
    twin = SERVING.copy().put(path, json.dumps(raw))
    assert digest_of(twin.files[path]) != digest_of(SERVING.files[path])
    # The promotion rests on the very bytes that were there. Of the version itself the twin is a good signature.
    promoted = {("other-evidence", "models/digits/stages/staging.yaml")}
    assert revoked(twin, payload="sha256:" + "0" * 64) == promoted
    assert revoked(twin, payload=digest_of(envelope.payload)) == promoted | of(path)


@pytest.mark.parametrize(
    "what",
    [
        {"key": "sha256:" + hint_of(key("registrar").public_pem)},
        {"identity": "registrar"},
    ],
)
def test_a_revoked_key_or_signer_takes_all_that_he_signed_along(what: Mapping[str, str]) -> None:
    dataset = "datasets/digits/versions/1/dataset.sig"
    everything = of(f"{FOLDER}/model.sig", f"{FOLDER}/provenance.sigstore.json", dataset)
    assert revoked(SERVING, **what) == everything
    # With `since`, what was signed before that time stands: the dataset is from before the version.
    assert revoked(SERVING, **what, since=NOW) == everything - of(dataset)
    assert revoked(SERVING, **what, since=EARLIER) == everything
    assert revoked(SERVING, **what, since=LATER) == set()


def test_a_revoked_person_takes_the_ssh_signatures_along() -> None:
    path = "models/digits/stages/staging.anna.sshsig"
    for identity in ("anna", "anna-smith"):
        assert revoked(SERVING, identity=identity) == of(path)
    blob = base64.b64decode(PERSON["ssh"].split(" ")[1])
    assert revoked(SERVING, key=digest_of(blob)) == of(path)
    pointer = digest_of(SERVING.files["models/digits/stages/staging.yaml"])
    assert revoked(SERVING, payload=pointer) == of(path)


def test_who_is_revoked_since_a_time_cannot_sign_anew_by_claiming_an_earlier_one() -> None:
    """What a change brings was signed now at the earliest."""
    told = trust_yaml(revocations=[{"identity": "registrar", "since": NOW, "reason": "stolen"}])
    base = Made(trust=told).dataset()
    forged = base.copy().version(created=EARLIER, metrics=None)
    found = {one.code for one in check_change(base.registry, forged.registry, now=LATER).findings}
    assert found == {"revoked-signature"}


def test_what_was_signed_about_a_file_is_found_by_its_path() -> None:
    files = SERVING.files

    def payload(path: str) -> str:
        return digest_of(read_bundle(files[path]).payload)

    card = [payload(f"{FOLDER}/model.sig"), payload(f"{FOLDER}/provenance.sigstore.json")]
    assert payloads_of(files, f"{FOLDER}/card.yaml") == card
    assert payloads_of(files, f"{FOLDER}/model.sig") == card[:1]
    evaluation = f"{FOLDER}/evaluations/default"
    assert payloads_of(files, f"{evaluation}.yaml") == [payload(f"{evaluation}.sigstore.json")]
    stage = "models/digits/stages/staging"
    pointer = digest_of(files[f"{stage}.yaml"])
    assert payloads_of(files, f"{stage}.anna.sshsig") == [pointer]
    assert payloads_of(files, f"{stage}.yaml") == [pointer, payload(f"{stage}.promoter.sigstore.json")]
    assert payloads_of(files, "policy.yaml") == payloads_of(files, "README") == []
