"""What the names of a repository lead to: the tree of a folder, the commit of each branch."""

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git, run_git


def tree_of(repository: Repository, commit: str, folder: str) -> str | None:
    """The object id of a folder's tree at `commit`, which names its whole contents; None where it has none."""
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}:{folder}"]
    return run_git(asked, repository.root).stdout.decode().strip() or None


def branches(repository: Repository) -> dict[str, str]:
    """The commit of each branch by its name: the local ones, then those of remotes."""
    asked = ["for-each-ref", "--format=%(objectname) %(refname:short)", "refs/heads", "refs/remotes"]
    return {name: commit for commit, name in map(str.split, git(asked, repository.root).splitlines())}
