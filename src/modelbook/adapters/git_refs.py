"""What the names of a repository lead to: a commit at some time, the tree of a folder, the commit of each branch."""

import re

from modelbook.adapters.git import Repository, git, run_git
from modelbook.errors import BadInput

_AT = re.compile(r"(.*)@\{([0-9]{4}-[0-9][^}]*)\}", re.DOTALL)


def commit_of(repository: Repository, rev: str) -> str:
    """The commit that a person names. `main@{2026-10-01}` is what main was by the end of that day. Raises BadInput.

    It goes by the time of the commits along first parents, not by git's log of what this clone had when: a new clone
    has none, and git would take the oldest that it knows.
    """
    found = _AT.fullmatch(rev)
    if not found:
        return repository.commit(rev)
    from modelbook.core.moments import period, written

    try:
        _, last = period(found[2])
    except (ValueError, OverflowError):
        remedy = "Write main@{2026-10-01}, or main@{2026-10-01T03:00}, in UTC."
        raise BadInput(f"{found[2][:80]!r} is no date that is known here", remedy=remedy) from None
    tip = repository.commit(found[1] or "HEAD")
    asked = ["rev-list", "--first-parent", "--max-count=1", f"--before={int(last.timestamp())} +0000", tip]
    if commit := git(asked, repository.root):
        return commit
    remedy = "Take a later time; a clone with the latest commits alone needs `git fetch --unshallow` first."
    raise BadInput(
        f"{found[1] or 'HEAD'} has no commit of {written(last)} or before, as far as this clone goes", remedy=remedy
    )


def tree_of(repository: Repository, commit: str, folder: str) -> str | None:
    """The object id of a folder's tree at `commit`, which names its whole contents; None where it has none."""
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}:{folder}"]
    return run_git(asked, repository.root).stdout.decode().strip() or None


def branches(repository: Repository) -> dict[str, str]:
    """The commit of each branch by its name: the local ones, then those of remotes."""
    asked = ["for-each-ref", "--format=%(objectname) %(refname:short)", "refs/heads", "refs/remotes"]
    return {name: commit for commit, name in map(str.split, git(asked, repository.root).splitlines())}
