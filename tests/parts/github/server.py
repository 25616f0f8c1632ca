"""One connection: which of REST, git, OIDC or the tests' own paths answers, with which fault; and the log."""

import json
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.parts.github import git_http, graphql
from tests.parts.github.admin import Admin
from tests.parts.github.faults import Fault, Faults
from tests.parts.github.oidc import Issuer
from tests.parts.github.refusals import Refusal
from tests.parts.github.rest import Rest, WrongAnswer, credential, fingerprint
from tests.parts.github.routes import Answer, Request
from tests.parts.github.world import Json, World, now

_API_ROOTS = ("/api/v3", "/api")
_SHOWN = 300  # characters of a value that the log keeps
Reply = tuple[int, list[tuple[str, str]], bytes]


class Server(ThreadingHTTPServer):
    """All connections of one world, on loopback only."""

    daemon_threads = True

    def __init__(self, root: Path, port: int, log: Path) -> None:
        super().__init__(("127.0.0.1", port), Connection)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.world = World(root, self.url)
        self.rest = Rest(self.world)
        self.faults = Faults()
        self.issuer = Issuer(self.world)
        self.admin = Admin(self.world, self.faults, self.issuer)
        self._log = log.open("a", buffering=1)
        self._log_lock = threading.Lock()

    def write_log(self, entry: Json) -> None:
        """Append one line; called before the answer is sent, so that who has an answer finds its line."""
        with self._log_lock:
            self._log.write(json.dumps(entry) + "\n")

    def reply(self, request: Request) -> tuple[Reply, str | None]:
        """The answer to a request that meets no fault, and the trace of a failure of the server's own."""
        try:
            return self._routed(request), None
        except Refusal as refusal:
            return _json_reply(Answer(refusal.status, refusal.body, refusal.headers)), None
        except WrongAnswer as wrong:
            return _json_reply(Answer(500, {"message": f"the tests' GitHub is wrong: {wrong}"})), str(wrong)
        except Exception as error:  # noqa: BLE001 - whatever a handler does, the client gets an answer and the log a trace
            message = f"the tests' GitHub failed: {type(error).__name__}: {error}"
            return _json_reply(Answer(500, {"message": message})), traceback.format_exc()

    def _routed(self, request: Request) -> Reply:
        if request.path.startswith("/_test/"):
            order = json.loads(request.body or b"{}")
            with self.world.lock:
                return _json_reply(Answer(200, self.admin.answer(request.path.removeprefix("/_test/"), order)))
        if request.path == "/oidc" or request.path.startswith("/oidc/"):
            with self.world.lock:
                return _json_reply(Answer(200, self.issuer.answer(request, request.path.removeprefix("/oidc"))))
        if request.path == "/api/graphql":
            with self.world.lock:
                return _json_reply(graphql.answer(self.world, request))
        for root in _API_ROOTS:
            if request.path.startswith(f"{root}/"):
                with self.world.lock:
                    return _json_reply(self.rest.answer(request, request.path.removeprefix(root)))
        return git_http.serve(self.world, request)


class Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one piece: in two, the kernel holds the second back for 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The `Date` of an answer: that of this server's clock."""
        return super().date_time_string(self.server.world.time() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: Any) -> None:
        """The server keeps its own log."""

    def _work(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(self.command, unquote(parts.path), query, headers, self._body())
        if request.path.startswith("/_test/"):
            reply, _ = self.server.reply(request)
            self._send(reply)
            return
        fault = self.server.faults.meet(request.method, request.target)
        failure = None
        if fault is None or fault.after_effect:
            reply, failure = self.server.reply(request)
        if fault is not None:
            fields = [("Content-Type", "application/json; charset=utf-8"), *fault.headers.items()]
            reply = fault.status, fields, fault.answer()
        self.server.write_log(self._entry(request, reply, fault, failure))
        if fault is not None and fault.drop:
            self.close_connection = True
            return
        self._send(reply)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _work

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, reply: Reply) -> None:
        status, headers, body = reply
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _entry(self, request: Request, reply: Reply, fault: Fault | None, failure: str | None) -> Json:
        secret = credential(request)
        token = self.server.world.tokens.get(secret) if secret is not None else None
        entry: Json = {
            "at": now(),
            "method": request.method,
            "path": request.target,
            "status": 0 if fault is not None and fault.drop else reply[0],
            "who": token.name if token else None,
            "authorization": fingerprint(request),
            "body": _summary(request.body),
        }
        if fault is not None:
            entry["fault"] = {"dropped": fault.drop, "after_effect": fault.after_effect}
        if reply[0] >= 400:
            entry["answer"] = _summary(reply[2])
        if failure is not None:
            entry["failure"] = failure
        return entry


def _json_reply(answer: Answer) -> Reply:
    headers = [("Content-Type", "application/json; charset=utf-8"), *answer.headers.items()]
    return answer.status, headers, answer.bytes()


def _summary(body: bytes) -> Any:
    """A body for the log: JSON with long texts cut, the size in bytes of anything else."""
    try:
        return _cut(json.loads(body)) if body else None
    except ValueError:
        return {"bytes": len(body)}


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}… ({len(value)} characters)"
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if isinstance(value, dict):
        return {name: _cut(item) for name, item in value.items()}
    return value
