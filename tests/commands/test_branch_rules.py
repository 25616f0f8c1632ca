"""`.github/branch-rules.sh`, as `modelbook init` writes it: run on the tests' GitHub, with a `gh` for that."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelbook.adapters.github_api import GitHubApi
from modelbook.adapters.github_settings import GitHubSettings
from modelbook.core.doctor.branch_health import check_branch
from tests.parts import gh
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer

SCRIPT = Path(__file__).parents[2] / "src/modelbook/templates/github/branch-rules.sh"
NAME, ADMIN, WEAK = "acme/registry", "ghp_" + "a" * 36, "ghp_" + "w" * 36
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitHubServer]:
    with GitHubServer(tmp_path / "github") as server:
        server.add_token(ADMIN, "acme")
        server.add_token(WEAK, "bob", {"contents": "write"})
        server.add_repository(NAME, from_worktree=make_worktree(tmp_path / "work", {"README.md": "hello\n"}))
        yield server
        assert [entry for entry in server.log() if "failure" in entry] == []


@pytest.fixture
def script(server: GitHubServer, tmp_path: Path) -> Run:
    path = f"{gh.install(tmp_path / 'bin', server.api_url)}:{os.environ['PATH']}"

    def run(*arguments: str, token: str = ADMIN, **env: str) -> subprocess.CompletedProcess[str]:
        env |= {"PATH": path, "GH_TOKEN": token, "GH_REPO": NAME}
        return subprocess.run(
            ["bash", str(SCRIPT), *arguments], env=env, capture_output=True, text=True, check=False, cwd=tmp_path
        )

    return run


def rulesets(server: GitHubServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.state()["repositories"][NAME]["rulesets"]
    return found


def verdicts(server: GitHubServer) -> dict[str, str]:
    facts = GitHubSettings(GitHubApi(NAME, server.api_url, ADMIN, pause=0)).rules()
    return {check.name: check.verdict for check in check_branch(facts)}


def test_what_it_sets_is_what_doctor_asks_for_and_again_changes_nothing(server: GitHubServer, script: Run) -> None:
    assert "problem" in verdicts(server).values()
    for _ in range(2):
        done = script()
        assert (done.returncode, done.stderr) == (0, "")
        assert set(verdicts(server).values()) == {"ok"}
        (ruleset,) = rulesets(server)
        assert ruleset["name"] == "Modelbook"
    assert server.state()["repositories"][NAME]["allow_auto_merge"] is True
    assert script(APPROVALS="2", MERGE_QUEUE="1").returncode == 0
    (ruleset,) = rulesets(server)
    kinds = {rule["type"]: rule.get("parameters", {}) for rule in ruleset["rules"]}
    assert kinds["pull_request"]["required_approving_review_count"] == 2
    assert "merge_queue" in kinds


def test_it_shows_what_it_would_set_and_a_refusal_stops_it(server: GitHubServer, script: Run) -> None:
    shown = script("--show")
    assert (shown.returncode, "no ruleset Modelbook" in shown.stdout) == (0, True), shown.stderr
    weak = script(token=WEAK)
    assert (weak.returncode != 0, "not accessible" in weak.stderr) == (True, True), weak.stderr
    assert script(APPROVALS="1; true").returncode == 2
    assert rulesets(server) == []
    assert {entry["method"] for entry in server.log()} <= {"GET", "POST"}
