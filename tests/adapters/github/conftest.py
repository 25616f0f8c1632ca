"""One GitHub for a module, and a repository of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.github.place import BOT, FILES, PERSON, STRANGER, Place
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    with GitHubServer(tmp_path_factory.mktemp("github")) as server:
        server.add_token(BOT, "github-actions[bot]")
        server.add_token(PERSON, "acme")
        server.add_token(STRANGER, "mallory")
        yield server
        assert [entry for entry in server.log() if "failure" in entry] == []


@pytest.fixture
def place(server: GitHubServer, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    name = "acme/" + "".join(char if char.isalnum() else "-" for char in request.node.name)
    bare = server.add_repository(name, from_worktree=make_worktree(tmp_path / "work", FILES))
    yield Place(server, name, bare)
    server.clear_faults()
