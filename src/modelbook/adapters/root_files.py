"""The files of a registry that name something in the store, as the refs of one repository and its history hold them."""

from collections.abc import Iterator, Mapping, Sequence

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git_bytes
from modelbook.adapters.git_refs import trees_of
from modelbook.core.layout import place_of
from modelbook.core.pruning.reachability import RootFile
from modelbook.errors import ForgeError

_WANTED = {"policy", "card", "stage", "evaluation", "dataset", "revocation"}
_OF_HISTORY = {"card", "stage", "dataset"}  # what served once counts for ever, and so does what it was made from


def files_at(repository: Repository, refs: Mapping[str, str], folder: str, registry: str) -> Iterator[RootFile]:
    """The files below `folder` at each of `refs` (what it is called, and the object that it holds), and in history.

    `registry` is what the files are told by. Raises ForgeError for what is no plain file.
    """
    trees: dict[str, list[str]] = {}
    for name, tree in zip(refs, trees_of(repository, list(refs.values()), folder), strict=True):
        if tree:
            trees.setdefault(tree, []).append(name.removeprefix("refs/heads/").removeprefix("refs/remotes/"))
    held: dict[tuple[str, str], set[str]] = {}
    for tree, those in trees.items():
        for path, oid in _paths(repository, tree):
            held.setdefault((path, oid), set()).update(those)
    for path, oid in _once(repository, sorted(set(refs.values())), folder):
        held.setdefault((path, oid), set())
    blobs = repository.blobs(oid for _, oid in held)
    for (path, oid), holders in sorted(held.items()):
        yield RootFile(path, blobs[oid], tuple(sorted(holders)), registry)


def _paths(repository: Repository, tree: str) -> Iterator[tuple[str, str]]:
    listing = git_bytes(["ls-tree", "-r", "-z", "--full-tree", tree], repository.root).decode(errors="surrogateescape")
    for line in listing.split("\0"):
        meta, _, path = line.partition("\t")
        if (place := place_of(path)) and place.kind in _WANTED:
            mode, _, oid = meta.split()
            if not mode.startswith("100"):
                raise ForgeError(f"{path} is no plain file on some branch", remedy="Replace it by the file itself.")
            yield path, oid


def _once(repository: Repository, oids: Sequence[str], folder: str) -> Iterator[tuple[str, str]]:
    """Cards and stage pointers that any commit ever had: also one whose side of a merge was thrown away by it."""
    if not oids:
        return
    below = ["--", f"{folder}/models", f"{folder}/datasets"]
    asked = "\n".join([*oids, *below]).encode() + b"\n"
    commits = git_bytes(["rev-list", "--full-history", "--stdin"], repository.root, stdin=asked)
    compared = ["diff-tree", "--stdin", "--root", "-m", "-r", "--raw", "--no-abbrev", "--no-renames", *below]
    listing = git_bytes(compared, repository.root, stdin=commits).decode(errors="surrogateescape")
    for line in listing.split("\n"):
        meta, _, path = line.partition("\t")
        inside = path.removeprefix(f"{folder}/")
        if path and (place := place_of(inside)) and place.kind in _OF_HISTORY:
            _, mode, _, oid, _ = meta.split()
            if mode.startswith("100"):  # else it went, or was never a file that counts
                yield inside, oid
