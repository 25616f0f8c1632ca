"""Plain git as the forge. A fact is a commit on the branch that is checked out; a decision is a branch to merge.

Commits are made beside the working tree and then moved into it by a fast-forward, so that a killed process leaves
either the whole commit or none.
"""

import html
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelbook.adapters.forge import Change, Proposal, moved_meanwhile
from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git, git_bytes, run_git
from modelbook.errors import BadInput, BranchTaken, ForgeError


@dataclass(frozen=True)
class GitForge:
    """Proposes changes in a local repository."""

    repository: Repository

    def submit(self, change: Change) -> Proposal:
        """See Forge. Raises BadInput on a detached HEAD, or where the working tree is in the way."""
        branch = self.repository.branch()
        if branch is None:
            raise BadInput(
                "HEAD is detached: a commit made here would belong to no branch",
                where=str(self.repository.root),
                remedy="Check out a branch first: `git switch main`.",
            )
        if change.decision:
            return self._propose(change, branch)
        commit = self._commit(change)
        self._fast_forward(commit, branch, change.base)
        return Proposal(branch, commit, merged=True, created=True)

    def _propose(self, change: Change, onto: str) -> Proposal:
        ref = f"refs/heads/{change.branch}"
        now = run_git(["rev-parse", "--verify", "--quiet", ref], self.repository.root).stdout.decode().strip()
        commit = self._commit(change)
        steps = (f"git merge {change.branch}",)
        if now and self._same(now, commit):
            return Proposal(change.branch, now, merged=False, created=False, next_steps=steps)
        git(["update-ref", "-m", change.title, ref, commit, now or "0" * len(commit)], self.repository.root)
        return Proposal(change.branch, commit, merged=False, created=True, next_steps=steps)

    def resume(
        self,
        branch: str,
        *,
        labels: tuple[str, ...] = (),
        body: str | None = None,
        comment: str | None = None,
        auto: bool = False,
        commit: str | None = None,
    ) -> Proposal:
        """See Forge."""
        head = self.repository.commit(f"refs/heads/{branch}")
        if commit not in {None, head}:
            raise moved_meanwhile(branch, str(self.repository.root))
        return Proposal(branch, head, merged=False, created=False, next_steps=(f"git merge {branch}",))

    def append(self, branch: str, commit: str, files: Mapping[str, bytes], title: str) -> Proposal:
        """See Forge. Raises BadInput where the branch is checked out, since its files would not follow."""
        root, ref = self.repository.root, f"refs/heads/{branch}"
        if place := git(["for-each-ref", "--format=%(worktreepath)", ref], root):
            raise BadInput(
                f"the branch {branch} is checked out", where=place, remedy="Leave it first: `git switch main`."
            )
        made = self._commit(Change(branch, commit, title, "", files))
        if run_git(["update-ref", "-m", title, ref, made, commit], root).returncode:
            raise moved_meanwhile(branch, str(root))
        return Proposal(branch, made, merged=False, created=True, next_steps=(f"git merge {branch}",))

    def _same(self, one: str, other: str) -> bool:
        """Whether two commits say the same: same tree, same parent."""
        shape = "%T %P"
        first, second = (
            git(["show", "-s", f"--format={shape}", commit], self.repository.root) for commit in (one, other)
        )
        return first == second

    def _commit(self, change: Change) -> str:
        root = self.repository.root
        with tempfile.TemporaryDirectory(prefix="modelbook-") as scratch:
            index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
            git_bytes(["read-tree", change.base], root, env=index)
            lines = []
            for path, data in sorted(change.files.items()):
                if data is None:
                    lines.append(f"0 {'0' * 40}\t{path}\0")
                else:
                    oid = git_bytes(["hash-object", "-w", "--stdin"], root, stdin=data).decode().strip()
                    lines.append(f"100644 {oid}\t{path}\0")
            git_bytes(["update-index", "-z", "--index-info"], root, stdin="".join(lines).encode(), env=index)
            tree = git_bytes(["write-tree"], root, env=index).decode().strip()
        # Nobody renders a commit's message as Markdown, so its entities may be characters again.
        message = html.unescape(change.commit_message)
        done = run_git(["commit-tree", tree, "-p", change.base, "-F", "-"], root, stdin=message.encode())
        if done.returncode:
            words = done.stderr.decode(errors="replace")
            if "user.email" in words or "empty ident" in words:
                raise BadInput(
                    "git does not know who you are",
                    where=str(root),
                    remedy='git config user.name "Your Name" && git config user.email you@example.org',
                )
            raise ForgeError(f"git commit-tree failed: {words.strip()}", where=str(root))
        return done.stdout.decode().strip()

    def _fast_forward(self, commit: str, branch: str, base: str) -> None:
        root = self.repository.root
        done = run_git(["merge", "--ff-only", "--quiet", commit], root, env={"GIT_OPTIONAL_LOCKS": "1"})
        if done.returncode == 0:
            return
        words = done.stderr.decode(errors="replace").strip()
        # Whatever git complains about first: if the branch moved, somebody else was quicker.
        if self.repository.commit("HEAD") != base:
            raise BranchTaken(f"{branch} moved while this was being prepared", where=str(root), remedy="Run it again.")
        if "index.lock" in words:
            raise BranchTaken(
                "another git process is at work here",
                where=str(root),
                remedy=f"Run it again when it is done.{os.linesep}  {words}",
            )
        raise BadInput(
            f"the working tree is in the way: {words.splitlines()[0]}",
            where=str(root),
            remedy="Commit, stash or remove those files, and run it again.",
        )

    def proposed(self, prefix: str) -> Mapping[str, str]:
        """See Forge. Facts are committed at once here, so only decisions wait on branches."""
        shape = "--format=%(refname:short) %(objectname)"
        listing = git(["for-each-ref", "--no-merged=HEAD", shape, f"refs/heads/{prefix}*"], self.repository.root)
        return dict(line.split(" ", 1) for line in listing.splitlines())

    def target(self) -> str:
        """See Forge."""
        return self.repository.commit("HEAD")

    def folder(self, commit: str, path: str) -> Mapping[str, bytes]:
        """See Forge."""
        found = self.repository.entries(commit, [f"{path}/"])
        files = {name: entry.oid for name, entry in found.items() if name.rpartition("/")[0] == path}
        blobs = self.repository.blobs(files.values())
        return {name: blobs[oid] for name, oid in files.items()}

    def changed(self, base: str, commit: str) -> frozenset[str] | None:
        """See Forge."""
        found = self.repository.since(base, commit)
        return None if found is None else frozenset(found)

    def read(self, commit: str, path: str) -> bytes | None:
        """See Forge."""
        entry = self.repository.entries(commit, [path]).get(path)
        return self.repository.blobs([entry.oid])[entry.oid] if entry else None
