"""How the standard AWS variables lead the one client of a store, and what it costs when none is needed."""

import subprocess
import sys
from typing import Any

import pytest

from modelbook.adapters.s3_client import LazyClient


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


def test_boto3_is_imported_only_for_a_request() -> None:
    code = (
        "import sys, pathlib\n"
        "from modelbook.adapters.open_store import open_store\n"
        "open_store('s3://bucket/prefix', base=pathlib.Path('.'))\n"
        "print([each for each in sys.modules if each.startswith('boto')])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr
