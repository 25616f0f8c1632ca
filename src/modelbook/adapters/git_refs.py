"""What the names of a repository lead to: a commit at some time, the tree of a folder, on each branch."""

import re
from collections.abc import Sequence

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git, git_bytes, run_git
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


def branch_trees(repository: Repository, folder: str) -> dict[str, str]:
    """The tree of a folder on each branch that has it, by the branch: the local ones, then those of remotes."""
    branches = held_by(repository, "refs/heads", "refs/remotes", name="refname:short")
    trees = trees_of(repository, list(branches.values()), folder)
    return {name: tree for name, tree in zip(branches, trees, strict=True) if tree}


def held_by(repository: Repository, *below: str, name: str = "refname") -> dict[str, str]:
    """The object that each ref holds, of all refs or of those `below`; `name` says how git calls them."""
    listed = git(["for-each-ref", f"--format=%(objectname) %({name})", *below], repository.root)
    return {ref: oid for oid, _, ref in (line.partition(" ") for line in listed.split("\n") if line)}


def trees_of(repository: Repository, revs: Sequence[str], folder: str) -> list[str | None]:
    """The tree of a folder at each of many commits or refs; None where one has none."""
    asked = "".join(f"{rev}:{folder}\n" for rev in revs).encode()
    told = git_bytes(["cat-file", "--batch-check=%(objectname) %(objecttype)"], repository.root, stdin=asked)
    answers = [line.rpartition(" ") for line in told.decode(errors="replace").splitlines()]
    return [oid if kind == "tree" else None for oid, _, kind in answers]
