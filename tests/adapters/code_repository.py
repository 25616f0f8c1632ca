"""A small repository with training code, and the same one as a clone with a remote."""

import os
import subprocess
from pathlib import Path


def git(root: Path, *arguments: str) -> str:
    """What git prints, with nothing of the caller's settings."""
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *who, "-c", "protocol.file.allow=always", *arguments]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_repository(root: Path) -> Path:
    """One commit: `src/train.py`, `notes.md`, and git ignores `ignored/`."""
    (root / "src").mkdir(parents=True)
    (root / "src/train.py").write_text("print(1)\n")
    (root / "notes.md").write_text("notes\n")
    (root / ".gitignore").write_text("ignored/\n")
    git(root, "init", "-q", "-b", "main")
    commit(root, "first")
    return root


def commit(root: Path, title: str) -> str:
    """Commit all that there is; the commit."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", title)
    return git(root, "rev-parse", "HEAD")


def give_remote(root: Path) -> Path:
    """Push the repository's branch to a new remote beside it; the remote."""
    remote = root.with_name(f"{root.name}.git")
    git(root.parent, "init", "-q", "--bare", "-b", "main", str(remote))
    git(root, "remote", "add", "origin", str(remote))
    git(root, "push", "-q", "origin", "main")
    return remote


def tree_of(root: Path) -> str:
    """The id of the tree that the files on disk make, those that git ignores included."""
    git(root, "add", "-A", "--force")
    return git(root, "write-tree")
