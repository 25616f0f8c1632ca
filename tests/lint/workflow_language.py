"""Lints workflows and composite actions with the language server of GitHub's own editor extension.

It knows what schemas cannot say: unknown needs, contexts and outputs, malformed expressions, and the inputs
and secrets of called workflows. It speaks the Language Server Protocol over its standard streams.

Usage: python -m tests.lint.workflow_language FILE...     exit 0 clean, 1 findings, 2 it could not run
"""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlparse

from tests.lint.documents import ROOT

SERVER = ROOT / "tests/node/node_modules/@actions/languageserver/bin/actions-languageserver"
# A run takes about a second; a server that hangs is ended, and its closed stream ends the reader.
DEADLINE_S = 60.0
# The server has no payload of a merge queue's event, so that it takes what GitHub documents for a mistake.
UNKNOWN_TO_IT = {"Context access might be invalid: merge_group"}


class ServerStopped(Exception):
    """The language server is not installed, ended early, or ran past the deadline."""


@contextmanager
def language_server() -> Iterator[subprocess.Popen[bytes]]:
    node = shutil.which("node")
    if node is None or not SERVER.exists():
        raise ServerStopped("Node.js or its packages are missing: install Node.js 20 or newer, then make install")
    command = [node, str(SERVER), "--stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        watchdog = threading.Timer(DEADLINE_S, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def send(stream: IO[bytes], message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any]:
    """The next message; raises ServerStopped at the end of the stream."""
    length = 0
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = stream.read(length)
    if not length or len(body) < length:
        raise ServerStopped("the language server stopped before it had read every file")
    message: dict[str, Any] = json.loads(body)
    return message


def path_of(uri: str) -> Path:
    return Path(unquote(urlparse(uri).path))


def answer(request: dict[str, Any]) -> str | None:
    """The server asks for files that a workflow calls; whatever else it asks has no answer here."""
    if request["method"] != "actions/readFile":
        return None
    path = path_of(request["params"]["path"])
    return path.read_text() if path.is_file() else None


def diagnose(files: Sequence[Path], root: Path = ROOT) -> list[str]:
    """Every finding of the server in these files of the repository at `root`, as `path:line: sentence`."""
    paths = [path.resolve() for path in files]
    root = root.resolve()
    # With a repository described, the server resolves `./.github/workflows/x.yml` by asking us for the file.
    repository = {"id": 1, "owner": "owner", "name": "name", "workspaceUri": root.as_uri()}
    hello = {
        "processId": None,
        "rootUri": root.as_uri(),
        "capabilities": {},
        "initializationOptions": {"repos": [repository]},
    }
    findings: list[tuple[str, int, str]] = []
    with language_server() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        send(process.stdin, {"id": 1, "method": "initialize", "params": hello})
        while receive(process.stdout).get("id") != 1:
            pass
        send(process.stdin, {"method": "initialized", "params": {}})
        for path in paths:
            document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": path.read_text()}
            send(process.stdin, {"method": "textDocument/didOpen", "params": {"textDocument": document}})
        waiting = set(paths)
        while waiting:
            message = receive(process.stdout)
            if message.get("method") == "textDocument/publishDiagnostics":
                path = path_of(message["params"]["uri"])
                waiting.discard(path)
                for found in message["params"]["diagnostics"]:
                    if found["message"] in UNKNOWN_TO_IT:
                        continue
                    name = path.relative_to(root).as_posix()
                    findings.append((name, found["range"]["start"]["line"] + 1, found["message"]))
            elif "id" in message and "method" in message:
                send(process.stdin, {"id": message["id"], "result": answer(message)})
    return [f"{name}:{line}: {sentence}" for name, line, sentence in sorted(findings)]


def main() -> int:
    try:
        findings = diagnose([Path(name) for name in sys.argv[1:]])
    except ServerStopped as stopped:
        print(f"workflow_language: {stopped}", file=sys.stderr)
        return 2
    print("\n".join(findings) or f"workflow_language: {len(sys.argv) - 1} files, no finding")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
