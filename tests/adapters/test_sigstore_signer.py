"""Signing keyless through sigstore-python, at each kind of instance there is, and what it says where it cannot."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelbook.adapters.key_signer import KeySigner
from modelbook.adapters.signer import open_signer
from modelbook.adapters.sigstore_check import check_keyless
from modelbook.core.signing.envelope import payload_of, read_bundle, statement
from modelbook.core.signing.keyless import KeylessError, read_proof
from modelbook.core.trust import GITHUB, Signer, Workflow
from modelbook.errors import BadInput
from tests.made import key
from tests.parts.github.client import GitHubServer
from tests.parts.sigstore.server import SigstoreServer

SAID = statement("https://example.com/v1", [{"name": "é", "digest": {"sha256": "a" * 64}}], {"n": 1.5, "b": [None]})
FILE = "https://github.com/acme/keyless/.github/workflows/register.yml@refs/heads/main"


@pytest.fixture
def job(shared_github: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> GitHubServer:
    """A job of acme/keyless with an identity."""
    if "acme/keyless" not in shared_github.state()["repositories"]:
        shared_github.add_repository("acme/keyless")
    shared_github.set_claims(iss=GITHUB, repository="acme/keyless", sha="c" * 40)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", shared_github.oidc_url)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", shared_github.oidc_request_token)
    return shared_github


@pytest.fixture
def sigstore(job: GitHubServer) -> Iterator[SigstoreServer]:
    with SigstoreServer(keys_of(job)) as server:
        yield server


def keys_of(github: GitHubServer) -> dict[str, str]:
    return {GITHUB: f"{github.url}/oidc/.well-known/jwks"}


@pytest.mark.parametrize(
    ("rekor", "stamped"),
    [(1, False), (1, True), (2, True)],
    ids=["the log's time", "the log's time and a timestamp, as in public", "a log without time, and a timestamp"],
)
def test_each_kind_of_instance_signs_the_very_bytes_and_proves_who_and_when(
    rekor: int, stamped: bool, job: GitHubServer, tmp_path: Path
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    stamps = tmp_path / "stamps" if stamped else None
    with SigstoreServer(keys_of(job), rekor=rekor, stamps=stamps) as server:
        bundle = open_signer(f"sigstore:{server.client_config(tmp_path / 'client.json')}").sign(SAID)
    material = json.loads(bundle)["verificationMaterial"]
    assert ("integratedTime" in material["tlogEntries"][0]) == (rekor == 1)
    assert bool(material.get("timestampVerificationData", {}).get("rfc3161Timestamps")) == stamped
    assert read_bundle(bundle).payload == payload_of(SAID)
    logged = check_keyless(bundle, server.trusted_root())
    proof = read_proof(logged)
    assert (logged.payload, proof.identity, proof.commit, proof.ref) == (
        payload_of(SAID),
        FILE,
        "c" * 40,
        "refs/heads/main",
    )
    at = datetime.strptime(proof.time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert before <= at <= before + timedelta(minutes=5)
    with pytest.raises(KeylessError):
        check_keyless(bundle, SigstoreServer().trusted_root())


def test_it_is_the_signer_whom_trust_yaml_names_exactly_and_no_other(sigstore: SigstoreServer, tmp_path: Path) -> None:
    signer = open_signer(f"sigstore:{sigstore.client_config(tmp_path / 'client.json')}")
    number = signer.claim.partition("repository ")[2].partition(" ")[0]
    assert signer.claim == f"the workflow {FILE} of repository {number} on refs/heads/main"
    right = {"identity": FILE, "repository_id": number, "ref": "refs/heads/main"}
    assert signer.is_signer(Signer(name="register", workflow=Workflow(**right)))
    for name, value in {
        "identity": FILE.replace("register", "train"),
        "repository_id": number + "0",
        "ref": "refs/heads/topic",
        "issuer": "https://gitlab.com",
    }.items():
        assert not signer.is_signer(Signer(name="register", workflow=Workflow(**right | {name: value}))), name
    assert not signer.is_signer(Signer(name="owner", key=key("registrar").public_pem))
    keys: KeySigner = key("registrar")
    assert not keys.is_signer(Signer(name="register", workflow=Workflow(**right)))


def test_a_job_of_github_enterprise_is_named_by_its_own_server(
    job: GitHubServer, sigstore: SigstoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.set_claims(iss="https://git.acme.example/_services/token", repository="acme/keyless")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.acme.example")
    signer = open_signer(f"sigstore:{sigstore.client_config(tmp_path / 'client.json')}")
    assert signer.claim.startswith("the workflow https://git.acme.example/acme/keyless/.github/workflows/register.yml@")


def test_a_token_that_is_of_no_workflow_is_bad_input(
    job: GitHubServer, sigstore: SigstoreServer, tmp_path: Path
) -> None:
    job.set_claims(iss=GITHUB, repository="acme/keyless", job_workflow_ref=None)
    with pytest.raises(BadInput, match="does not name its job_workflow_ref"):
        open_signer(f"sigstore:{sigstore.client_config(tmp_path / 'client.json')}")


@pytest.mark.parametrize("uri", ["sigstore", "", "sigstor:", "fulcio:", "file:"])
def test_a_uri_that_names_no_signer_is_bad_input(uri: str) -> None:
    with pytest.raises(BadInput, match="names no signer") as caught:
        open_signer(uri)
    assert "sigstore:" in str(caught.value.remedy)
