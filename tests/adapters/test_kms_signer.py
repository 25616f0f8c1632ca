"""Signing with a key in AWS KMS, on moto's server."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests

from modelbook.adapters.kms_signer import open_kms
from modelbook.adapters.signer import open_signer
from modelbook.core.signing.envelope import read_bundle, statement
from modelbook.core.signing.signatures import hint_of, is_good
from modelbook.core.trust import Signer
from modelbook.errors import BadInput, SigningError
from tests.parts.kms import MotoKms

SAID = statement("https://example.com/v1", [{"name": "x", "digest": {"sha256": "a" * 64}}], {"n": 1})


@pytest.fixture(scope="module")
def server() -> Iterator[MotoKms]:
    with MotoKms() as running:
        yield running


@pytest.fixture(scope="module")
def key(server: MotoKms) -> str:
    return server.make_key()


@pytest.fixture(autouse=True)
def _led_there(server: MotoKms, monkeypatch: pytest.MonkeyPatch, _no_credentials_of_the_machine: None) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)


def test_a_key_in_kms_signs_what_trust_yaml_believes(key: str) -> None:
    mine = open_kms(key)
    trusted = Signer(name="release", key=mine.public_pem)
    assert mine.is_signer(trusted)
    bundle = read_bundle(mine.sign(SAID))
    assert is_good(bundle, trusted)
    assert (bundle.statement, bundle.hint) == (SAID, hint_of(mine.public_pem))
    assert mine.claim == f"the key sha256:{hint_of(mine.public_pem)[:16]}… (awskms:{key})"


def test_a_statement_of_any_size_is_signed(key: str) -> None:
    """KMS takes 4096 bytes of a message; what it gets is a digest."""
    large = SAID | {"predicate": {"resources": ["x" * 60] * 10_000}}
    mine = open_kms(key)
    assert is_good(read_bundle(mine.sign(large)), Signer(name="release", key=mine.public_pem))


def test_a_key_is_named_in_any_way_that_kms_knows(server: MotoKms, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server.kms.create_alias(AliasName="alias/modelbook", TargetKeyId=key)
    public = open_kms(key).public_pem
    for uri in (f"awskms:{key.rpartition('/')[2]}", f"awskms:{key}", f"awskms:///{key}", "awskms:alias/modelbook"):
        mine = open_signer(uri)
        assert mine.is_signer(Signer(name="release", key=public))
        assert is_good(read_bundle(mine.sign(SAID)), Signer(name="release", key=public))
    monkeypatch.delenv("AWS_REGION")  # an ARN has it
    assert open_kms(key).public_pem == public
    with pytest.raises(BadInput, match="no region is named"):
        open_kms("alias/modelbook")


@pytest.mark.parametrize(
    ("spec", "usage"), [("ECC_NIST_P384", "SIGN_VERIFY"), ("RSA_2048", "SIGN_VERIFY"), ("RSA_2048", "ENCRYPT_DECRYPT")]
)
def test_another_kind_of_key_is_refused_with_the_kind_that_is_needed(server: MotoKms, spec: str, usage: str) -> None:
    with pytest.raises(BadInput, match=rf"this key is {spec} for {usage}.*\n.*create-key --key-spec ECC_NIST_P256"):
        open_kms(server.make_key(spec, usage))


def test_a_key_that_is_not_there_or_not_in_use_is_said_so(server: MotoKms) -> None:
    with pytest.raises(SigningError, match=r"KMS refused GetPublicKey \(NotFoundException\).*\n.*region and account"):
        open_kms("00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize(("allowed", "operation"), [("kms:DescribeKey", "GetPublicKey"), ("kms:GetPublicKey", "Sign")])
def test_the_missing_permission_is_named(
    server: MotoKms, key: str, allowed: str, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam, name = server.any_client("iam"), f"signer-{operation}"
    iam.create_user(UserName=name)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    rights = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [rights]})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", made["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made["SecretAccessKey"])
    requests.post(f"{server.endpoint}/moto-api/reset-auth", data="0", timeout=10)
    try:
        with pytest.raises(SigningError) as caught:
            open_kms(key).sign(SAID)
    finally:
        requests.post(f"{server.endpoint}/moto-api/reset-auth", data="inf", timeout=10)
    assert f"KMS refused {operation} (403)" in caught.value.message
    assert f"need kms:{operation} on this key" in str(caught.value.remedy)


def test_without_credentials_or_a_server_it_says_what_to_set(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(SigningError, match=r"EndpointConnectionError.*\n.*AWS_ENDPOINT_URL_KMS"):
        open_kms(key)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(SigningError, match=r"NoCredentialsError.*\n.*AWS_ACCESS_KEY_ID"):
        open_kms(key)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(SigningError, match=r"ProfileNotFound.*\n.*AWS_PROFILE names a profile"):
        open_kms(key)


def test_a_signature_that_its_own_public_key_refuses_is_never_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a server exists: moto as it comes hashes a digest once more."""
    with MotoKms(digests=False) as plain:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", plain.endpoint)
        with pytest.raises(SigningError, match="that its own public key refuses"):
            open_kms(plain.make_key()).sign(SAID)


def test_an_unknown_scheme_is_refused_with_those_there_are() -> None:
    for uri in ("vault:x", "awskms:", "key.pem", ""):
        with pytest.raises(BadInput, match=re.escape(f"{uri!r} names no signer")) as caught:
            open_signer(uri)
        for known in ("file:PATH", "env:VARIABLE", "awskms:KEY"):
            assert known in str(caught.value.remedy)


def test_boto3_is_imported_for_kms_alone() -> None:
    script = "import sys, modelbook.adapters.signer, modelbook.commands.approve; sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
