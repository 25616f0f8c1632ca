"""What `verify --pull-request` reports is about the commit that it judged, and about no other."""

import subprocess
from pathlib import Path

import pytest

from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer
from tests.workflows.founding import BIN, desk

NAME, TOKEN = "acme/registry", "ghs_" + "v" * 36


@pytest.fixture
def clone(github: GitHubServer, tmp_path: Path) -> Path:
    """A clone that stands on the trial merge of pull request 1, which adds a file that no registry has."""
    work = make_worktree(tmp_path / "work", {"README.md": "hello\n"})
    desk("modelbook", "init", ".", "--key", str(tmp_path / "key.pem"), cwd=work, home=tmp_path / "desk", env={})
    bare = github.add_repository(NAME, from_worktree=work)
    github.add_token(TOKEN, "github-actions[bot]")
    commit(work, "registry/notes.txt", "topic")
    git(work, "push", "-q", str(bare), "HEAD:refs/heads/topic")
    call(github, "pulls", {"title": "Notes", "head": "topic", "base": "main"})
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(bare), str(folder))
    git(folder, "fetch", "-q", "origin", "refs/pull/1/merge")
    git(folder, "checkout", "-q", "FETCH_HEAD")
    return folder


def git(cwd: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


def commit(work: Path, name: str, branch: str) -> None:
    git(work, "switch", "-q", "-C", branch)
    (work / name).write_text("text\n")
    git(work, "add", "-A")
    git(work, "commit", "-q", "-m", f"add {name}")


def call(github: GitHubServer, path: str, body: dict[str, str], method: str = "POST") -> None:
    import requests

    url = f"{github.api_url}/repos/{NAME}/{path}"
    answer = requests.request(method, url, json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
    assert answer.status_code in {200, 201}, answer.text


def verify(github: GitHubServer, clone: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": str(clone.parent / "desk"),
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_REPOSITORY": NAME,
        "GITHUB_API_URL": github.api_url,
        "MODELBOOK_GITHUB_PAUSE": "0",
    }
    command = [str(BIN / "modelbook"), "verify", "--change", "HEAD^1", "--pull-request", "1"]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)


def reported(github: GitHubServer) -> tuple[list[tuple[str, str]], list[str]]:
    state = github.state()["repositories"][NAME]
    comments = [comment["body"] for comment in state["comments"]]
    return [(status["sha"], status["state"]) for status in state["statuses"]], comments


def test_the_head_of_the_judged_merge_gets_the_verdict_once(github: GitHubServer, clone: Path) -> None:
    head = git(clone, "rev-parse", "HEAD^2")
    assert [verify(github, clone).returncode for _ in range(2)] == [1, 1]
    statuses, comments = reported(github)
    assert set(statuses) == {(head, "failure")}
    (comment,) = comments
    assert comment.startswith("<!-- modelbook:verify -->\n")
    assert "the registry has no place for this file" in comment


def test_a_head_that_moved_meanwhile_gets_no_verdict(github: GitHubServer, clone: Path, tmp_path: Path) -> None:
    bare = github.root / f"{NAME}.git"
    commit(tmp_path / "work", "README.md", "topic")
    git(tmp_path / "work", "push", "-q", str(bare), "HEAD:refs/heads/topic")
    done = verify(github, clone)
    assert done.returncode == 1
    assert "pull request 1 has moved on to" in done.stderr
    assert reported(github) == ([], [])


def test_a_verdict_by_the_rules_of_another_branch_is_no_status(github: GitHubServer, clone: Path) -> None:
    """A status stays on its commit when the pull request is made one for the default branch."""
    bare = github.root / f"{NAME}.git"
    git(clone, "push", "-q", str(bare), "HEAD^1:refs/heads/easier")
    call(github, "pulls/1", {"base": "easier"}, "PATCH")
    done = verify(github, clone)
    assert "no status was set: pull request 1 is for easier, not for the default branch" in done.stderr
    statuses, comments = reported(github)
    assert (statuses, len(comments)) == ([], 1)
    call(github, "pulls/1", {"base": "main"}, "PATCH")
    verify(github, clone)
    assert [state for _, state in reported(github)[0]] == ["failure"]
