"""A registry that lies elsewhere, read without a clone of one's own: `github:acme/registry`, or git's own URL of it.

What git fetched is kept in the user's cache, so that the next time only what is new is fetched: commits and folders,
and of files those that are asked for. It is asked each time: what was revoked a minute ago is revoked.
"""

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import run_git, words_of
from modelbook.adapters.user_cache import user_cache
from modelbook.errors import BadInput, ForgeError

FORMS = "github:owner/name, https://…, ssh://… or file:///…, each with @REV after it if it is not the default branch"
_GITHUB = re.compile(r"github:([A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+?)(?:@(.+))?")
# Without a password in it: that would stand in the cache, and in every error.
_HOST = r"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?)?"
_REV = r"[^@\s]+(?:@\{[^@{}]+\})?"  # main, or main@{2026-10-01}
_URL = re.compile(rf"((?:https|ssh|file)://(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?{_HOST}/[^@\s]+?)(?:@({_REV}))?")
_HEADS = "+refs/heads/*:refs/heads/*"
_TAGS = "+refs/tags/*:refs/tags/*"
_DEFAULT = "refs/modelbook/default"  # what the branch there is that is meant where none is named


class Remote(NamedTuple):
    """Where a registry lies, and the commit, branch or tag that was named."""

    url: str
    rev: str


def remote_of(text: str) -> Remote | None:
    """What `--registry` names elsewhere; None for a folder. Raises BadInput for what is neither."""
    if found := _GITHUB.fullmatch(text):
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
        return Remote(f"{server}/{found[1].removesuffix('.git')}.git", found[2] or "HEAD")
    if found := _URL.fullmatch(text):
        return Remote(found[1], found[2] or "HEAD")
    if text.startswith("github:") or "://" in text:
        raise BadInput(f"{text[:200]!r} names no registry", remedy=f"Write {FORMS}.")
    return None


def fetched(remote: Remote) -> Repository:
    """The repository as it is now, without its files. Raises ForgeError with git's own words."""
    folder = user_cache() / "registries" / f"{hashlib.sha256(remote.url.encode()).hexdigest()[:24]}.git"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if not _is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _clone(remote.url, folder)
        else:
            _fetch(remote, folder)
    return Repository.find(folder)


def _is_whole(folder: Path) -> bool:
    """Whether git finds a repository in the folder itself: from one that is damaged it would look further up."""
    return folder.is_dir() and run_git(["--git-dir=.", "rev-parse", "--git-dir"], folder).returncode == 0


def _clone(url: str, folder: Path) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
    try:
        _git(url, folder.parent, "clone", "--quiet", "--bare", "--filter=blob:none", "--", url, str(scratch))
        scratch.replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _fetch(remote: Remote, folder: Path) -> None:
    # Which branch is the default may have changed, and git's own fetch would not say so.
    named = () if remote.rev != "HEAD" else (f"+HEAD:{_DEFAULT}",)
    options = ("--quiet", "--prune", "--force", "--no-write-fetch-head")
    _git(remote.url, folder, "--git-dir=.", "fetch", *options, "origin", _HEADS, _TAGS, *named)
    if named:
        _git(remote.url, folder, "--git-dir=.", "update-ref", "--no-deref", "HEAD", _DEFAULT)


def _git(url: str, cwd: Path, *arguments: str) -> None:
    done = run_git(arguments, cwd)
    if done.returncode:
        remedy = "Check the name, and that git may read it: `git ls-remote` of the same URL (`gh auth setup-git`)."
        raise ForgeError(f"the registry cannot be fetched: {words_of(done)}", where=url, remedy=remedy)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
