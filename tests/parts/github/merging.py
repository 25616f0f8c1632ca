"""Merges in a bare repository: tried, and made, with git's own three-way merge and no working tree."""

from dataclasses import dataclass

from tests.parts.github.bare import BareRepository, Commit, GitRefused, Person


class MergeConflict(Exception):
    """The two sides change the same lines."""


@dataclass(frozen=True)
class Signature:
    """Who a merge is by: the person who pressed the button, and GitHub, which commits."""

    author: Person
    committer: Person


def merged_tree(git: BareRepository, base: str, head: str) -> str:
    """The tree of `head` merged into `base`; raises MergeConflict."""
    try:
        return git.git("merge-tree", "--write-tree", "--no-messages", base, head).decode().split("\n")[0].strip()
    except GitRefused as refused:
        raise MergeConflict(str(refused)) from refused


def merge(git: BareRepository, base: str, head: str, message: str, by: Signature) -> str:
    """A commit with two parents."""
    return git.write_commit(merged_tree(git, base, head), [base, head], message, by.author, by.committer)


def squash(git: BareRepository, base: str, head: str, message: str, by: Signature) -> str:
    """One commit on `base` with all that `head` changes."""
    return git.write_commit(merged_tree(git, base, head), [base], message, by.author, by.committer)


def rebase(git: BareRepository, base: str, head: str, by: Signature) -> str:
    """Each commit of `head` that `base` has not, again on top of `base`, by its own author."""
    tip = base
    for commit in git.commits("--reverse", "--no-merges", f"{base}..{head}"):
        tree = _picked_tree(git, tip, commit, by)
        tip = git.write_commit(tree, [tip], commit.message, commit.author, by.committer)
    return tip


def _picked_tree(git: BareRepository, onto: str, commit: Commit, by: Signature) -> str:
    # merge-tree takes no merge base before git 2.40: a throw-away commit with `onto`'s tree and the picked
    # commit's parent makes that parent the base of the merge.
    onto_tree = git.resolve(onto, "tree")
    assert onto_tree is not None
    stand_in = git.write_commit(onto_tree, commit.parents, "base of a pick", by.author, by.committer)
    return merged_tree(git, stand_in, commit.sha)
