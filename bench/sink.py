"""An S3 server that answers at once and keeps nothing: what is measured against it is the client.

Just enough of S3 for the clients that are compared: it takes any upload and forgets it, and serves any object with the
size that stands in its name (`…-<bytes>`), all of it zeros; below `many-<count>x<bytes>/` it lists as many. The kernel
throws away what arrives, uncopied.
"""

import re
import socket
import subprocess
import sys
import threading
from email.utils import formatdate
from typing import Self
from urllib.parse import parse_qs, urlsplit

_ZEROS = memoryview(bytes(4 * 1024 * 1024))
_ZEROS_TO = bytearray(4 * 1024 * 1024)
_SIZE = re.compile(r"-(\d+)$")
_MANY = re.compile(r"(?:.*/)?many-(\d+)x(\d+)/")
_PAGE = 1000
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


class Sink:
    """The server, a process of its own from `with` to the end of its block; `endpoint` is its URL."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen([sys.executable, "-m", "bench.sink"], stdout=subprocess.PIPE, text=True)
        self.endpoint = self._process.stdout.readline().strip() if self._process.stdout else ""
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def environment(self) -> dict[str, str]:
        """What leads every client of the AWS variables here."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": "anybody",
            "AWS_SECRET_ACCESS_KEY": "anything",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def names(count: int, size: int) -> list[str]:
    """The objects below `many-<count>x<size>/`."""
    return [f"f{number:06d}-{size}" for number in range(count)]


def serve(listener: socket.socket) -> None:
    """Answer until the process ends."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_Connection(connection).serve, daemon=True).start()


class _Connection:
    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._kept = b""

    def serve(self) -> None:
        """Answer one request after the other, until the client hangs up."""
        with self._socket:
            try:
                while head := self._head():
                    self._answer(head)
            except OSError:
                return

    def _head(self) -> bytes:
        while b"\r\n\r\n" not in self._kept:
            data = self._socket.recv(65536)
            if not data:
                return b""
            self._kept += data
        head, _, self._kept = self._kept.partition(b"\r\n\r\n")
        return head

    def _answer(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("expect"):
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._swallow(int(headers.get("content-length", 0)))
        url = urlsplit(target)
        query = parse_qs(url.query, keep_blank_values=True)
        if method in ("GET", "HEAD") and not {"list-type", "location", "uploads", "uploadId", "prefix"} & query.keys():
            self._object(method, url.path, headers.get("range"))
        else:
            checksum = headers.get("x-amz-checksum-sha256")
            self._say(200, _document(method, url.path, query), checksum)

    def _swallow(self, length: int) -> None:
        kept = min(length, len(self._kept))
        self._kept = self._kept[kept:]
        length -= kept
        while length:
            # Not copied: the kernel only counts what it throws away.
            got = self._socket.recv_into(_ZEROS_TO, min(length, len(_ZEROS_TO)), socket.MSG_TRUNC)
            if not got:
                raise ConnectionResetError
            length -= got

    def _object(self, method: str, path: str, span: str | None) -> None:
        found = _SIZE.search(path)
        if not found:
            self._say(404, "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>" if method == "GET" else "")
            return
        size = int(found[1])
        begin, end, status = 0, size, "200 OK"
        more = ""
        if span:
            low, _, high = span.removeprefix("bytes=").partition("-")
            begin, end, status = int(low), min(int(high) + 1 if high else size, size), "206 Partial Content"
            more = f"Content-Range: bytes {begin}-{end - 1}/{size}\r\n"
        self._socket.sendall(
            f'HTTP/1.1 {status}\r\nContent-Length: {end - begin}\r\nETag: "0123456789abcdef0123456789abcdef"\r\n'
            f"Last-Modified: {formatdate(1e9, usegmt=True)}\r\nAccept-Ranges: bytes\r\n{more}\r\n".encode()
        )
        rest = end - begin if method == "GET" else 0
        while rest:
            rest -= self._socket.send(_ZEROS[: min(rest, len(_ZEROS))])

    def _say(self, status: int, document: str, checksum: str | None = None) -> None:
        body = (_XML + document).encode() if document else b""
        etag = 'ETag: "0123456789abcdef0123456789abcdef"\r\n' if status == 200 else ""
        if checksum:  # as S3 says what it wrote
            etag += f"x-amz-checksum-sha256: {checksum}\r\n"
        self._socket.sendall(f"HTTP/1.1 {status} .\r\nContent-Length: {len(body)}\r\n{etag}\r\n".encode() + body)


def _document(method: str, path: str, query: dict[str, list[str]]) -> str:
    bucket, _, key = path.lstrip("/").partition("/")
    if method == "POST" and "uploads" in query:
        return (
            f"<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key><UploadId>1</UploadId>"
            "</InitiateMultipartUploadResult>"
        )
    if method == "POST":
        return (
            f"<CompleteMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key>"
            "<ETag>&quot;0&quot;</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></CompleteMultipartUploadResult>"
        )
    if "uploads" in query:
        return f"<ListMultipartUploadsResult><Bucket>{bucket}</Bucket></ListMultipartUploadsResult>"
    if "location" in query:
        return "<LocationConstraint>us-east-1</LocationConstraint>"
    if "list-type" in query or "prefix" in query:
        return _listing(bucket, query)
    return ""


def _listing(bucket: str, query: dict[str, list[str]]) -> str:
    prefix = query.get("prefix", [""])[0]
    many = _MANY.fullmatch(prefix)
    found = names(int(many[1]), int(many[2])) if many else []
    begin = int(query.get("continuation-token", ["0"])[0])
    page = found[begin : begin + _PAGE]
    more = begin + _PAGE < len(found)
    next_one = f"<NextContinuationToken>{begin + _PAGE}</NextContinuationToken>" if more else ""
    contents = "".join(
        f"<Contents><Key>{prefix}{name}</Key><Size>{name.rpartition('-')[2]}</Size><ETag>&quot;0&quot;</ETag>"
        "<LastModified>2026-01-01T00:00:00.000Z</LastModified><StorageClass>STANDARD</StorageClass></Contents>"
        for name in page
    )
    return (
        f"<ListBucketResult><Name>{bucket}</Name><Prefix>{prefix}</Prefix><KeyCount>{len(page)}</KeyCount>"
        f"<MaxKeys>{_PAGE}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{next_one}{contents}</ListBucketResult>"
    )


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        print(f"http://127.0.0.1:{server.getsockname()[1]}", flush=True)
        serve(server)
