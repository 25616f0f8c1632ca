"""Plumbing over one bare git repository: objects read and written, refs moved with their old value held.

Object ids are 40 hex digits, paths relative with `/`, contents bytes. What git refuses raises GitRefused.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path

_NOTHING = "0" * 40
_ID = re.compile("[0-9a-f]{40}")
_READING = {"cat-file", "diff-tree", "log", "ls-tree", "merge-base", "merge-tree", "rev-list", "rev-parse"}
_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_DEFAULT_REF_FORMAT": "files",  # see `refs`
}

_PLACES = ("", "refs/", "refs/tags/", "refs/heads/")  # where git looks for the ref of a name, in this order

# GitHub lets everybody read refs/pull and nobody push there, and gives any commit by its id.
_CONFIG = """
[http]
	receivepack = true
[receive]
	hideRefs = refs/pull
[uploadpack]
	allowAnySHA1InWant = true
	allowFilter = true
[gc]
	auto = 0
"""


class GitRefused(Exception):
    """Git answered with an error; the text is git's own."""


@dataclass(frozen=True)
class Person:
    """Who wrote a commit, and when (ISO 8601 with a zone)."""

    name: str
    email: str
    date: str

    def environment(self, role: str) -> dict[str, str]:
        moment = datetime.fromisoformat(self.date)
        stamp = f"{int(moment.timestamp())} {moment.strftime('%z')}"
        return {f"GIT_{role}_NAME": self.name, f"GIT_{role}_EMAIL": self.email, f"GIT_{role}_DATE": stamp}


@dataclass(frozen=True)
class Commit:
    sha: str
    tree: str
    parents: list[str]
    author: Person
    committer: Person
    message: str


@dataclass(frozen=True)
class Entry:
    """One line of a tree. `kind` is blob, tree or commit; `size` in bytes, of blobs only."""

    mode: str
    kind: str
    sha: str
    size: int | None
    path: str


