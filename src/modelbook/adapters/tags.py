"""Where tags stand: in a clone, or on GitHub. None is ever moved from where it was not seen to be."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git, run_git, words_of
from modelbook.core.stages.tags import Relation
from modelbook.errors import ForgeError

NOWHERE = "0" * 40


@dataclass(frozen=True)
class Standing:
    """A tag as it stands: the object that it names, and the commit which that is, or leads to."""

    oid: str
    commit: str


class Tags(Protocol):
    """The tags of a repository. Every method may raise ForgeError."""

    def standing(self, wanted: Collection[str]) -> Mapping[str, Standing]:
        """Every tag by name. Of those that are not `wanted` the commit may not be looked up."""
        ...

    def relation(self, standing: str, commit: str) -> Relation:
        """How the commit `standing` relates to `commit`."""
        ...

    def behind(self, commit: str) -> int | None:
        """How many commits the branch that tags follow has after `commit` by now, along first parents.

        None where `commit` is not on it, or too far back to tell.
        """
        ...

    def make(self, name: str, commit: str) -> bool:
        """Make a tag. False where it is there by now."""
        ...

    def move(self, name: str, commit: str, standing: Standing) -> bool:
        """Move a tag from where it stands. False where it stands elsewhere by now."""
        ...


@dataclass(frozen=True)
class LocalTags:
    """The tags of a clone, which somebody pushes."""

    repository: Repository

    def standing(self, wanted: Collection[str]) -> Mapping[str, Standing]:
        """See Tags."""
        shape = "--format=%(refname:lstrip=2)%00%(objectname)%00%(*objectname)"
        lines = git(["for-each-ref", shape, "refs/tags/"], self.repository.root).splitlines()
        found = (line.split("\0") for line in lines)
        return {name: Standing(oid, led_to or oid) for name, oid, led_to in found}

    def relation(self, standing: str, commit: str) -> Relation:
        """See Tags."""
        if standing == commit:
            return "same"
        if self.repository.is_ancestor(standing, commit):
            return "before"
        return "after" if self.repository.is_ancestor(commit, standing) else "apart"

    def behind(self, commit: str) -> int | None:
        """See Tags. It is the branch that is checked out."""
        line = git(["rev-list", "--first-parent", "HEAD"], self.repository.root).splitlines()
        return line.index(commit) if commit in line else None

    def make(self, name: str, commit: str) -> bool:
        """See Tags. Raises ForgeError where git takes no such tag."""
        return self._set(name, commit, NOWHERE)

    def move(self, name: str, commit: str, standing: Standing) -> bool:
        """See Tags."""
        return self._set(name, commit, standing.oid)

    def _set(self, name: str, commit: str, before: str) -> bool:
        root, ref = self.repository.root, f"refs/tags/{name}"
        done = run_git(["update-ref", "--create-reflog", "-m", "modelbook tag", ref, commit, before], root)
        if done.returncode == 0:
            return True
        now = run_git(["rev-parse", "--verify", "--quiet", ref], root).stdout.decode().strip() or NOWHERE
        if now != before:
            return False
        raise ForgeError(f"git would not set the tag {name}: {words_of(done)}", where=str(root))
