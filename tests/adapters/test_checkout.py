"""A clean working tree of one commit, beside the repository that it comes from."""

import os
import subprocess
from pathlib import Path

import pytest

from modelbook.adapters.checkout import checkout, inside
from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git
from modelbook.errors import BadInput


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits, the first of which is on no branch any more, and work that nobody committed."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
    root = tmp_path / "source"
    root.mkdir()
    git(["init", "--quiet", "--initial-branch=main"], root)
    (root / "train.py").write_text("one\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    git(["add", "."], root)
    git(["commit", "--quiet", "-m", "One"], root)
    git(["tag", "first"], root)
    (root / "train.py").write_text("two\n")
    git(["commit", "--quiet", "--amend", "-am", "Two"], root)
    (root / "train.py").write_text("three\n")
    (root / "untracked.py").write_text("")
    return root


def test_it_holds_the_commit_and_nothing_else(source: Path, tmp_path: Path) -> None:
    repository = Repository.find(source)
    commit = repository.commit("first")
    git(["tag", "-d", "first"], source)
    checkout(repository, commit, tmp_path / "code")
    assert (tmp_path / "code/train.py").read_text() == "one\n"
    assert sorted(path.name for path in (tmp_path / "code").iterdir()) == [".git", "run.sh", "train.py"]
    assert os.access(tmp_path / "code/run.sh", os.X_OK)
    assert Repository.find(tmp_path / "code").commit("HEAD") == commit
    assert git(["status", "--porcelain"], tmp_path / "code") == ""
    assert (source / "train.py").read_text() == "three\n"


def test_the_hooks_and_settings_of_the_source_do_not_come_along(source: Path, tmp_path: Path) -> None:
    hook = source / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-here\n")
    hook.chmod(0o755)
    git(["config", "core.autocrlf", "true"], source)
    checkout(Repository.find(source), Repository.find(source).commit("main"), tmp_path / "code")
    assert not (tmp_path / "was-here").exists()
    assert (tmp_path / "code/train.py").read_bytes() == b"two\n"


def test_a_shallow_clone_will_do(source: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{source}", tmp_path / "shallow"], check=True)
    shallow = Repository.find(tmp_path / "shallow")
    checkout(shallow, shallow.commit("HEAD"), tmp_path / "code")
    assert (tmp_path / "code/train.py").read_text() == "two\n"


def test_a_worktree_will_do(source: Path, tmp_path: Path) -> None:
    git(["worktree", "add", "--quiet", "--detach", str(tmp_path / "tree")], source)
    checkout(Repository.find(tmp_path / "tree"), Repository.find(source).commit("main"), tmp_path / "code")
    assert (tmp_path / "code/train.py").read_text() == "two\n"


def test_a_commit_that_is_not_there_says_how_to_get_it(source: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"is not in this repository(?s:.*)git fetch"):
        checkout(Repository.find(source), "0" * 40, tmp_path / "code")
    assert not (tmp_path / "code").exists()


@pytest.mark.parametrize("path", ["..", "../other/train.py", "/bin/true", "link/train.py", "a/../../x", "a\0b"])
def test_a_recorded_path_that_leads_out_of_it_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/link").symlink_to(tmp_path)
    with pytest.raises(BadInput, match="the folder x lies outside the repository"):
        inside(tmp_path / "code", path, "the folder x")
    assert inside(tmp_path / "code", "a/../b", "b") == tmp_path / "code/a/../b"
