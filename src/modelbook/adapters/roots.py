"""Every ref of a registry, and what each of them holds: read whole from where the registry lives, or not at all."""

import base64
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git, git_bytes, run_git, words_of
from modelbook.adapters.git_refs import held_by
from modelbook.adapters.github_place import is_sealed
from modelbook.adapters.root_files import files_at
from modelbook.core.pruning.reachability import RootFile
from modelbook.errors import ForgeError, Refused

_TOP = "refs/roots"
# What proposes something, on GitHub and what is like it, and on GitLab.
_PROPOSED = (("refs/pull/", "/head"), ("refs/merge-requests/", "/head"))


class _Place(NamedTuple):
    """A repository: what its refs are called, its address, its registry's folder, and what its files are told by.

    `open` are the numbers of its open pull requests; None where nobody says which are, so that all of them count.
    """

    name: str
    url: str
    folder: str
    registry: str = ""
    open: Sequence[int] | None = None

    def counts(self, ref: str) -> bool:
        """Whether what is at `ref` counts, but for open pull requests by their number."""
        if ref == "HEAD" or ref.startswith(("refs/heads/", "refs/tags/")):
            return not ref.endswith("^{}")
        return self.open is None and any(ref.startswith(begin) and ref.endswith(end) for begin, end in _PROPOSED)


