"""Clone, fetch and push over HTTP, by git's own CGI program, for those whose token may."""

import os
import subprocess
from pathlib import Path

from tests.parts.github.credentials import Token
from tests.parts.github.noticing import notice
from tests.parts.github.refusals import Refusal
from tests.parts.github.rest import token_of
from tests.parts.github.routes import Request
from tests.parts.github.world import Repository, World

_SERVICES = ("/info/refs", "/git-upload-pack", "/git-receive-pack")


def repository_of(world: World, path: str) -> tuple[Repository, str] | None:
    """The repository that a git client asks for (with or without `.git`), and the part of it."""
    for service in _SERVICES:
        if path.endswith(service):
            name = path.removesuffix(service).strip("/").removesuffix(".git")
            if name in world.repositories:
                return world.repositories[name], service
    return None


def serve(world: World, request: Request) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of a git client's request. GitHub says no to git in plain text."""
    found = repository_of(world, request.path)
    if found is None:
        return _no(404, "Repository not found.")
    repository, service = found
    pushes = "git-receive-pack" in (service.strip("/"), request.query.get("service"))
    try:
        token = token_of(world, request)
    except Refusal:
        return _no(401, "Invalid username or token. Password authentication is not supported for Git operations.")
    if token is None and (pushes or repository.private):
        status, headers, body = _no(
            401, "Repository not found." if repository.private else "No anonymous write access."
        )
        return status, [*headers, ("WWW-Authenticate", 'Basic realm="GitHub"')], body
    reached = token is None or token.reaches(repository.full_name)
    if token is not None and not (reached and token.allows("contents", "write" if pushes else "read")):
        verb = "Write access to repository not granted." if pushes else "Repository not found."
        return _no(403 if pushes else 404, verb)
    if not pushes:
        return _run(world.root, repository, service, request, token)
    with world.lock:
        notice(world, repository, repository.owner)
        answer = _run(world.root, repository, service, request, token)
        notice(world, repository, token.login if token else repository.owner)
        return answer


def _run(
    root: Path, repository: Repository, service: str, request: Request, token: Token | None
) -> tuple[int, list[tuple[str, str]], bytes]:
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.git.path.relative_to(root)}{service}",
        "QUERY_STRING": "&".join(f"{name}={value}" for name, value in request.query.items()),
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "REMOTE_USER": token.login if token else "",
        "REMOTE_ADDR": "127.0.0.1",
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
    }
    command = ["git", "http-backend"]
    done = subprocess.run(command, input=request.body, env=environment, capture_output=True, check=False)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    status, headers = 200, []
    for line in head.decode().split("\r\n"):
        name, _, value = line.partition(": ")
        if name.lower() == "status":
            status = int(value.split()[0])
        elif name:
            headers.append((name, value))
    return status, headers, body


def _no(status: int, message: str) -> tuple[int, list[tuple[str, str]], bytes]:
    return status, [("Content-Type", "text/plain")], f"{message}\n".encode()
