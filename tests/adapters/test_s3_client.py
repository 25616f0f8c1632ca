"""How the standard AWS variables lead the one client of a store, and what it costs when none is needed."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelbook.adapters.s3_client import LazyClient, _descriptions
from tests.parts.s3 import MotoS3


class Sent(Exception):
    """A request at the moment before it would go out."""


def url(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """Where the client sends a request for the key `a/b` of the bucket `models`."""

    def stop(request: Any, **_: object) -> None:
        raise Sent(request.url)

    for name, value in (variables | {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}).items():
        monkeypatch.setenv(name, value)
    client = LazyClient("s3://models").get()
    client.meta.events.register("before-send.s3", stop)
    with pytest.raises(Sent) as sent:
        client.get_object(Bucket="models", Key="a/b")
    return str(sent.value)


def test_without_an_endpoint_it_is_amazon_and_the_bucket_is_in_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert url(monkeypatch) == "https://models.s3.amazonaws.com/a/b"


def test_the_region_is_taken_from_either_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert url(monkeypatch) == "https://models.s3.eu-west-1.amazonaws.com/a/b"
    assert url(monkeypatch, AWS_REGION="eu-north-1") == "https://models.s3.eu-north-1.amazonaws.com/a/b"


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_another_server_is_addressed_by_path(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    variables = {name: "https://s3.example.com:9000"}
    assert url(monkeypatch, **variables) == "https://s3.example.com:9000/models/a/b"


def test_one_client_is_made_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    client = LazyClient("s3://models")
    assert client.get() is client.get()


def test_a_folder_of_descriptions_that_cannot_be_entered_is_passed_over(tmp_path: Path) -> None:
    """As the one in a home that belongs to somebody else."""
    home, before = tmp_path / "home", os.geteuid()
    home.mkdir(mode=0o000)
    _descriptions.__wrapped__(None)  # while all can be imported
    if before == 0:
        os.seteuid(65534)  # root may enter everything
    try:
        found = _descriptions.__wrapped__(str(home / "models"))
    finally:
        os.seteuid(before)
        home.chmod(0o700)
    assert isinstance(found.list_available_services(type_name="service-2"), list)


def test_boto3_is_imported_only_for_a_request() -> None:
    code = (
        "import sys, pathlib\n"
        "from modelbook.adapters.open_store import open_store\n"
        "open_store('s3://bucket/prefix', base=pathlib.Path('.'))\n"
        "print([each for each in sys.modules if each.startswith('boto')])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr


def test_credentials_may_come_from_a_role_that_a_token_opens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, moto: MotoS3
) -> None:
    """As in a workflow: botocore then makes a client of another service, for itself."""
    token = tmp_path / "token"
    token.write_text("of GitHub")
    variables = moto.environment() | {
        "AWS_ENDPOINT_URL_STS": moto.endpoint,
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/runner",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
    }
    del variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    bucket = moto.make_bucket("of-a-role")
    client = LazyClient(f"s3://{bucket}").get()
    client.put_object(Bucket=bucket, Key="a/b", Body=b"x")
    assert client.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"x"