@dataclass(frozen=True)
class RootSource:
    """Where roots are read: a clone, its remotes, and the `registries` that share the store (URL[#folder]).

    `pulls` gives the number and the head of each open pull request of the remote `origin`, where there is a forge that
    knows; else all that were ever opened count.
    """

    repository: Repository
    folder: str
    registries: Sequence[str] = ()
    pulls: Callable[[], Mapping[int, str]] | None = None

    def refs(self) -> dict[str, str]:
        """What every ref holds now, wherever it lies. Raises ForgeError where a registry cannot be asked.

        Raises Refused in a shallow clone, which does not know what served once.
        """
        root = self.repository.root
        if git(["rev-parse", "--is-shallow-repository"], root) == "true":
            raise Refused(
                "this clone has no more than the latest commits, so nobody knows what served once",
                where=str(root),
                remedy="git fetch --unshallow, or `fetch-depth: 0` in a workflow",
            )
        pulls = self.pulls() if self.pulls else {}
        found = dict(self._own())
        for place in self._places(list(pulls)):
            found |= {f"{place.name}{ref}": oid for ref, oid in self._listed(place).items()}
        return found | {f"pull request {number}": head for number, head in pulls.items()}

    def files(self) -> list[RootFile]:
        """The files of the registries that name something in the store, from every ref, and from history."""
        pulls = list(self.pulls()) if self.pulls else []
        with tempfile.TemporaryDirectory(prefix="modelbook-roots-") as scratch:
            # A clone that fetches files as they are asked for does so here; what it has then, the other one borrows.
            found = list(files_at(self.repository, self._own(), self.folder, ""))
            bare = self._bare(Path(scratch))
            for at, place in enumerate(self._places(pulls)):
                refs = self._fetched(bare, f"{_TOP}/{at}", place)
                here = list(files_at(bare, refs, place.folder, place.registry))
                if place.registry and not any(one.refs for one in here):
                    raise Refused(
                        f"{place.url} has no registry in the folder {place.folder}/, on any branch",
                        remedy="Correct `registries` in policy.yaml (URL#folder). Nothing was deleted.",
                    )
                found += here
        return _merged(found)

    def _own(self) -> dict[str, str]:
        """What the refs of the clone itself hold, and what is checked out in it and beside it, on a branch or on none.

        git's own list, since a configuration of the clone may hide refs from whoever fetches.
        """
        root = self.repository.root
        found = held_by(self.repository)
        found["HEAD"] = git(["rev-parse", "HEAD"], root)
        for line in git(["worktree", "list", "--porcelain"], root).split("\n"):
            word, _, oid = line.partition(" ")
            if word == "HEAD" and oid.strip("0"):
                found[f"worktree {oid[:12]}"] = oid
        return found

    def _places(self, pulls: Sequence[int]) -> Iterator[_Place]:
        """Every repository that is asked beside the clone; a remote may be read here and written there."""
        root = self.repository.root
        seen = set[str]()
        for name in git(["remote"], root).split("\n"):
            for push in ((), ("--push",)) if name else ():
                for url in git(["remote", "get-url", "--all", *push, name], root).split("\n"):
                    if url not in seen:
                        known = pulls if name == "origin" and self.pulls and not push else None
                        yield _Place(f"{name}{' (push)' if push else ''} ", url, self.folder, open=known)
                    seen.add(url)
        for one in self.registries:
            url, _, folder = one.partition("#")
            yield _Place(f"{one} ", url, folder or "registry", registry=f"{one} ")

    def _listed(self, place: _Place) -> dict[str, str]:
        done = run_git(["ls-remote", "--quiet", place.url], self.repository.root, env=_credentials(place.url))
        if done.returncode:
            raise ForgeError(
                f"git ls-remote failed, so nobody knows what {place.name.strip()} names: {words_of(done)}",
                where=place.url,
                remedy="Nothing was deleted. See `git remote -v`, `registries` in policy.yaml, and your rights there.",
            )
        lines = done.stdout.decode(errors="surrogateescape").split("\n")
        listed = {ref: oid for oid, _, ref in (line.partition("\t") for line in lines if line)}
        return {ref: oid for ref, oid in listed.items() if place.counts(ref)}

    def _bare(self, scratch: Path) -> Repository:
        """An empty repository that borrows the clone's objects."""
        git(["init", "--quiet", "--bare", str(scratch)], scratch)
        (scratch / "objects/info").mkdir(exist_ok=True)
        (scratch / "objects/info/alternates").write_text(f"{self.repository.git_dir / 'objects'}\n")
        return Repository(scratch, scratch, bare=True)

    def _fetched(self, bare: Repository, top: str, place: _Place) -> dict[str, str]:
        """What the refs of a repository hold, by what they are called, once all of it is in `bare`.

        Raises Refused where it lists a ref and does not give it, as one does that is shallow itself.
        """
        before = self._listed(place)
        wanted = [f"+refs/heads/*:{top}/heads/*", f"+refs/tags/*:{top}/tags/*"]
        wanted += [f"+refs/pull/{number}/head:{top}/pull/{number}/head" for number in place.open or ()]
        if place.open is None:
            wanted += [f"+{begin}*{end}:{top}/{begin.removeprefix('refs/')}*{end}" for begin, end in _PROPOSED]
        base = self.repository.root / place.url
        address = str(base) if "://" not in place.url and base.exists() else place.url
        asked = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", address, *wanted]
        git_bytes(asked, bare.root, env=_credentials(place.url))
        have = {ref.removeprefix(f"{top}/"): oid for ref, oid in held_by(bare, top).items()}
        missing = {ref for ref in before if ref != "HEAD" and ref.removeprefix("refs/") not in have}
        if missing and (gone := missing & set(self._listed(place))):
            raise Refused(
                f"{place.url} does not give what it lists ({min(gone)}): it may have the latest commits alone",
                remedy="`git fetch --unshallow` there, or name the whole repository. Nothing was deleted.",
            )
        held = {f"{place.name}{_shown(ref)}": oid for ref, oid in have.items()}
        head = before.get("HEAD")
        return held | ({f"{place.name}HEAD": head} if head and head in have.values() else {})


def _credentials(url: str) -> dict[str, str]:
    """How git gets into GitHub's own repositories in a workflow: by the job's token, for that site alone."""
    token, site = os.environ.get("GITHUB_TOKEN"), os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    if not token or not url.startswith(f"{site}/") or not is_sealed(site):
        return {}
    secret = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{site}/.extraheader",
        "GIT_CONFIG_VALUE_0": f"AUTHORIZATION: basic {secret}",
    }


def _shown(ref: str) -> str:
    for begin, end in _PROPOSED:
        if ref.startswith(begin.removeprefix("refs/")):
            return f"pull request {ref.removeprefix(begin.removeprefix('refs/')).removesuffix(end)}"
    return ref.removeprefix("heads/").removeprefix("remotes/")


def _merged(files: Sequence[RootFile]) -> list[RootFile]:
    """One file for each path and content: the clone and its remote mostly hold the same."""
    found: dict[tuple[str, str, bytes], RootFile] = {}
    for one in files:
        place = (one.registry, one.path, one.data)
        refs = {*one.refs, *(found[place].refs if place in found else ())}
        found[place] = RootFile(one.path, one.data, tuple(sorted(refs)), one.registry)
    return list(found.values())
