"""The short way of bytes to and from S3, for the requests that come in great numbers.

boto3 takes most of a millisecond of processor time for a request, and copies what it sends. So the first request in a
bucket is boto3's. From then on bytes go to the same place by http.client, straight from and into the caller's buffers,
signed by botocore's own signer with the same credentials. Whatever is not answered as usual (a busy server, a redirect,
a connection that breaks) boto3 asks again by itself: it alone knows when to ask once more, and where.
"""

from collections.abc import Mapping
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from modelbook.adapters.kept_connections import Answer, KeptConnections, Server

_USUAL = {200, 206}
_FINAL = {403, 404, 409, 412, 416}  # boto3 would not ask again either
_CHECKSUMS = {"ChecksumSHA256": "x-amz-checksum-sha256", "ChecksumCRC32": "x-amz-checksum-crc32"}
_ASKED = {"IfNoneMatch": "If-None-Match", "IfMatch": "If-Match", "Range": "Range", **_CHECKSUMS}
_ANSWERED = {"ETag": "ETag", "ContentRange": "Content-Range", **_CHECKSUMS}
_NOTED = "modelbook"


class _Place(NamedTuple):
    """Where boto3 found a bucket: the server, the path above the keys, and the region that signatures name."""

    server: Server
    above: str
    region: str


class WiredClient:
    """A boto3 S3 client whose requests for one object, or for a part of one, take the short way where there is one.

    They know the parameters that a store uses (`Body` may be a memoryview), and answer and raise as boto3 does. All
    else is the client's own. Safe to use from several threads at once.
    """

    def __init__(self, client: Any, credentials: Any, connections: KeptConnections) -> None:
        self._client = client
        self._credentials = credentials
        self._connections = connections
        self._places: dict[str, _Place | None] = {}
        client.meta.events.register("before-parameter-build.s3", _note)
        client.meta.events.register("before-sign.s3", self._learn)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_object(self, **asked: Any) -> Any:
        """As boto3's."""
        answer = self._put("PutObject", asked)
        return answer if answer is not None else self._client.put_object(**_copied(asked))

    def upload_part(self, **asked: Any) -> Any:
        """As boto3's."""
        query = f"?partNumber={asked['PartNumber']}&uploadId={quote(asked['UploadId'], safe='')}"
        answer = self._put("UploadPart", asked, query)
        return answer if answer is not None else self._client.upload_part(**_copied(asked))

    def head_object(self, **asked: Any) -> Any:
        """As boto3's."""
        answer = self._answer("HEAD", "HeadObject", asked)
        if answer:
            answer.read()
            answer.close()
            with suppress(TypeError, ValueError):  # boto3 knows what to say of such an answer
                modified = parsedate_to_datetime(answer.headers["Last-Modified"])
                return _fields(answer) | {
                    "ContentLength": int(answer.headers["Content-Length"]),
                    "LastModified": modified,
                }
        return self._client.head_object(**asked)

    def get_object(self, **asked: Any) -> Any:
        """As boto3's. `Body` can be read, read into a buffer, and closed."""
        body = self._answer("GET", "GetObject", asked)
        if body and body.length is not None:
            return _fields(body) | {"ContentLength": body.length, "Body": body}
        if body:
            body.close()
        return self._client.get_object(**asked)

    def _learn(self, request: Any, signing_name: str, region_name: str, signature_version: str, **_: object) -> None:
        """Note where boto3 goes with a request, and in which region's name: a redirect makes it go elsewhere."""
        bucket, key = request.context.get(_NOTED, (None, None))
        if not key:
            return
        from botocore.utils import get_environ_proxies

        url, end = urlsplit(request.url), quote(key, safe="/~")
        signing = {"region": region_name, "signing_name": signing_name, **request.context.get("signing", {})}
        usual = signature_version == "s3v4" and signing["signing_name"] == "s3" and "request_credentials" not in signing
        place = None
        # Signed otherwise (a directory bucket, say), or through a proxy, boto3 goes alone.
        if usual and url.path.endswith("/" + end):
            server = Server(url.netloc, secure=url.scheme == "https")
            place = _Place(server, url.path.removesuffix(end), signing["region"])
            if place != self._places.get(bucket) and get_environ_proxies(request.url):
                place = None
        self._places[bucket] = place

    def _put(self, operation: str, asked: Mapping[str, Any], query: str = "") -> dict[str, Any] | None:
        answer = self._answer("PUT", operation, asked, query)
        if answer is None:
            return None
        with closing(answer):
            try:
                answer.read()
            except (OSError, HTTPException):
                return None
            return _fields(answer)

    def _answer(self, method: str, operation: str, asked: Mapping[str, Any], query: str = "") -> Answer | None:
        """The answer, or None where boto3 had better ask. Raises a ClientError that asking again would not change."""
        place = self._places.get(asked["Bucket"])
        if place is None or self._credentials is None:
            return None
        body = asked.get("Body", b"")
        headers = {header: asked[name] for name, header in _ASKED.items() if name in asked}
        target = place.above + quote(asked["Key"], safe="/~") + query
        headers = self._signed(place, method, target, headers)
        if method == "PUT":
            headers["Content-Length"] = str(len(body))  # not signed, as boto3 does not
        try:
            answer = self._connections.ask(place.server, method, target, headers, body)
            if answer.status in _USUAL:
                return answer
            with closing(answer):
                said = answer.read()
        except (OSError, HTTPException):
            return None
        if answer.status in _FINAL:
            raise self._refusal(operation, answer, said)
        return None

    def _signed(self, place: _Place, method: str, target: str, headers: dict[str, str]) -> dict[str, str]:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest

        scheme = "https" if place.server.secure else "http"
        request = AWSRequest(method, f"{scheme}://{place.server.host}{target}", headers)
        request.context["client_config"] = self._client.meta.config  # which says that bodies are not signed
        S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", place.region).add_auth(request)
        return dict(request.headers.items())

    def _refusal(self, operation: str, answer: Answer, said: bytes) -> Exception:
        from botocore.exceptions import ClientError
        from botocore.parsers import create_parser

        shape = self._client.meta.service_model.operation_model(operation).output_shape
        response = {"status_code": answer.status, "headers": answer.headers, "body": said}
        return ClientError(create_parser("rest-xml").parse(response, shape), operation)


def _note(params: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
    context[_NOTED] = params.get("Bucket"), params.get("Key")


def _fields(answer: Answer) -> dict[str, Any]:
    found = ((name, answer.headers.get(header)) for name, header in _ANSWERED.items())
    return {name: value for name, value in found if value is not None}


def _copied(asked: Mapping[str, Any]) -> dict[str, Any]:
    """As boto3 wants it, which takes no memoryview."""
    return {**asked, "Body": bytes(asked["Body"])}
