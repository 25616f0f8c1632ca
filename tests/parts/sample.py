"""What the tests of the GitHub parts share: people with tokens, and changes made through the API by PyGithub."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from github import Auth, Github, InputGitTreeElement
from github.GithubException import GithubException
from github.PullRequest import PullRequest
from github.Repository import Repository

BOT, ALICE, BOB = "ghs_" + "b" * 36, "ghp_" + "a" * 36, "ghp_" + "c" * 36
READER = "ghs_" + "d" * 36
# PyGithub waits between requests, and a second between writes, unless told otherwise.
UNHURRIED: Any = {"seconds_between_requests": 0, "seconds_between_writes": 0}


def open_github(url: str, token: str = BOT, per_page: int = 30) -> Github:
    return Github(base_url=url, auth=Auth.Token(token), retry=None, per_page=per_page, **UNHURRIED)


def commit_files(repo: Repository, branch: str, files: dict[str, str], parent: str = "main") -> str:
    """One commit through the API on a new branch, as the registry's adapter makes them."""
    base = repo.get_git_commit(repo.get_git_ref(f"heads/{parent}").object.sha)
    elements = [
        InputGitTreeElement(path, "100644", "blob", sha=repo.create_git_blob(text, "utf-8").sha)
        for path, text in files.items()
    ]
    commit = repo.create_git_commit(f"change {branch}", repo.create_git_tree(elements, base.tree), [base])
    repo.create_git_ref(f"refs/heads/{branch}", commit.sha)
    return commit.sha


def open_pull(repo: Repository, branch: str, files: dict[str, str]) -> PullRequest:
    commit_files(repo, branch, files)
    return repo.create_pull(base="main", head=branch, title=f"Pull {branch}", body="why")


def refused(error: pytest.ExceptionInfo[GithubException]) -> tuple[int, str]:
    data = error.value.data
    details = data.get("errors") or [{}]
    return error.value.status, details[0].get("message") or data["message"]


def git(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=Bob", "-c", "user.email=bob@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
