"""Reads trust.yaml and what lies beside it: at one commit, and at every commit that changed it."""

from modelbook.adapters.git import SUBMODULE, SYMLINK, Repository
from modelbook.core import layout
from modelbook.core.registry import Registry
from modelbook.core.strict_yaml import MAX_BYTES
from modelbook.core.trust_change import Revision

_KINDS = frozenset({"trust", "trust signature", "trusted root"})


def read_trust(repository: Repository, folder: str, commit: str) -> Registry:
    """A registry of trust.yaml, its signatures and trusted_root.json only, less links and what is too large."""
    found = {}
    for path, entry in repository.beside(commit, folder).items():
        inside = path.removeprefix(f"{folder}/")
        place = layout.place_of(inside)
        plain = entry.mode not in {SYMLINK, SUBMODULE} and entry.size <= MAX_BYTES
        if place and place.kind in _KINDS and plain:
            found[inside] = entry.oid
    blobs = repository.blobs(found.values())
    return Registry({path: blobs[oid] for path, oid in found.items()}, folder)


def trust_history(repository: Repository, folder: str, commit: str) -> list[Revision]:
    """Every version of trust.yaml along first parents up to `commit`, oldest first, with the signatures beside it."""
    paths = [f":(glob){folder}/trust.*", f":(glob){folder}/{layout.TRUSTED_ROOT}"]
    return [
        Revision(one, time, read_trust(repository, folder, one)) for one, time in repository.revisions(commit, paths)
    ]
