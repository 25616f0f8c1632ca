"""The git repository that holds the registry."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from modelbook.adapters.git_process import git, git_aside, git_bytes, run_git
from modelbook.errors import BadInput, ForgeError

if TYPE_CHECKING:  # loaded by whoever asks for history, or has a partial clone
    from modelbook.adapters.partial_clone import FilesOnDemand
    from modelbook.core.stages.history import Commit, History

SYMLINK, SUBMODULE = "120000", "160000"
_LATEST = 253402300799  # the end of the year 9999, in seconds since 1970
_COMMIT = "--format=%H%n%P%n%ct%n%an%n%ae%n%cn%n%s"
# A configuration of the user's must neither leave a commit out nor add to what is printed of it.
_LOG = ["-c", "log.showSignature=false", "-c", "log.follow=false", "log"]
_LOG += ["--first-parent", "-m", "--root", "--raw", "--no-abbrev", "--no-renames", "--ignore-submodules=none"]
_LOG += ["--reverse", "--no-color", "--no-decorate", "--no-notes", "--encoding=UTF-8", "-z", _COMMIT]


class Entry(NamedTuple):
    """One path of a commit's tree: git's mode, object id, and size in bytes (0 for a submodule)."""

    mode: str
    oid: str
    size: int


@dataclass(frozen=True)
class Repository:
    """A git repository: its top folder, and its shared git folder (the same for all its worktrees)."""

    root: Path
    git_dir: Path
    bare: bool

    @classmethod
    def find(cls, start: Path) -> "Repository":
        """The repository around `start`. Raises BadInput where there is none."""
        asked = ["--is-bare-repository", "--path-format=absolute", "--git-common-dir", "--show-toplevel"]
        done = run_git(["rev-parse", *asked], start)
        bare, git_dir, root = [*done.stdout.decode(errors="surrogateescape").splitlines(), "", "", ""][:3]
        if bare == "true" and git_dir:  # it has no top folder, which git says by an error
            return cls(Path(git_dir), Path(git_dir), bare=True)
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip()
            if "not a git repository" in words:
                raise BadInput(
                    "not a git repository",
                    where=str(start),
                    remedy="Run this inside the registry's repository, or make one with `modelbook init`.",
                )
            raise BadInput(f"git cannot read the repository: {words}", where=str(start))
        return cls(Path(root), Path(git_dir), bare=False)

    @cached_property
    def main_root(self) -> Path:
        """The main worktree's folder: a store with a relative path lies there, whichever worktree asks."""
        return self.git_dir.parent if self.git_dir.name == ".git" else self.root

    @cached_property
    def _files(self) -> "FilesOnDemand | None":
        from modelbook.adapters.partial_clone import files_of  # it is made of this module

        return files_of(self)

    def commit(self, rev: str) -> str:
        """The full id of the commit that `rev` names. Raises BadInput if it names none."""
        done = run_git(["rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}"], self.root)
        if done.returncode:
            where, first = str(self.root), "Commit something first."
            if rev == "HEAD":
                raise BadInput("the repository has no commit yet", where=where, remedy=first)
            spelling = "Fetch it first, or check the spelling: `git branch -a`."
            raise BadInput(f"{rev!r} names no commit here", remedy=spelling)
        return done.stdout.decode().strip()

    def branch(self) -> str | None:
        """The branch that is checked out, or None on a detached HEAD."""
        done = run_git(["symbolic-ref", "--quiet", "--short", "HEAD"], self.root)
        return done.stdout.decode().strip() or None

    def entries(self, commit: str, prefixes: Iterable[str], *, ending: str = "") -> dict[str, Entry]:
        """Every path of `commit` below `prefixes` that ends so, with mode, object id and size."""
        return self._listing(commit, prefixes, "-r", ending=ending)

    def _listing(self, commit: str, prefixes: Iterable[str], *options: str, ending: str = "") -> dict[str, Entry]:
        args = [*options, "-z", "--full-tree", commit, "--", *prefixes]
        # In a partial clone git would ask for the size of each file by itself.
        lines = self._files.listed(args, ending) if self._files else git_aside(["ls-tree", "-l", *args], self.root)
        found, end = {}, ending.encode()
        for line in lines.split(b"\0"):
            if line and line.endswith(end):
                meta, _, path = line.partition(b"\t")
                mode, _, oid, size = meta.decode().split()
                found[path.decode(errors="surrogateescape")] = Entry(mode, oid, 0 if size == "-" else int(size))
        return found

    def beside(self, commit: str, folder: str) -> dict[str, Entry]:
        """As `entries`, of what lies in `folder` itself and in no folder of it."""
        return self._listing(commit, [f"{folder}/"])

    def blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """The bytes of each blob, read by one git process."""
        wanted = list(dict.fromkeys(oids))
        if not wanted:
            return {}
        self.bring(wanted)
        answer = git_bytes(["cat-file", "--batch"], self.root, stdin="\n".join(wanted).encode() + b"\n")
        found, at = {}, 0
        for oid in wanted:
            end = answer.index(b"\n", at)
            head = answer[at:end].split()
            if len(head) != 3:
                raise missing_object(oid, self.root)
            size = int(head[2])
            found[oid] = answer[end + 1 : end + 1 + size]
            at = end + size + 2
        return found

    def bring(self, oids: Iterable[str]) -> None:
        """See to it that these blobs are here: a partial clone fetches those that it has not, all at once."""
        if self._files:
            self._files.bring(oids)

    def history(self, commit: str, prefixes: Iterable[str]) -> "History":
        """What each commit did to the paths below `prefixes`, along first parents up to `commit`, oldest first.

        A merge counts as the one commit that it is for its first parent. One git process, whatever the prefixes.
        """
        from modelbook.core.stages.history import History, Revision

        # By name: for a pattern, git looks into every folder of every commit.
        pathspecs = [f":(literal){prefix}" for prefix in prefixes]
        printed = git_aside([*_LOG, commit, "--", *pathspecs], self.root).decode(errors="surrogateescape")
        revisions, by = [], None
        parts = iter(printed.split("\0"))
        for part in parts:
            if part.lstrip("\n").startswith(":"):
                _, mode, _, oid, _ = part.split(" ")
                gone = mode == "000000"
                if by:
                    revisions.append(Revision(by, next(parts), None if gone else mode, None if gone else oid))
            elif part:
                by = _commit(part)
        return History(tuple(revisions), complete=not self._is_cut(commit))

    def about(self, commit: str) -> "Commit":
        """Who made `commit`, when, and what it says."""
        _, _, text = git(["rev-list", "--max-count=1", "--encoding=UTF-8", _COMMIT, commit], self.root).partition("\n")
        return _commit(text)

    def _is_cut(self, commit: str) -> bool:
        """Whether the clone is shallow, and the first parents of `commit` end where it was cut."""
        cut = self.git_dir / "shallow"
        if not cut.exists():
            return False
        ends = git(["rev-list", "--first-parent", "--max-parents=0", commit], self.root).split()
        return not set(cut.read_text().split()).isdisjoint(ends)

    def outside(self, base: str, head: str, folder: str) -> list[str]:
        """Paths that `head` changed since it left `base` and that do not lie in `folder`."""
        return self._differing(self._parting(base, head) or base, head, f":(exclude,literal){folder}")

    def since(self, base: str, head: str) -> list[str] | None:
        """Paths that `head` changed since it left `base`; None where they have no commit in common."""
        left = self._parting(base, head)
        return None if left is None else self._differing(left, head)

    def _parting(self, base: str, head: str) -> str | None:
        """The commit where `head` left `base`; a shallow clone may have none."""
        return run_git(["merge-base", base, head], self.root).stdout.decode().strip() or None

    def _differing(self, left: str, right: str, *pathspecs: str) -> list[str]:
        options = ["--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none"]
        listing = git_bytes(["diff", *options, left, right, "--", *pathspecs], self.root)
        return [path for path in listing.decode(errors="surrogateescape").split("\0") if path]

    def is_ancestor(self, one: str, other: str) -> bool:
        """Whether the commit `other` is `one`, or came after it; no where either is not here."""
        return run_git(["merge-base", "--is-ancestor", one, other], self.root).returncode == 0

    def apart(self, one: str, other: str) -> tuple[int, int] | None:
        """How many commits each of two has that the other has not; None where either is not here."""
        done = run_git(["rev-list", "--left-right", "--count", "--end-of-options", f"{one}...{other}"], self.root)
        left, right = done.stdout.split() if done.returncode == 0 else (None, None)
        return None if left is None or right is None else (int(left), int(right))

    def changed(self, prefix: str) -> list[str]:
        """Paths below `prefix` whose state on disk is not that of HEAD, untracked ones included."""
        if self.bare:
            return []
        listing = git_bytes(["status", "--porcelain", "-z", "--untracked-files=all", "--", prefix], self.root)
        paths, parts = [], iter(listing.decode(errors="surrogateescape").split("\0"))
        for part in parts:
            if part:
                paths.append(part[3:])
                if part[0] in "RC":
                    next(parts, None)
        return paths

    def remote_url(self, name: str = "origin") -> str | None:
        """The URL of a remote, or None."""
        done = run_git(["remote", "get-url", name], self.root)
        return done.stdout.decode().strip() or None if done.returncode == 0 else None


def missing_object(oid: str, root: Path) -> ForgeError:
    """What is said where the repository at `root` lacks an object that it should have."""
    remedy = "The clone is partial or damaged: `git fetch --refetch`, or clone again."
    return ForgeError(f"object {oid} is missing from the repository", where=str(root), remedy=remedy)


def _commit(text: str) -> "Commit":
    from modelbook.core.stages.history import Commit

    name, parents, seconds, author, email, committer, subject = text.split("\n", 6)
    return Commit(name, time_of(seconds), tuple(parents.split()), author, email, subject, committer)


def time_of(seconds: str) -> str:
    """When a commit was made (UTC, with Z); one that claims a time that no calendar has was made at its end."""
    return datetime.fromtimestamp(min(int(seconds), _LATEST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
