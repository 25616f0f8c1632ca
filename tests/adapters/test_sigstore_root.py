"""trusted_root.json as it comes: over TUF, with every signature checked, or from a file."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from modelbook.adapters.sigstore_check import check_keyless
from modelbook.adapters.sigstore_root import fetch_trusted_root, read_trusted_root
from modelbook.errors import BadInput, SigningError
from tests.parts.sigstore.server import SigstoreServer
from tests.parts.sigstore.signing import sign
from tests.parts.sigstore.tuf_repository import write_repository


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def sigstore() -> SigstoreServer:
    return SigstoreServer()


@pytest.fixture
def served(
    tmp_path: Path, sigstore: SigstoreServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Path, Path]]:
    """A TUF repository over HTTP: its address, its folder, its first root.json. Nothing is cached from elsewhere."""
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    config = json.loads(sigstore.client_config(tmp_path / "client.json").read_bytes())
    targets = {"trusted_root.json": sigstore.trusted_root(),
               "signing_config.v0.2.json": json.dumps(config["signingConfig"]).encode()}  # fmt: skip
    folder = tmp_path / "tuf"
    root = write_repository(folder, targets)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}", folder, root
        http.shutdown()
        thread.join()


def test_the_root_that_an_instance_publishes_checks_its_signatures(
    served: tuple[str, Path, Path], sigstore: SigstoreServer
) -> None:
    address, _, first = served
    data = fetch_trusted_root(address, first)
    assert json.loads(data) == json.loads(sigstore.trusted_root())
    statement = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "x", "digest": {"sha256": "a" * 64}}]}
    bundle = sign(sigstore, statement | {"predicateType": "https://x/v1", "predicate": {}})
    assert check_keyless(bundle, data).values[14] == "refs/heads/main"


def test_a_root_that_the_metadata_do_not_promise_is_not_taken(served: tuple[str, Path, Path]) -> None:
    address, folder, first = served
    (published,) = (folder / "targets").glob("*.trusted_root.json")
    published.write_bytes(SigstoreServer().trusted_root())
    with pytest.raises(SigningError, match="the trusted root cannot be fetched"):
        fetch_trusted_root(address, first)


def test_metadata_that_another_key_signed_are_not_taken(served: tuple[str, Path, Path], tmp_path: Path) -> None:
    address, _, _ = served
    stranger = write_repository(tmp_path / "stranger", {})
    with pytest.raises(SigningError, match="the trusted root cannot be fetched"):
        fetch_trusted_root(address, stranger)


def test_an_instance_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    first = write_repository(tmp_path / "tuf", {})
    with pytest.raises(SigningError, match="the trusted root cannot be fetched") as caught:
        fetch_trusted_root("http://127.0.0.1:9", first)
    assert "--from FILE" in str(caught.value.remedy)


def test_a_file_holds_the_root_alone_or_in_a_client_trust_config(sigstore: SigstoreServer, tmp_path: Path) -> None:
    alone = tmp_path / "trusted_root.json"
    alone.write_bytes(sigstore.trusted_root())
    config = sigstore.client_config(tmp_path / "client.json")
    assert read_trusted_root(alone) == read_trusted_root(config)
    assert json.loads(read_trusted_root(alone)) == json.loads(sigstore.trusted_root())


@pytest.mark.parametrize("junk", [b"", b"[]", b"{}", b'{"trustedRoot": 7}', b"\xff", b'{"mediaType": "x"}'])
def test_a_file_that_holds_no_root_is_bad_input(junk: bytes, tmp_path: Path) -> None:
    (tmp_path / "junk.json").write_bytes(junk)
    with pytest.raises(BadInput, match="no trusted root"):
        read_trusted_root(tmp_path / "junk.json")
    with pytest.raises(BadInput, match="cannot be read"):
        read_trusted_root(tmp_path / "none.json")
