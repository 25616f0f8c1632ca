"""A clean working tree of one commit: nothing in it that the commit does not hold."""

import shutil
from pathlib import Path

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git, run_git, words_of
from modelbook.errors import BadInput


def checkout(repository: Repository, commit: str, target: Path, patch: bytes = b"") -> None:
    """Make the new folder `target` a repository of its own with `commit` checked out, and `patch` applied to its files.

    It borrows the objects of `repository`, and has none of its configuration and hooks. Raises BadInput where the
    commit is not there, or the patch does not fit it.
    """
    if run_git(["cat-file", "-e", f"{commit}^{{commit}}"], repository.root).returncode:
        raise BadInput(
            f"the commit {commit} is not in this repository",
            where=str(repository.root),
            remedy="Bring it: `git fetch --unshallow`, or `git fetch origin COMMIT` if its branch was deleted.",
        )
    git(["init", "--quiet", "--template=", str(target)], repository.root)
    inside = target / ".git"
    (inside / "objects/info").mkdir(parents=True, exist_ok=True)
    (inside / "objects/info/alternates").write_text(f"{repository.git_dir}/objects\n")
    if (shallow := repository.git_dir / "shallow").exists():
        shutil.copy(shallow, inside / "shallow")
    git(["checkout", "--quiet", "--detach", commit], target)
    if patch:
        done = run_git(["apply", "--whitespace=nowarn", "-"], target, stdin=patch)
        if done.returncode:
            raise BadInput(
                f"the recorded patch does not fit the commit {commit}: {words_of(done)}", where=str(repository.root)
            )


def inside(top: Path, path: str, what: str) -> Path:
    """The place of `path` in the checkout `top`. Raises BadInput, naming `what`, where it leads out of it."""
    if "\0" in path or not (top / path).resolve().is_relative_to(top.resolve()):
        raise BadInput(f"{what} lies outside the repository that its commit holds")
    return top / path
