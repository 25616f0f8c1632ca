"""The real servers that adapter tests speak to, started once a test process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbook.adapters import s3_reading
from tests.parts.fault_proxy import FaultProxy
from tests.parts.s3 import MotoS3, RcloneS3
from tests.parts.stores import BucketPlace, Faulty, FolderPlace, Place


@pytest.fixture(scope="session")
def rclone() -> Iterator[RcloneS3]:
    """`rclone serve s3`."""
    with RcloneS3() as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoS3]:
    """moto's server."""
    with MotoS3() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_credentials_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach a real bucket with what the machine's owner has set up."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(params=["folder", "rclone", "moto"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The same promises are asked of every store, each in a new folder or bucket of its own."""
    if request.param == "folder":
        return FolderPlace(tmp_path)
    server = request.getfixturevalue(request.param)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return BucketPlace(server)


@pytest.fixture(scope="session")
def rclone_proxy(rclone: RcloneS3) -> Iterator[FaultProxy]:
    """The proxy before `rclone`."""
    with FaultProxy(rclone.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def moto_proxy(moto: MotoS3) -> Iterator[FaultProxy]:
    """The proxy before `moto`."""
    with FaultProxy(moto.endpoint) as proxy:
        yield proxy


@pytest.fixture(params=["rclone", "moto"])
def faulty(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Faulty:
    """A bucket whose store speaks to its server through a proxy; `place.client` goes straight to the server."""
    server = request.getfixturevalue(request.param)
    proxy = request.getfixturevalue(f"{request.param}_proxy")
    proxy.reset()
    for name, value in server.environment(proxy.endpoint).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3_reading, "_FIRST_PAUSE", 0.001)
    return BucketPlace(server, proxy.endpoint), proxy
