"""A small HTTP proxy that stands before a real S3 server and does what networks and servers do wrong.

    with FaultProxy(server.endpoint) as proxy:
        proxy.inject(FlipByte(at=7), method="GET", path="/runs/")
        ...

Without a fault every request and answer passes unchanged, signature and all. Everything seen is in
`proxy.seen`.
"""

import http.client
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

BLOCK = 64 * 1024
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "proxy-connection"}


@dataclass(frozen=True)
class FlipByte:
    """One bit of the answer's byte `at` is turned over."""

    at: int


@dataclass(frozen=True)
class CutBody:
    """The answer ends after `after` bytes, and its headers say that this is all: a half-written object."""

    after: int


@dataclass(frozen=True)
class DropAnswer:
    """The connection ends after `after` bytes of the answer's body."""

    after: int


@dataclass(frozen=True)
class LoseAnswer:
    """The server does what it is asked, and nobody hears of it."""


@dataclass(frozen=True)
class Refuse:
    """The proxy answers with S3's error document instead of passing the request on."""

    status: int
    code: str
    message: str = "said by the fault proxy"


@dataclass(frozen=True)
class Say:
    """The proxy answers with this document instead of passing the request on."""

    status: int
    document: str


@dataclass(frozen=True)
class Hold:
    """The request waits before it is passed on: `reached` says that it came, `release` lets it go."""

    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class FlipUpload:
    """One bit of the request's byte `at` is turned over."""

    at: int


@dataclass(frozen=True)
class CutUpload:
    """The server gets `after` bytes of the request's body, and a length that agrees."""

    after: int


@dataclass(frozen=True)
class DropUpload:
    """The connection ends after `after` bytes of the request's body; the server sees a broken upload."""

    after: int


@dataclass(frozen=True)
class IgnoreRange:
    """The server answers with the whole object, whatever part was asked for."""


FaultOfAnswer = FlipByte | CutBody | DropAnswer | LoseAnswer | IgnoreRange
Fault = FaultOfAnswer | Refuse | Say | Hold | FlipUpload | CutUpload | DropUpload


class Seen(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class _Rule:
    fault: Fault
    method: str
    path: str
    skip: int
    times: int


class FaultProxy:
    """The proxy, from `with` to the end of its block; `endpoint` is its URL: by https if it has a certificate."""

    def __init__(self, upstream: str, certificate: tuple[Path, Path] | None = None) -> None:
        self._certificate = certificate
        address = urlsplit(upstream)
        self.upstream = (str(address.hostname), address.port)
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget all faults and all that was seen."""
        with self._lock:
            self.seen: list[Seen] = []
            self.abandoned = threading.Event()  # a client hung up before it had the whole answer
            self._rules: list[_Rule] = []

    def __enter__(self) -> Self:

        self._server = _Server(self)
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.endpoint = f"http{'s' if self._certificate else ''}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def inject(self, fault: Fault, *, method: str = "", path: str = "", skip: int = 0, times: int = 1) -> None:
        """Let the requests of `method` whose path and query contain `path` meet `fault`: `times`, after
        `skip`.
        """
        with self._lock:
            self._rules.append(_Rule(fault, method, path, skip, times))

    def requests(self, method: str, path: str = "") -> list[Seen]:
        """What came so far with this method and this text in path or query."""
        with self._lock:
            return [one for one in self.seen if one.method == method and path in one.path]

    def fault_for(self, request: Seen) -> Fault | None:
        """Note the request, and the fault that it shall meet."""
        with self._lock:
            self.seen.append(request)
            for rule in self._rules:
                if rule.times == 0 or rule.method not in ("", request.method) or rule.path not in request.path:
                    continue
                if rule.skip:
                    rule.skip -= 1
                    continue
                rule.times -= 1
                return rule.fault
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: "FaultProxy") -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up between two requests is what these tests are about, and no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        fault = self.server.owner.fault_for(Seen(self.command, self.path, dict(self.headers.items())))
        if isinstance(fault, Hold):
            fault.reached.set()
            fault.release.wait()
        promised = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(promised)
        if len(body) < promised:  # the client was killed, and no server takes half a body for the whole
            self.close_connection = True
            return
        if isinstance(fault, Refuse):
            document = f"<Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error>"
            fault = Say(fault.status, document)
        if isinstance(fault, Say):
            text = fault.document.encode()
            self._answer(fault.status, [("Content-Type", "application/xml")], text, len(text), fault)
            return
        upstream = http.client.HTTPConnection(*self.server.owner.upstream)
        try:
            self._forward(upstream, body, fault)
            if isinstance(fault, DropUpload):
                self.close_connection = True
                return
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        if isinstance(fault, LoseAnswer):
            self.close_connection = True
            return
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
        length = int(answer.getheader("Content-Length", len(content)))
        self._answer(answer.status, headers, content, length, fault)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve

    def _forward(self, upstream: http.client.HTTPConnection, body: bytes, fault: Fault | None) -> None:
        promised = len(body)
        if isinstance(fault, FlipUpload):
            body = _flipped(body, fault.at)
        elif isinstance(fault, CutUpload):
            body = body[: fault.after]
            promised = len(body)
        elif isinstance(fault, DropUpload):
            body = body[: fault.after]
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            left_out = name.lower() in _HOP_BY_HOP or name.lower() == "content-length"
            if not left_out and not (isinstance(fault, IgnoreRange) and name.lower() == "range"):
                upstream.putheader(name, value)
        if "Content-Length" in self.headers:
            upstream.putheader("Content-Length", str(promised))
        upstream.endheaders(body or None)

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, length: int, fault: Fault | None
    ) -> None:
        if isinstance(fault, FlipByte):
            body = _flipped(body, fault.at)
        elif isinstance(fault, CutBody):
            body = body[: fault.after]
            length = min(length, fault.after)
        elif isinstance(fault, DropAnswer):
            body = body[: fault.after]
            self.close_connection = True
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            for start in range(0, len(body), BLOCK):
                self.wfile.write(body[start : start + BLOCK])
        except (BrokenPipeError, ConnectionResetError):
            self.server.owner.abandoned.set()
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Requests are in `seen`; standard error belongs to the test."""


def _flipped(body: bytes, at: int) -> bytes:
    changed = bytearray(body)
    changed[at] ^= 1
    return bytes(changed)
