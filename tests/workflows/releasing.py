"""Modelbook's own repository on the tests' GitHub, as others call it: by a commit that is not its newest."""

import subprocess
from pathlib import Path

from tests.parts.github.client import GitHubServer
from tests.workflows.founding import lay_out

OURS = "acme/modelbook"


def git(cwd: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


def release(github: GitHubServer, folder: Path) -> tuple[Path, str]:
    """Modelbook's own repository, with a tag, and a newer commit that would break whoever ran it."""
    lay_out(folder)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Release")
    git(folder, "tag", "v1")
    pin = git(folder, "rev-parse", "HEAD")
    git(folder, "rm", "-rq", "actions", "src", ".github")
    git(folder, "commit", "-q", "-m", "Break everything")
    github.add_repository(OURS, from_worktree=folder)
    git(folder, "checkout", "-q", pin)
    return folder, pin
