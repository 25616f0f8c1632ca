"""Fixtures of the parts: a GitHub, a repository on it, and act on that.

`github` and `act` are one test's own. `shared_github`, `repo_name` and `repo` share one server between the tests of a
module and give each test a repository of its own, which is twice as quick.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.parts.act import Act
from tests.parts.github.client import GitHubServer

if TYPE_CHECKING:
    from github.Repository import Repository

DISPATCHED = """
on:
  workflow_dispatch:
    inputs:
      model: {required: true}
      device: {type: choice, options: [cpu, gpu], default: cpu}
jobs: {one: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}}
"""


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHubServer]:
    """A GitHub of its own for one test, with no repository and no token yet."""
    with GitHubServer(tmp_path / "github") as server:
        yield server


@pytest.fixture
def act(github: GitHubServer, tmp_path: Path) -> Act:
    """act for the test's own GitHub, without a store."""
    return Act(github, tmp_path / "act")


@pytest.fixture(scope="module")
def shared_github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    """A GitHub for the tests of one module, with `sample`'s people; no answer of it may be against the description."""
    from tests.parts.sample import ALICE, BOB, BOT, READER

    with GitHubServer(tmp_path_factory.mktemp("github")) as server:
        server.add_token(BOT, "github-actions[bot]", name="default token")
        server.add_token(ALICE, "alice")
        server.add_token(BOB, "bob")
        server.add_token(READER, "ci[bot]", {"contents": "read", "pull_requests": "read"})
        yield server
        assert [entry for entry in server.log() if "failure" in entry] == []


@pytest.fixture
def repo_name(shared_github: GitHubServer, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The full name of a repository of the test's own."""
    name = f"acme/{request.node.name.replace('_', '-').replace('[', '-').replace(']', '')}"
    files = {"README.md": "hello\n", "a.txt": "one\ntwo\nthree\n", ".github/workflows/train.yml": DISPATCHED}
    shared_github.add_repository(name, from_worktree=make_worktree(tmp_path / "work", files))
    return name


@pytest.fixture
def repo(shared_github: GitHubServer, repo_name: str) -> "Repository":
    """The same, as PyGithub sees it with the default token."""
    from tests.parts.sample import open_github

    return open_github(shared_github.api_url).get_repo(repo_name)


def make_worktree(folder: Path, files: dict[str, str]) -> Path:
    """A git repository on `main` with these files as its only commit."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    identity = ["-c", "user.name=Alice", "-c", "user.email=alice@example.org"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)
    return folder
