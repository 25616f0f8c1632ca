"""The one boto3 client of a store: made when first needed, led by the standard AWS variables."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from modelbook.adapters.garbage import uncollected
from modelbook.adapters.kept_connections import KeptConnections
from modelbook.adapters.s3_errors import explained_s3, store_error
from modelbook.adapters.s3_wire import WiredClient

CONNECT_SECONDS = 10
READ_SECONDS = 60
ATTEMPTS = 5
CONNECTIONS = 32
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


class LazyClient:
    """A boto3 S3 client, made by the first call of `get`, shared by all threads (boto3's clients allow that).

    `where` is the URI that errors name.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._lock = threading.Lock()
        self._client: Any = None

    def get(self) -> Any:
        """The client. Raises StoreError if the AWS variables or files make none."""
        with self._lock:
            if self._client is None:
                with explained_s3(self._where), uncollected():
                    try:
                        self._client = _new_client()
                    except ValueError as error:  # botocore's answer to a malformed endpoint
                        raise store_error(error, self._where) from error
            return self._client


@cache
def _descriptions(folders: str | None) -> Any:
    """What AWS's services take, as botocore's files say: to read them takes most of the time that a client takes."""
    from botocore.loaders import create_loader

    loader: Any = create_loader(folders)
    # Not `Path.is_dir`: it raises for a home that cannot be entered.
    folders_there = [Path(each) for each in loader.search_paths if os.path.isdir(each)]  # noqa: PTH112
    services = [each.name for folder in folders_there for each in folder.iterdir()]
    # Its own answer takes a look into each of these 400, and is asked for twice, only to know whether S3 is one.
    loader.list_available_services = lambda type_name: services  # noqa: ARG005 - callers name it
    return loader


@contextmanager
def _absent(module: str) -> Iterator[None]:
    """As if this module were not installed, unless somebody has imported it."""
    if module in sys.modules:
        yield
        return
    modules: dict[str, Any] = sys.modules
    modules[module] = None  # which is how Python is told so
    try:
        yield
    finally:
        modules.pop(module, None)


def _new_client() -> WiredClient:
    with _absent("urllib3.contrib.pyopenssl"):  # slow, and all that is asked of it is the standard library's own class
        import boto3
        from botocore.httpsession import get_cert_path
    from botocore.config import Config
    from botocore.session import get_session

    session = get_session()
    session.register_component("data_loader", _descriptions(session.get_config_variable("data_path")))
    # botocore itself reads only AWS_DEFAULT_REGION; every other SDK, and GitHub's runners, know AWS_REGION.
    region = os.environ.get("AWS_REGION") or session.get_config_variable("region") or "us-east-1"
    attempts = int(os.environ.get("AWS_MAX_ATTEMPTS") or ATTEMPTS)
    own_endpoint = any(os.environ.get(name) for name in _ENDPOINT_VARIABLES)
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        # Every write here brings its own checksum, and every read is checked against a signed sha256.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # The signature covers that checksum. To sign the body as well would hash every byte once more, over http too.
        s3={"addressing_style": "path" if own_endpoint else "auto", "payload_signing_enabled": False},
    )
    client = boto3.session.Session(botocore_session=session).client("s3", region_name=region, config=config)
    connections = KeptConnections(str(session.get_config_variable("ca_bundle") or get_cert_path(True)), READ_SECONDS)
    return WiredClient(client, session.get_credentials(), connections)
