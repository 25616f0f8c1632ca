"""The index of a registry's versions at a commit: from its file, or made from git and kept there.

It is a cache and nothing else. Its key is the tree of the registry's folder, which git names by its contents: so it is
right after a rebase, in a worktree, in a shallow clone, and for any commit of the past. The index of one more commit is
made from that of the last one by what differs.
"""

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from modelbook.adapters.git import Repository
from modelbook.adapters.git_refs import branch_trees, tree_of
from modelbook.adapters.index_files import DAMAGED, IndexFiles
from modelbook.adapters.index_tables import Index
from modelbook.adapters.store import Progress
from modelbook.errors import BadInput, IntegrityError

Answer = TypeVar("Answer")


@dataclass
class VersionIndex:
    """The index of the registry in `folder` at `commit`, with what other branches have beside it if `all_branches`.

    `notes` are for the person: that a damaged file was made anew. `progress` counts versions where all are read.
    """

    repository: Repository
    folder: str
    commit: str
    all_branches: bool = False
    progress: Progress | None = None
    notes: list[str] = field(default_factory=list)

    def ask(self, question: Callable[[Index], Answer]) -> Answer:
        """The answer to a question. Raises BadInput where the commit has no registry."""
        index = self._kept(self._key) or self._made()
        try:
            return question(index)
        except sqlite3.DatabaseError:  # the bytes are those that were written, and were no index when they were
            self._files.forget(self._key)
            self.notes.append(DAMAGED)
            return question(self._made())

    @cached_property
    def _files(self) -> IndexFiles:
        return IndexFiles(self.repository.git_dir)

    @cached_property
    def _tree(self) -> str:
        if tree := tree_of(self.repository, self.commit, self.folder):
            return tree
        raise BadInput(f"the commit {self.commit[:12]} has no folder {self.folder}", where=str(self.repository.root))

    @cached_property
    def _others(self) -> dict[str, str]:
        """The tree of each other branch that has a registry, by the branch."""
        if not self.all_branches:
            return {}
        found = branch_trees(self.repository, self.folder)
        return {name: tree for name, tree in found.items() if tree != self._tree}

    @cached_property
    def _key(self) -> str:
        if not self._others:
            return self._tree
        listed = "".join(f"{tree} {name}\n" for name, tree in sorted(self._others.items()))
        return f"{self._tree}+{hashlib.sha256(listed.encode()).hexdigest()[:32]}"

    def _kept(self, key: str) -> Index | None:
        try:
            data = self._files.load(key)
        except IntegrityError as error:
            self.notes.append(str(error))
            return None
        return Index(data) if data else None

    def _made(self) -> Index:
        # They bring what reads and judges documents, for which nobody waits whose index is there.
        from modelbook.adapters.index_building import add_branch

        index = (self._kept(self._tree) if self._others else None) or self._of_tree()
        for branch, tree in self._others.items():
            add_branch(index, self.repository, self.folder, self._tree, tree, branch)
        if self._others:
            self._files.keep(self._key, index.bytes())
        return index

    def _of_tree(self) -> Index:
        from modelbook.adapters.index_building import build, follow

        for base in self._files.by_use():
            if "+" in base:
                continue
            try:
                index = self._kept(base)
                if index and follow(index, self.repository, self.folder, base, self._tree):
                    break
            except sqlite3.DatabaseError:
                self._files.forget(base)
                self.notes.append(DAMAGED)
        else:
            index = Index()
            build(index, self.repository, self.folder, self._tree, self.progress)
        self._files.keep(self._tree, index.bytes())
        return index
