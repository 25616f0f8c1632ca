"""Deploying with GitHub: one deployment a pointer, its statuses, serving repositories and a chat that are told."""

import json
from pathlib import Path

import pytest

from tests.commands.workbench import Workbench
from tests.parts.chat import SECRET, Chat
from tests.parts.command_line import Done
from tests.parts.github.client import GitHubServer

TOKEN, NAME, SERVING = "ghp_" + "d" * 36, "acme/registry", "acme/serving"


@pytest.fixture
def acme(staged: Workbench, github: GitHubServer) -> Workbench:
    """A registry with toy@1 in staging, and a GitHub that has it, beside a repository that serves."""
    github.add_repository(NAME, from_worktree=staged.root)
    github.add_repository(SERVING, from_worktree=staged.root)
    github.add_token(TOKEN, "alice")
    staged.env |= {"GITHUB_REPOSITORY": NAME, "GITHUB_API_URL": github.api_url, "GITHUB_TOKEN": TOKEN}
    staged.env |= {"MODELBOOK_FORGE": "github", "MODELBOOK_GITHUB_PAUSE": "0"}
    return staged


def merge_of(bench: Workbench) -> str:
    """The commit that moved the pointer; main has moved on since."""
    moved = bench.git("log", "-1", "--format=%H", "--", "registry/models/toy/stages/staging.yaml").strip()
    assert moved != bench.git("rev-parse", "HEAD").strip()
    return moved


def deployments(github: GitHubServer) -> list[tuple[str, list[str]]]:
    """The commit of each deployment, and what was told of it."""
    found = github.state()["repositories"][NAME]["deployments"]
    return [(one["sha"], [status["state"] for status in one["statuses"]]) for one in found]


def told(github: GitHubServer) -> list[dict[str, object]]:
    return [one["payload"]["client_payload"] for one in github.events() if one["name"] == "repository_dispatch"]


def deploy(bench: Workbench, target: Path, *more: str) -> Done:
    return bench.run("deploy", "toy", "--stage", "staging", "--target", str(target), *more)


def state(bench: Workbench) -> tuple[int, str]:
    done = bench.run("status", "toy", "--json")
    (row,) = json.loads(done.out)
    return done.code, row["state"]


def test_a_moved_stage_is_one_deployment_and_everybody_is_told_once(
    acme: Workbench, github: GitHubServer, tmp_path: Path
) -> None:
    target, moved = tmp_path / "toy", merge_of(acme)
    assert state(acme) == (1, "never deployed")
    with Chat(tmp_path) as chat:
        acme.env |= {"HOOK": chat.address, "REQUESTS_CA_BUNDLE": str(chat.ca)}
        also = ["--notify", SERVING, "--webhook-env", "HOOK", "--url", "https://fraud.acme.example/"]
        first = deploy(acme, target, *also)
        assert (first.code, state(acme)) == (0, (0, "in step")), first.text
        acme.commit({"README.md": "something else\n"})
        again = deploy(acme, target, *also)
        assert (again.code, "nothing to do" in again.out) == (0, True), again.text
        assert deployments(github) == [(moved, ["in_progress", "success"])]
        (event,) = told(github)
        assert (event["model"], event["version"], event["stage"]) == ("toy", 1, "staging")
        assert (event["repository"], event["commit"]) == (NAME, moved)
        assert chat.messages == ["toy@1 is deployed to staging https://fraud.acme.example/"]

        chat.answer = 302
        elsewhere = deploy(acme, tmp_path / "other", *also)
        assert (elsewhere.code, "the webhook answered with status 302" in elsewhere.err) == (0, True)
        assert len(chat.messages) == 2, "nobody followed it to another address"
    unreachable = deploy(acme, tmp_path / "third", *also)
    assert (unreachable.code, "the webhook cannot be reached" in unreachable.err) == (0, True)
    for done in (first, again, elsewhere, unreachable):
        assert SECRET not in done.text
    assert len(told(github)) == 1
    assert [entry for entry in github.log() if "failure" in entry] == []


def test_what_goes_wrong_is_recorded_and_the_next_run_completes_it(
    acme: Workbench, github: GitHubServer, tmp_path: Path
) -> None:
    moved = merge_of(acme)
    github.fail("POST", f"/repos/{SERVING}/dispatches", status=502, after_effect=True)
    failed = deploy(acme, tmp_path / "toy", "--notify", SERVING)
    assert (failed.code, f"tell {SERVING} of a deployment" in failed.err) == (3, True)
    assert state(acme) == (1, "failed")
    assert len(told(github)) == 1, "it was not told blindly again"
    assert json.loads(acme.ok("plan", "--deployments", "--json"))["deploy"]
    assert deploy(acme, tmp_path / "toy", "--notify", SERVING).code == 0
    one, two = told(github)
    assert one == two, "by the deployment in it, whoever serves knows that it is the same"
    assert (deployments(github), state(acme)) == (
        [(moved, ["in_progress", "failure", "in_progress", "success"])],
        (0, "in step"),
    )


def test_a_revoked_version_is_refused_with_the_reason_and_what_serves_is_not_forgotten(
    acme: Workbench, github: GitHubServer, tmp_path: Path
) -> None:
    assert deploy(acme, tmp_path / "toy").code == 0
    acme.run("revoke", "toy@1", "--reason", "leaked", env={"MODELBOOK_FORGE": "git"})
    assert deploy(acme, tmp_path / "toy").code == 1
    assert state(acme) == (1, "revoked and still serving")
    assert [states for _, states in deployments(github)] == [["in_progress", "success"]]


def test_a_revoked_version_that_was_never_deployed_has_the_refusal_on_record(
    acme: Workbench, github: GitHubServer, tmp_path: Path
) -> None:
    acme.run("revoke", "toy@1", "--reason", "leaked", env={"MODELBOOK_FORGE": "git"})
    assert deploy(acme, tmp_path / "toy").code == 1
    ((_, states),) = deployments(github)
    assert (states, state(acme)) == (["failure"], (1, "failed"))
    assert not (tmp_path / "toy").is_symlink()
