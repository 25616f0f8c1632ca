"""A repository on the tests' GitHub, what is proposed to it, and how it must look in the end."""

import subprocess
from pathlib import Path
from typing import Any

from modelbook.adapters.forge import Change
from modelbook.adapters.github_api import GitHubApi
from modelbook.adapters.github_forge import GitHubForge
from tests.parts.github.client import GitHubServer, dispatched

BOT, PERSON, STRANGER = (f"ghs_{letter * 36}" for letter in "bps")
VERIFY = """
run-name: "Verify #${{ inputs.pull-request || 0 }} at ${{ inputs.head || 0 }}"
on: {workflow_dispatch: {inputs: {pull-request: {required: true}, head: {}}}}
jobs: {verify: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}}
"""
FILES = {"README.md": "hello\n", "registry/old.yaml": "old\n", ".github/workflows/verify.yml": VERIFY}
CARD = "registry/models/digits/versions/1/card.yaml"
Json = dict[str, Any]


class Place:
    """A repository of one test, and what stands in it."""

    def __init__(self, server: GitHubServer, name: str, bare: Path) -> None:
        self.server, self.name, self.bare = server, name, bare
        self.base = self.git("rev-parse", "main")
        self.slept: list[float] = []

    def api(self, token: str = BOT) -> GitHubApi:
        return GitHubApi(self.name, self.server.api_url, token, pause=0, sleep=self.slept.append)

    def forge(self, token: str = BOT, *, dispatches: bool = True) -> GitHubForge:
        return GitHubForge(self.api(token), dispatches=dispatches)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.bare, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    @property
    def state(self) -> Json:
        state: Json = self.server.state()["repositories"][self.name]
        return state

    def requests(self) -> list[tuple[str, str]]:
        prefix = f"/api/v3/repos/{self.name}"
        log = [entry for entry in self.server.log() if entry["path"].startswith(prefix)]
        return [(entry["method"], entry["path"].removeprefix(prefix)) for entry in log]

    def fail(self, method: str, path: str, **more: Any) -> None:
        self.server.fail(method, f"/repos/{self.name}{path}", **more)

    def assert_one_of_each(self, change: Change, forge: GitHubForge) -> None:
        """Whatever happened, this is how it ended."""
        state = self.state
        heads = {name for name in state["refs"] if name.startswith("refs/heads/")}
        assert heads == {"refs/heads/main", f"refs/heads/{change.branch}"}
        (pull,) = state["pulls"]
        assert (pull["head_ref"], pull["base_ref"], pull["issue"]["title"]) == (change.branch, "main", change.title)
        assert (pull["issue"]["body"], sorted(pull["issue"]["labels"])) == (change.body, sorted(change.labels))
        assert [comment["body"].count("the report") for comment in state["comments"]] == [1] * bool(change.comment)
        assert [(run["path"], run["inputs"]) for run in dispatched(state)] == [
            (".github/workflows/verify.yml", {"pull-request": "1", "head": pull["head_sha"]})
        ]
        assert self.git("rev-list", "--count", f"main..{change.branch}") == "1"
        for path, data in change.files.items():
            assert data is None or forge.read(pull["head_sha"], path) == data


def fact(place: Place, data: bytes = b"card: 1\r\n\xff") -> Change:
    return Change(
        branch="register/digits-1",
        base=place.base,
        title="Register digits@1",
        body="Run 1.",
        files={CARD: data, CARD.replace("card.yaml", "model.sig"): b"{}"},
        labels=("modelbook", "registration"),
    )


def decision(place: Place, data: bytes = b"version: 1\n") -> Change:
    return Change(
        branch="promote/digits-1-to-staging",
        base=place.base,
        title="Promote digits@1 to staging",
        body="| gate |",
        files={"registry/models/digits/stages/staging.yaml": data, "registry/old.yaml": None},
        decision=True,
        labels=("modelbook",),
        comment="the report",
    )


CHANGES = {"fact": fact, "decision": decision}