class BareRepository:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._settled: dict[tuple[str, ...], subprocess.CompletedProcess[bytes]] = {}

    @classmethod
    def create(cls, path: Path, branch: str = "main") -> "BareRepository":
        """An empty repository that serves clones, and takes pushes from whom the HTTP front lets through."""
        path.mkdir(parents=True)
        repository = cls(path)
        repository.git("init", "--quiet", "--bare", f"--initial-branch={branch}", ".")
        with (path / "config").open("a") as config:
            config.write(_CONFIG)
        return repository

    def git(self, *arguments: str, given: bytes = b"", extra: dict[str, str] | None = None) -> bytes:
        """Run git in the repository; raises GitRefused with git's words when it fails."""
        done = self._run(arguments, given, extra)
        if done.returncode:
            raise GitRefused(done.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
        return done.stdout

    def answers(self, *arguments: str) -> str | None:
        """Git's answer as text, or None where git says no."""
        done = self._run(arguments, b"", None)
        return None if done.returncode else done.stdout.decode().strip()

    def _run(
        self, arguments: tuple[str, ...], given: bytes, extra: dict[str, str] | None
    ) -> subprocess.CompletedProcess[bytes]:
        if arguments in self._settled:
            return self._settled[arguments]
        environment = {**_ENVIRONMENT, **(extra or {})}
        command = ["git", "-c", "core.quotePath=false", *arguments]
        done = subprocess.run(command, cwd=self.path, input=given, env=environment, capture_output=True, check=False)
        # What was said of objects by their ids holds for ever. Of one that was not there it would not.
        if done.returncode == 0 and _is_of_ids(arguments):
            self._settled[arguments] = done
        return done

    # Refs

    def refs(self) -> dict[str, str]:
        """Every ref and the object it names (a tag object for annotated tags)."""
        # Looked up with every request, so read as git lays them out: asking git took more time than all else here.
        found: dict[str, str] = {}
        packed = self.path / "packed-refs"
        for line in packed.read_text().splitlines() if packed.exists() else ():
            if line[0] not in "#^":
                sha, name = line.split(" ", 1)
                found[name] = sha
        for file in (self.path / "refs").rglob("*"):
            if file.suffix != ".lock" and file.is_file():
                with suppress(FileNotFoundError):  # a push took it away just now
                    found[file.relative_to(self.path).as_posix()] = file.read_text().strip()
        return dict(sorted(found.items()))

    def update_ref(self, ref: str, new: str, old: str) -> None:
        """Move `ref` from `old` (zeros: not there) to `new`; refused when it no longer stands at `old`."""
        self.git("update-ref", ref, new, old)

    def create_ref(self, ref: str, sha: str) -> None:
        self.update_ref(ref, sha, _NOTHING)

    def force_ref(self, ref: str, sha: str) -> None:
        self.git("update-ref", ref, sha)

    def delete_ref(self, ref: str) -> None:
        self.git("update-ref", "-d", ref)

    # Objects

    def resolve(self, name: str, kind: str = "commit") -> str | None:
        """The id that `name` stands for, peeled to `kind`; None where there is no such object."""
        if not name or name.startswith("-") or ".." in name or ":" in name:
            return None
        if not _ID.fullmatch(name):
            refs = self.refs()
            name = next((refs[ref] for place in _PLACES if (ref := place + name) in refs), name)
        return self.answers("rev-parse", "--verify", "--quiet", f"{name}^{{{kind}}}")

    def kind(self, sha: str) -> str | None:
        return self.answers("cat-file", "-t", sha)

    def blob(self, sha: str) -> bytes:
        return self.git("cat-file", "blob", sha)

    def write_blob(self, content: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", given=content).decode().strip()

    def entries(self, tree: str, recursive: bool = False) -> list[Entry]:
        """What a tree holds, in git's order; `recursive` lists folders and what is in them."""
        flags = ["-r", "-t"] if recursive else []
        result = []
        for record in self.git("ls-tree", "-z", "-l", *flags, tree).decode().split("\0")[:-1]:
            facts, path = record.split("\t", 1)
            mode, kind, sha, size = facts.split()
            result.append(Entry(mode, kind, sha, int(size) if size != "-" else None, path))
        return result

    def entry(self, tree: str, path: str) -> Entry | None:
        """One file or folder of a tree, by its path."""
        record = self.git("ls-tree", "-z", "-l", tree, "--", path).decode().rstrip("\0")
        if not record:
            return None
        facts, found = record.split("\t", 1)
        mode, kind, sha, size = facts.split()
        return Entry(mode, kind, sha, int(size) if size != "-" else None, found)

    def write_tree(self, base: str | None, changes: Iterable[tuple[str, str, str | None]]) -> str:
        """A tree like `base` with each (path, mode, sha) set; without a sha the path is removed."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self.git("read-tree", *([base] if base else ["--empty"]), extra=index)
            lines = b""
            for path, mode, sha in changes:
                if mode == "040000" and sha:
                    self.git("read-tree", f"--prefix={path}/", sha, extra=index)
                    continue
                if sha is None and not self.git("ls-files", "--", path, extra=index):
                    raise GitRefused(f"there is no {path} to remove")
                lines += f"{mode if sha else '0'} {sha or _NOTHING}\t{path}\0".encode()
            if lines:
                self.git("update-index", "-z", "--index-info", given=lines, extra=index)
            return self.git("write-tree", extra=index).decode().strip()

    def write_commit(self, tree: str, parents: list[str], message: str, author: Person, committer: Person) -> str:
        flags = [flag for parent in parents for flag in ("-p", parent)]
        people = author.environment("AUTHOR") | committer.environment("COMMITTER")
        return self.git("commit-tree", tree, *flags, given=message.encode(), extra=people).decode().strip()

    def commits(self, *selection: str) -> list[Commit]:
        """The commits that `git log` selects, newest first."""
        layout = "%x1e%H%x1f%T%x1f%P%x1f%an%x1f%ae%x1f%aI%x1f%cn%x1f%ce%x1f%cI%x1f%B"
        text = self.git("log", "-z", f"--format={layout}", *selection, "--").decode(errors="replace")
        result = []
        for record in text.split("\x1e")[1:]:
            sha, tree, parents, an, ae, ad, cn, ce, cd, message = record.rstrip("\0").split("\x1f", 9)
            author, committer = Person(an, ae, ad), Person(cn, ce, cd)
            result.append(Commit(sha, tree, parents.split(), author, committer, message.rstrip("\n")))
        return result

    def commit(self, sha: str) -> Commit:
        return self.commits("-1", sha)[0]

    def is_ancestor(self, old: str, new: str) -> bool:
        return self.answers("merge-base", "--is-ancestor", old, new) is not None

    def merge_base(self, one: str, other: str) -> str | None:
        return self.answers("merge-base", one, other)

    def count(self, since: str, until: str) -> int:
        """How many commits `until` has that `since` has not."""
        return int(self.git("rev-list", "--count", f"{since}..{until}", "--"))


def _is_of_ids(arguments: tuple[str, ...]) -> bool:
    """Whether git is asked of objects alone, each by its whole id: `cat-file blob <id>`, `rev-list <id>..<id>`."""
    command, *words = arguments
    named = (word for word in takewhile(lambda word: word != "--", words) if not word.startswith("-"))
    ids = [one for word in named for one in re.sub(r"\^\{[a-z]+\}$", "", word).split("..")]
    return command in _READING and ids != [] and all(_ID.fullmatch(one) or one in ("blob", "tag") for one in ids)
