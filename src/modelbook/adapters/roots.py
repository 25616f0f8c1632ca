"""Every ref of a registry, and what each of them holds: read whole from where the registry lives, or not at all."""

import base64
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git, git_bytes
from modelbook.adapters.git_refs import trees_of
from modelbook.adapters.github_place import is_sealed
from modelbook.core.layout import place_of
from modelbook.core.pruning.reachability import RootFile
from modelbook.errors import ForgeError, Refused

_WANTED = {"card", "stage", "evaluation", "dataset", "revocation"}
_OF_HISTORY = {"card", "stage"}  # what served once counts for ever
_TOP = "refs/roots"


@dataclass(frozen=True)
class RootSource:
    """Where roots are read: a clone, its remote `origin`, and the `registries` that share the store (URL[#folder]).

    `pulls` gives the number and the head of each open pull request of the remote, where there is a forge that knows.
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
        found: dict[str, str] = {}
        for name, url, _ in self._places():
            env = _credentials(url)
            listing = git_bytes(["ls-remote", "--quiet", url], root, env=env).decode(errors="surrogateescape")
            for line in listing.splitlines():
                oid, _, ref = line.partition("\t")
                if not ref.startswith("refs/pull/") and not ref.endswith("^{}"):
                    found[f"{name}{ref}"] = oid
        found |= {f"pull request {number}": head for number, head in self._pulls().items()}
        return found

    def files(self) -> list[RootFile]:
        """The files of the registries that name something in the store, from every ref, and from history."""
        with tempfile.TemporaryDirectory(prefix="modelbook-roots-") as scratch, self._bare(Path(scratch)) as bare:
            found: list[RootFile] = []
            for at, (name, url, folder) in enumerate(self._places()):
                pulls = list(self._pulls()) if name == "origin " else None
                self._fetch(bare, at, url, pulls, everything=not at)
                found += _files(bare, f"{_TOP}/{at}", name, folder)
        return _merged(found)

    def _places(self) -> Iterator[tuple[str, str, str]]:
        """Name, address and registry folder of each repository; the clone itself comes first."""
        yield "", str(self.repository.git_dir), self.folder
        if self.repository.remote_url():
            # By its name, so that what the user's configuration says of it holds.
            yield "origin ", git(["remote", "get-url", "origin"], self.repository.root), self.folder
        for one in self.registries:
            url, _, folder = one.partition("#")
            yield f"{one} ", url, folder or "registry"

    def _pulls(self) -> Mapping[int, str]:
        return self.pulls() if self.pulls else {}

    @contextmanager
    def _bare(self, scratch: Path) -> Iterator[Repository]:
        """An empty repository that borrows the clone's objects."""
        git(["init", "--quiet", "--bare", str(scratch)], scratch)
        (scratch / "objects/info").mkdir(exist_ok=True)
        (scratch / "objects/info/alternates").write_text(f"{self.repository.git_dir / 'objects'}\n")
        yield Repository(scratch, scratch, bare=True)

    def _fetch(self, bare: Repository, at: int, url: str, pulls: Sequence[int] | None, *, everything: bool) -> None:
        top = f"{_TOP}/{at}"
        if everything:
            wanted = [f"+refs/*:{top}/*"]
        else:
            wanted = [f"+refs/heads/*:{top}/heads/*", f"+refs/tags/*:{top}/tags/*"]
            wanted += [f"+refs/pull/{number}/head:{top}/pull/{number}" for number in pulls or ()]
            if pulls is None:  # nobody says which of another registry's are open, so all of them count
                wanted.append(f"+refs/pull/*/head:{top}/pull/*")
        base = self.repository.root / url
        address = str(base) if "://" not in url and base.exists() else url
        git_bytes(
            ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", address, *wanted],
            bare.root,
            env=_credentials(url),
        )
        if everything:  # a detached HEAD is on no branch
            head = git(["rev-parse", "HEAD"], self.repository.root)
            git(["update-ref", f"{top}/HEAD", head], bare.root)


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


def _files(bare: Repository, top: str, name: str, folder: str) -> Iterator[RootFile]:
    refs = git(["for-each-ref", "--format=%(refname)", top], bare.root).splitlines()
    trees: dict[str, list[str]] = {}
    for ref, tree in zip(refs, trees_of(bare, refs, folder), strict=True):
        if tree:
            trees.setdefault(tree, []).append(name + _shown(ref.removeprefix(f"{top}/")))
    held: dict[tuple[str, str], set[str]] = {}
    for tree, those in trees.items():
        for path, oid in _paths(bare, tree):
            held.setdefault((path, oid), set()).update(those)
    for path, oid in _once(bare, refs, folder):
        held.setdefault((path, oid), set())
    blobs = bare.blobs(oid for _, oid in held)
    for (path, oid), holders in sorted(held.items()):
        yield RootFile(path, blobs[oid], tuple(sorted(holders)), "" if name in {"", "origin "} else name)


def _paths(bare: Repository, tree: str) -> Iterator[tuple[str, str]]:
    listing = git_bytes(["ls-tree", "-r", "-z", "--full-tree", tree], bare.root).decode(errors="surrogateescape")
    for line in listing.split("\0"):
        meta, _, path = line.partition("\t")
        if (place := place_of(path)) and place.kind in _WANTED:
            mode, _, oid = meta.split()
            if not mode.startswith("100"):
                raise ForgeError(f"{path} is no plain file on some branch", remedy="Replace it by the file itself.")
            yield path, oid


def _once(bare: Repository, refs: Sequence[str], folder: str) -> Iterator[tuple[str, str]]:
    """Cards and stage pointers that any commit ever had."""
    if not refs:
        return
    asked = "\n".join([*refs, "--", f"{folder}/models"]).encode() + b"\n"
    listing = git_bytes(["rev-list", "--objects", "--stdin"], bare.root, stdin=asked).decode(errors="surrogateescape")
    for line in listing.splitlines():
        oid, _, path = line.partition(" ")
        inside = path.removeprefix(f"{folder}/")
        if path and (place := place_of(inside)) and place.kind in _OF_HISTORY:
            yield inside, oid


def _shown(ref: str) -> str:
    if ref.startswith("pull/"):
        return f"pull request {ref.removeprefix('pull/')}"
    return ref.removeprefix("heads/").removeprefix("remotes/")


def _merged(files: Sequence[RootFile]) -> list[RootFile]:
    """One file for each path and content: the clone and its remote mostly hold the same."""
    found: dict[tuple[str, str, bytes], RootFile] = {}
    for one in files:
        place = (one.registry, one.path, one.data)
        refs = {*one.refs, *(found[place].refs if place in found else ())}
        found[place] = RootFile(one.path, one.data, tuple(sorted(refs)), one.registry)
    return list(found.values())
