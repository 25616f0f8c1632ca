"""A desk with GitHub behind it: each repository there begins as what is committed at the desk."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.made import Made
from tests.parts.desks import Desk, made_for_people
from tests.parts.github.client import GitHubServer

BOT, PERSON, STRANGER = (f"ghs_{letter * 36}" for letter in "opq")
VERIFY = (Path(__file__).resolve().parents[2] / ".github/workflows/verify.yml").read_text()
Json = dict[str, Any]
_numbers = count(1)


@pytest.fixture(scope="session")
def office_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    """One GitHub for all offices; each opens repositories of its own."""
    with GitHubServer(tmp_path_factory.mktemp("github")) as server:
        server.add_token(BOT, "github-actions[bot]")
        server.add_token(PERSON, "acme")
        server.add_token(STRANGER, "mallory")
        yield server


@pytest.fixture
def office(office_server: GitHubServer, empty_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator["Office"]:
    """Two versions of digits and one of other, each good enough for staging, which takes one signature."""
    empty_desk.commit(made_for_people(threshold=1).version("other", 1))
    office_server.clear_log()
    yield Office(empty_desk, office_server, monkeypatch)
    office_server.clear_faults()
    assert [entry for entry in office_server.log() if "failure" in entry] == []


def served_twice() -> list[Made]:
    """Production held digits@1, and then digits@2."""
    states = [made_for_people(threshold=1, stages=["staging", "production"])]
    states[0].version("digits", 2, {"accuracy": 0.97, "latency_ms": 10.0})
    for version in (1, 2):
        states.append(states[-1].copy().pointer("digits", "staging", version).pointer("digits", "production", version))
    return states


@pytest.fixture
def night(office_server: GitHubServer, empty_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator["Office"]:
    """Production of digits held version 1, and version 2 serves now."""
    for made in served_twice():
        empty_desk.commit(made)
    office_server.clear_log()
    yield Office(empty_desk, office_server, monkeypatch).open("night")
    assert [entry for entry in office_server.log() if "failure" in entry] == []


@dataclass
class Office:
    """The command line as a job's step in a clone of one repository on GitHub."""

    desk: Desk
    server: GitHubServer
    patch: pytest.MonkeyPatch
    name: str = ""
    bare: Path = Path()

    def open(self, name: str, **settings: Any) -> "Office":
        """Put what is committed at the desk on GitHub as a repository of its own, and work on that from now on."""
        workflow = self.desk.root / ".github/workflows/verify.yml"
        if not workflow.exists():
            workflow.parent.mkdir(parents=True)
            workflow.write_text(VERIFY)
            self.desk.git("add", "-A")
            self.desk.git("commit", "-q", "-m", "Verify changes")
        self.name = name if "/" in name else f"acme/{name}-{next(_numbers)}"
        self.bare = self.server.add_repository(self.name, from_worktree=self.desk.root, **settings)
        self.desk.git("remote", "rm", "origin") if "origin" in self.desk.git("remote") else None
        self.desk.git("remote", "add", "origin", str(self.bare))
        for variable, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": "acme",
            "GITHUB_TOKEN": BOT,
            "GITHUB_REPOSITORY": self.name,
            "GITHUB_RUN_ID": "1",
            "GITHUB_JOB": "job",
            "GITHUB_SERVER_URL": self.server.url,
            "GITHUB_API_URL": self.server.api_url,
            "MODELBOOK_GITHUB_PAUSE": "0",
        }.items():
            self.patch.setenv(variable, value)
        return self

    @property
    def state(self) -> Json:
        """All that GitHub remembers of the repository."""
        state: Json = self.server.state()["repositories"][self.name]
        return state

    def pull(self, number: int) -> Json:
        """A pull request as GitHub remembers it."""
        return next(dict(pull) for pull in self.state["pulls"] if pull["issue"]["number"] == number)

    def calls(self) -> list[str]:
        """What was asked of the repository's API, as method and path, oldest first."""
        prefix = f"/api/v3/repos/{self.name}"
        log = [entry for entry in self.server.log() if entry["path"].startswith(prefix)]
        return [f"{entry['method']} {entry['path'].removeprefix(prefix)}" for entry in log]

    def visible_writes(self) -> list[str]:
        """Those of the calls that write what others can see: not the objects of a commit that no branch holds yet."""
        hidden = ("GET", "POST /git/blobs", "POST /git/trees", "POST /git/commits")
        return [one for one in self.calls() if not one.startswith(hidden)]

    def fail(self, method: str, path: str, **more: Any) -> None:
        """Let a call to the repository fail, see `GitHubServer.fail`."""
        self.server.fail(method, f"/repos/{self.name}{path}", **more)

    def ask(self, method: str, path: str, body: Json | None = None, token: str = PERSON) -> tuple[int, Any]:
        """What GitHub answers to somebody who calls its API by hand: status and body."""
        import requests

        url = f"{self.server.api_url}/repos/{self.name}{path}"
        answer = requests.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=10)
        return answer.status_code, answer.json() if answer.content else None

    def merge(self, number: int) -> None:
        """Merge a pull request, and bring the desk up to date."""
        status, said = self.ask("PUT", f"/pulls/{number}/merge", {})
        assert status == 200, said
        self.bring()

    def bring(self) -> None:
        """Let the desk stand where the default branch stands on GitHub."""
        self.desk.git("fetch", "-q", "--prune", "origin", "+refs/heads/*:refs/remotes/origin/*")
        self.desk.git("reset", "-q", "--hard", f"origin/{self.desk.git('branch', '--show-current')}")

    def push(self) -> None:
        """Let the default branch on GitHub stand where the desk stands."""
        self.desk.git("push", "-q", "origin", f"HEAD:{self.desk.git('branch', '--show-current')}")

    def verify(self, number: int) -> Json:
        """Verify a pull request as the workflow does, on the trial merge where there is one, and report on it."""
        pull, main = self.pull(number), self.desk.git("branch", "--show-current")
        self.desk.git("fetch", "-q", "origin", f"+refs/pull/{number}/*:refs/pull/{number}/*")
        self.desk.git("fetch", "-q", "origin", f"+refs/heads/{main}:refs/remotes/origin/{main}")
        merged = subprocess.run(
            ["git", "rev-parse", "--verify", "--quiet", f"refs/pull/{number}/merge^2"],
            cwd=self.desk.root, capture_output=True, text=True,
        ).stdout.strip() == pull["head_sha"]  # fmt: skip
        rev = f"refs/pull/{number}/{'merge' if merged and pull['mergeable'] else 'head'}"
        return self.desk.json("verify", "--change", f"origin/{main}", "--rev", rev, "--pull-request", str(number))

    def statuses(self, number: int) -> list[str]:
        """The states of `modelbook` on a pull request's head, oldest first."""
        head = self.pull(number)["head_sha"]
        return [one["state"] for one in self.state["statuses"] if (one["sha"], one["context"]) == (head, "modelbook")]


def github_environment() -> dict[str, str]:
    """What a process of its own needs to know of an office's GitHub."""
    names = ("GITHUB_", "MODELBOOK_GITHUB")
    return {name: value for name, value in os.environ.items() if name.startswith(names)}
