"""Reads trust.yaml and what lies beside it: at one commit, and after every commit that changed it."""

from itertools import groupby

from modelbook.adapters.git import SUBMODULE, SYMLINK, Repository
from modelbook.core.layout import TRUST, TRUSTED_ROOT, place_of
from modelbook.core.registry import Registry
from modelbook.core.stages.history import History
from modelbook.core.strict_yaml import MAX_BYTES
from modelbook.core.verifying.trust_change import TRUST_FILES, TrustAt, signature_paths


def read_trust(repository: Repository, folder: str, commit: str) -> Registry:
    """A registry of trust.yaml, its signatures and trusted_root.json only, less links and what is too large."""
    found = {}
    for path, entry in repository.beside(commit, folder).items():
        inside = path.removeprefix(f"{folder}/")
        place = place_of(inside)
        if place and place.kind in TRUST_FILES and _is_file(entry.mode) and entry.size <= MAX_BYTES:
            found[inside] = entry.oid
    blobs = repository.blobs(found.values())
    return Registry({path: blobs[oid] for path, oid in found.items()}, folder)


def read_trust_states(repository: Repository, registry: Registry, commit: str) -> list[TrustAt]:
    """What each commit up to `commit`, whose `registry` it is, left of trust.yaml and its neighbours, oldest first.

    Git is asked by name. A signature of somebody whom no trust.yaml ever had in its root is seen only by whoever reads
    the history of the whole registry.
    """
    folder, known = registry.prefix, {TRUST, TRUSTED_ROOT} | signature_paths(registry)
    while True:
        history = repository.history(commit, [f"{folder}/{path}" for path in sorted(known)]).below(folder)
        states = trust_history(repository, history, folder)
        asked, known = known, known.union(*(signature_paths(one.registry) for one in states))
        if known == asked:
            return states


def trust_history(repository: Repository, history: History, folder: str) -> list[TrustAt]:
    """What each commit of `history` left of trust.yaml, oldest first; paths in it are those below `folder`."""
    changes = [one for one in history.revisions if (place := place_of(one.path)) and place.kind in TRUST_FILES]
    blobs = repository.blobs(one.oid for one in changes if one.oid and _is_file(one.mode))
    files: dict[str, bytes] = {}
    states = []
    for commit, those in groupby(changes, key=lambda one: one.commit):
        for one in those:
            files.pop(one.path, None)
            if one.oid in blobs:
                files[one.path] = blobs[one.oid]
        states.append(TrustAt(commit, Registry(dict(files), folder)))
    return states


def _is_file(mode: str | None) -> bool:
    return mode not in {None, SYMLINK, SUBMODULE}
