"""Which endpoint answers which method and path, and what an endpoint is given and gives."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from tests.parts.github import refusals
from tests.parts.github.credentials import Token
from tests.parts.github.world import MOST_PER_PAGE, Json, Repository, World

Item = TypeVar("Item")
# Path arguments that may hold slashes: names of refs and paths of files.
_LONG = {"ref", "branch", "path", "basehead", "tag"}


@dataclass
class Request:
    """One HTTP request; `query` holds the last value of each name."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str:
        return self.path + (f"?{urlencode(self.query)}" if self.query else "")


@dataclass
class Answer:
    """What goes back. `body` is JSON, or None for an empty answer."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass
class Call:
    """One REST call as an endpoint sees it: whom it is from, on what, with what."""

    world: World
    token: Token | None
    found: Repository | None
    arguments: dict[str, str]
    query: dict[str, str]
    body: Json
    address: str

    @property
    def repository(self) -> Repository:
        assert self.found is not None, "only for endpoints under /repos/{owner}/{repo}"
        return self.found

    @property
    def login(self) -> str:
        return self.token.login if self.token else "anonymous"

    def number(self, name: str) -> int:
        """A path argument that is a number; anything else is not found."""
        text = self.arguments[name]
        if not text.isdigit():
            raise refusals.not_found()
        return int(text)

    def commit(self, name: str) -> str:
        """The commit that a path argument names: an id, a branch, a tag, or `heads/…`."""
        sha = self.repository.git.resolve(self.arguments[name])
        if sha is None:
            raise refusals.unprocessable(f"No commit found for SHA: {self.arguments[name]}")
        return sha

    def slice(self, items: Sequence[Item]) -> tuple[Sequence[Item], dict[str, str]]:
        """The asked page of `items`, and the headers that lead to the others."""
        most = self.found.most_per_page if self.found else MOST_PER_PAGE
        page, size = self._natural("page", 1), min(self._natural("per_page", 30), most)
        last = max(1, -(-len(items) // size))
        pages: dict[str, int] = {}
        if page > 1:
            pages |= {"prev": min(page - 1, last), "first": 1}
        if page < last:
            pages |= {"next": page + 1, "last": last}
        links = [
            f'<{self.address}?{urlencode({**self.query, "page": number})}>; rel="{relation}"'
            for relation, number in pages.items()
        ]
        return items[(page - 1) * size : page * size], {"Link": ", ".join(links)} if links else {}

    def paged(self, items: Sequence[Item], shape: Callable[[Item], Any]) -> Answer:
        """One page of a list, each item in its shape."""
        chosen, headers = self.slice(items)
        return Answer(200, [shape(item) for item in chosen], headers)

    def _natural(self, name: str, default: int) -> int:
        text = self.query.get(name, "")
        return max(1, int(text)) if text.isdigit() else default


Handler = Callable[[Call], Answer]


@dataclass(frozen=True)
class Endpoint:
    """An operation of the description, the permissions of which it needs one, and who answers it."""

    method: str
    template: str
    needs: tuple[tuple[str, str], ...]
    handler: Handler
    pattern: re.Pattern[str]

    @property
    def operation(self) -> tuple[str, str]:
        return self.method.lower(), self.template


ENDPOINTS: list[Endpoint] = []


def endpoint(method: str, template: str, needs: str) -> Callable[[Handler], Handler]:
    """Register a handler. `needs` is `scope:level`, several with `|` between them: one suffices."""
    permissions = tuple((scope, level) for scope, level in (need.split(":") for need in needs.split("|")))

    def register(handler: Handler) -> Handler:
        ENDPOINTS.append(Endpoint(method, template, permissions, handler, _pattern(template)))
        # More of the path written out means more exact: commits/{ref}/status goes before commits/{ref}.
        ENDPOINTS.sort(key=lambda each: -len(re.sub(r"\{\w+\}", "", each.template)))
        return handler

    return register


def find(method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
    """The endpoint for a path below the API's root, and its path arguments; None where there is none."""
    for candidate in ENDPOINTS:
        match = candidate.pattern.fullmatch(path) if candidate.method == method else None
        if match:
            return candidate, match.groupdict("")
    return None


def _pattern(template: str) -> re.Pattern[str]:
    if template.endswith("/contents/{path}"):
        template = template.removesuffix("/{path}")
        return re.compile(_groups(template) + "(?:/(?P<path>.*))?")
    return re.compile(_groups(template))


def _groups(template: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: f"(?P<{m[1]}>{'.+' if m[1] in _LONG else '[^/]+'})", template)
