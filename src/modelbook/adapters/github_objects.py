"""Git objects and branches in a repository on GitHub. Commits are made without an author, so that GitHub signs them."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelbook.adapters.github_api import GitHubApi, Json, pick
from modelbook.adapters.github_errors import Refusal
from modelbook.errors import BadInput

NAMED = 300  # paths that GitHub names of a comparison, however many there are


@dataclass(frozen=True)
class Commit:
    """A commit on GitHub: its id, its tree, its parents and its message."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    message: str


def _nothing() -> None:
    """An object that nothing names yet may be made again: it is the same one, or nobody ever sees it."""


class GitHubObjects:
    """Reads and writes objects and branches. Every method may raise ForgeError."""

    def __init__(self, api: GitHubApi) -> None:
        self._api = api

    def commit(self, sha: str) -> Commit:
        """An existing commit. Raises BadInput where GitHub does not have it."""
        found = self._api.get_if_there("read a commit", f"/git/commits/{sha}")
        if found is None:
            raise BadInput(
                f"the commit {sha} is not on GitHub", where=self._api.full_name, remedy="Push it first: `git push`."
            )
        return _commit(found)

    def write_tree(self, base: str, files: Mapping[str, bytes | None]) -> str:
        """The tree of `base` (a tree) with `files` written, or removed where they are None."""
        entries: list[Json] = []
        for path, data in sorted(files.items()):
            entries.append({"path": path, "mode": "100644", "type": "blob", "sha": data and self._write_blob(data)})
        body = {"base_tree": base, "tree": entries}
        return _sha(self._api.post("write a tree", "/git/trees", body, find=_nothing))

    def _write_blob(self, data: bytes) -> str:
        body = {"content": base64.b64encode(data).decode(), "encoding": "base64"}
        return _sha(self._api.post("write a file", "/git/blobs", body, find=_nothing))

    def write_commit(self, tree: str, parent: str, message: str) -> str:
        """A new commit that no branch holds yet."""
        body = {"message": message, "tree": tree, "parents": [parent]}
        return _sha(self._api.post("make a commit", "/git/commits", body, find=_nothing))

    def branch(self, name: str) -> str | None:
        """The commit of a branch, or None where there is no such branch."""
        found = self._api.get_if_there("read a branch", f"/git/ref/heads/{name}")
        return _sha(pick(found, "object")) if found else None

    def branches(self, prefix: str) -> dict[str, str]:
        """The branches whose name begins with `prefix`, and the commit of each."""
        found = self._api.pages("list branches", f"/git/matching-refs/heads/{prefix}")
        return {str(pick(ref, "ref")).removeprefix("refs/heads/"): _sha(pick(ref, "object")) for ref in found}

    def create_branch(self, name: str, commit: str) -> bool:
        """Make a branch. False where it exists: of several who try, one succeeds."""

        def made() -> Json | None:
            return {} if self.branch(name) == commit else None

        try:
            self._api.post("make a branch", "/git/refs", {"ref": f"refs/heads/{name}", "sha": commit}, find=made)
        except Refusal as error:
            if error.status == 422 and "already exists" in error.words:
                return False
            raise
        return True

    def move_branch(self, name: str, commit: str) -> None:
        """Let a branch hold another commit, whatever it held."""
        self._api.patch("move a branch", f"/git/refs/heads/{name}", {"sha": commit, "force": True})

    def advance_branch(self, name: str, commit: str) -> bool:
        """Let a branch hold a commit made on top of the one that it holds. False where it holds another by now."""
        try:
            self._api.patch("add to a branch", f"/git/refs/heads/{name}", {"sha": commit, "force": False})
        except Refusal as error:
            if error.status == 422 and "fast forward" in error.words.replace("-", " ").lower():
                return False
            raise
        return True

    def folder(self, commit: str, path: str) -> dict[str, bytes]:
        """The files of one folder of a commit, by path; none where there is no such folder."""
        listing = self._api.get_if_there("list a folder", f"/contents/{path}", ref=commit)
        names = [str(pick(one, "path")) for one in listing or () if pick(one, "type") == "file"]
        return {name: data for name in names if (data := self.read(commit, name)) is not None}

    def changed(self, base: str, commit: str) -> frozenset[str] | None:
        """The paths that `commit` changed since it left `base`; None where they share no commit, or it is too many."""
        found = self._api.get_if_there("compare two commits", f"/compare/{base}...{commit}", per_page="1")
        if found is None:
            return None
        files = pick(found, "files")
        if len(files) >= NAMED:
            return None
        names = (str(pick(one, "filename")) for one in files)
        return frozenset(names) | {str(one["previous_filename"]) for one in files if one.get("previous_filename")}

    def read(self, commit: str, path: str) -> bytes | None:
        """A file of a commit, or None where it has none."""
        found = self._api.get_if_there("read a file", f"/contents/{path}", ref=commit)
        if not isinstance(found, dict) or found.get("type") != "file":
            return None
        if found.get("encoding") == "none":  # too large for this answer
            found = self._api.get("read a file", f"/git/blobs/{_sha(found)}")
        return base64.b64decode(pick(found, "content"))


def _commit(found: Any) -> Commit:
    parents = tuple(_sha(parent) for parent in pick(found, "parents"))
    return Commit(_sha(found), _sha(pick(found, "tree")), parents, str(pick(found, "message")))


def _sha(found: Any) -> str:
    return str(pick(found, "sha"))
