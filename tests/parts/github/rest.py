"""One REST call, from request to answer: who asks, may they, is the body right, and is our answer right."""

import base64
import hashlib
import json
from typing import Any

from tests.parts.github import apps, refusals
from tests.parts.github.credentials import Token
from tests.parts.github.description import Description
from tests.parts.github.endpoints import register_all
from tests.parts.github.endpoints.merges import merge_what_waits
from tests.parts.github.noticing import notice
from tests.parts.github.refusals import Refusal
from tests.parts.github.routes import ENDPOINTS, Answer, Call, Endpoint, Request, find
from tests.parts.github.world import Json, Repository, World


class WrongAnswer(Exception):
    """The server is about to answer what GitHub's description does not allow: a bug of the server."""


class Rest:
    """The REST API of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        register_all()
        self.description = Description([each.operation for each in ENDPOINTS])

    def answer(self, request: Request, path: str) -> Answer:
        """Answer a call to `path`, which is below the API's root; raises WrongAnswer."""
        found = find(request.method, path)
        if found is None:
            return _refused(refusals.not_found())
        endpoint, arguments = found
        try:
            answer = self._worked(request, endpoint, arguments)
        except Refusal as refusal:
            answer = _refused(refusal)
        self._check(endpoint, answer)
        answer.headers |= {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": "4999",
            "X-RateLimit-Used": "1",
        }
        return answer

    def _worked(self, request: Request, endpoint: Endpoint, arguments: dict[str, str]) -> Answer:
        token = token_of(self.world, request)
        repository = self._repository(arguments, token)
        _permit(endpoint, token, repository)
        body = _json_body(request)
        if request.method in ("POST", "PUT", "PATCH"):
            errors = self.description.request_errors(endpoint.operation, body)
            if errors:
                raise refusals.invalid_request(errors)
        address = f"{self.world.url}{request.path}"
        call = Call(self.world, token, repository, arguments, request.query, body, address)
        if repository is None:
            return endpoint.handler(call)
        notice(self.world, repository, repository.owner)
        answer = endpoint.handler(call)
        if request.method != "GET":
            notice(self.world, repository, call.login)
            merge_what_waits(self.world, repository)
        return answer

    def _repository(self, arguments: dict[str, str], token: Token | None) -> Repository | None:
        if "owner" not in arguments:
            return None
        repository = self.world.repositories.get(f"{arguments['owner']}/{arguments['repo']}")
        reached = token is None or token.reaches(f"{arguments['owner']}/{arguments['repo']}")
        if repository is None or (repository.private and token is None) or not reached:
            raise refusals.not_found()
        return repository

    def _check(self, endpoint: Endpoint, answer: Answer) -> None:
        if answer.status < 300 and not self.description.knows_answer(endpoint.operation, answer.status):
            raise WrongAnswer(f"{endpoint.method} {endpoint.template} never answers {answer.status}")
        if answer.body is None:
            return
        errors = self.description.answer_errors(endpoint.operation, answer.status, answer.body)
        if errors:
            raise WrongAnswer(f"{endpoint.method} {endpoint.template} {answer.status}: {'; '.join(errors[:5])}")


def credential(request: Request) -> str | None:
    """The secret that a request carries, as a bearer token or as a basic password; None without one."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[2]
        except ValueError:
            return ""
    return value.strip() if scheme else None


def fingerprint(request: Request) -> str | None:
    """Stands for the Authorization header in the log, which must never hold a secret."""
    secret = credential(request)
    return None if secret is None else "sha256:" + hashlib.sha256(secret.encode()).hexdigest()[:16]


def token_of(world: World, request: Request) -> Token | None:
    """Whose token it is; None for nobody's. A token that nobody has is refused."""
    secret = credential(request)
    if secret is None:
        return None
    if secret.count(".") == 2:
        return apps.by_jwt(world, secret)
    token = world.tokens.get(secret)
    if token is None or (token.ends is not None and token.ends <= world.time()):
        raise refusals.bad_credentials()
    return token


def _permit(endpoint: Endpoint, token: Token | None, repository: Repository | None) -> None:
    if token is None:
        if endpoint.method != "GET" or repository is None:
            raise refusals.requires_authentication()
        return
    if (token.app is None) == (endpoint.needs[0][0] == "app"):
        raise refusals.no_web_token()
    if not any(token.allows(scope, level) for scope, level in endpoint.needs):
        raise refusals.not_accessible(*endpoint.needs[0])


def _json_body(request: Request) -> Json:
    if not request.body:
        return {}
    try:
        body: Any = json.loads(request.body)
    except ValueError as error:
        raise Refusal(400, "Problems parsing JSON") from error
    if isinstance(body, list) and request.path.endswith("/labels"):
        return {"labels": body}  # GitHub takes a bare list of labels too, and PyGithub sends one
    if not isinstance(body, dict):
        raise Refusal(400, "Body should be a JSON object")
    return body


def _refused(refusal: Refusal) -> Answer:
    return Answer(refusal.status, refusal.body, dict(refusal.headers))
