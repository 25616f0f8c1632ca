"""Building the index of a registry's tree from git: whole, or from that of another tree by what differs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from modelbook.adapters.git import Entry, Repository
from modelbook.adapters.git_process import run_git
from modelbook.adapters.index_tables import Index, Told
from modelbook.adapters.registry_files import unsound
from modelbook.adapters.store import Progress
from modelbook.adapters.workers import spread
from modelbook.core.findings import Finding
from modelbook.core.layout import model_folder, place_of, version_folder
from modelbook.core.queries.version_facts import ModelFacts, version_facts
from modelbook.core.registry import Registry

Version = tuple[str, int]
_SHARE = 100  # versions that are read at once: enough for one git process, few enough to spread
_ROUND = 10_000  # versions whose facts are in memory at once
_LISTED = 500  # paths that git is asked for by name; of more, all are listed
_DOCUMENT = ".yaml"  # half of the files are signatures
_KINDS = frozenset({"card", "evaluation", "revocation"})
_SHARED = frozenset({"model", "stage"})
_TOLD = _KINDS | _SHARED


@dataclass(frozen=True)
class _Share:
    """Some versions of a model, and the files that tell of them, with their object ids."""

    model: str
    versions: tuple[int, ...]
    oids: Mapping[str, str]
    unsound: Mapping[int, tuple[Finding, ...]]


def build(index: Index, repository: Repository, folder: str, tree: str, progress: Progress | None = None) -> None:
    """Fill an empty index with all that the registry's `tree` has."""
    _tell(index, repository, folder, repository.entries(tree, [], ending=_DOCUMENT), None, progress)


def follow(index: Index, repository: Repository, folder: str, base: str, tree: str) -> bool:
    """Make an index of the tree `base` one of `tree`. False where git has no `base` any more; nothing changed then."""
    paths = _differing(repository, base, tree)
    if paths is None:
        return False
    versions, models = _touched(paths)
    if versions or models:
        described = {one.name or "" for path in paths if (one := place_of(path)) and one.kind == "model"}
        for model in described:
            versions |= {(model, one) for one in index.versions_of(model)}
        for model in models:
            versions |= {(model, one) for one in index.holding(model)}
        listing = _listing(repository, tree, versions, models, described)
        for model in models:
            versions |= {(model, one) for one in _held(repository, listing, model)}
        listing |= _listing(repository, tree, versions, set(), set())
        versions |= {(model, 0) for model in models}
        if described:
            versions |= {place for path in listing if (place := _version(path)) and place[0] in described}
        index.change(versions, ())
        _tell(index, repository, folder, listing, versions, None)
    return True


def add_branch(index: Index, repository: Repository, folder: str, base: str, tree: str, branch: str) -> None:
    """Add the versions that `tree`, that of a branch, has and `base`, that of HEAD, has not, or has otherwise."""
    paths = _differing(repository, base, tree) or []
    versions = {one for path in paths if path.endswith("/card.yaml") and (one := _version(path))}
    listing = _listing(repository, tree, versions, {model for model, _ in versions}, set())
    kept = {path: entry for path, entry in listing.items() if "/stages/" not in path}  # those of HEAD are what counts
    _tell(index, repository, folder, kept, versions, None, {"on": branch})


def _differing(repository: Repository, base: str, tree: str) -> list[str] | None:
    done = run_git(["diff-tree", "-r", "-z", "--name-only", "--no-renames", base, tree], repository.root)
    if done.returncode:
        return None
    return [path for path in done.stdout.decode(errors="surrogateescape").split("\0") if path]


def _touched(paths: Iterable[str]) -> tuple[set[Version], set[str]]:
    """Versions one of whose own files is among the paths, and models one of whose shared files is."""
    versions, models = set(), set()
    for path in paths:
        if one := _version(path):
            versions.add(one)
        elif (place := place_of(path)) and place.kind in _SHARED and place.name:
            models.add(place.name)
    return versions, models


def _version(path: str) -> Version | None:
    place = place_of(path)
    return (place.name, place.version) if place and place.kind in _KINDS and place.name and place.version else None


def _listing(
    repository: Repository, tree: str, versions: Iterable[Version], models: set[str], whole: set[str]
) -> dict[str, Entry]:
    """The entries that tell of these versions, of what they share with others, and of whole models."""
    paths = {version_folder(*one) for one in versions} | {model_folder(model) for model in whole}
    paths |= {f"{model_folder(model)}/{part}" for model in models | {m for m, _ in versions} for part in _OF_ALL}
    if not paths:
        return {}
    return repository.entries(tree, sorted(paths) if len(paths) < _LISTED else [], ending=_DOCUMENT)


_OF_ALL = ("model.yaml", "stages/")


def _held(repository: Repository, listing: Mapping[str, Entry], model: str) -> set[int]:
    shared = {path: one for path, one in listing.items() if path.startswith(f"{model_folder(model)}/stages/")}
    share = _Share(model, (), {path: one.oid for path, one in shared.items() if not unsound(path, one)}, {})
    return set(ModelFacts(_registry(repository, "", share), model).held)


def _tell(
    index: Index,
    repository: Repository,
    folder: str,
    listing: Mapping[str, Entry],
    wanted: set[Version] | None,
    progress: Progress | None,
    more: Mapping[str, str] | None = None,
) -> None:
    """Put the versions of `listing`, or those of them that are `wanted`, into the index."""
    shares = list(_shares(folder, listing, wanted))
    work = partial(_read, repository, folder, dict(more or {}))
    each, done = _ROUND // _SHARE, iter(shares)

    def tell(count: int) -> None:
        if progress:  # in which order they are done is not known, nor does it matter
            progress(sum(sum(map(bool, one.versions)) for one in islice(done, count)))

    for at in range(0, len(shares), each):
        found = spread(work, shares[at : at + each], worth=4, progress=tell)
        index.change((), (one for part in found for one in part))


def _shares(folder: str, listing: Mapping[str, Entry], wanted: set[Version] | None) -> Iterator[_Share]:
    shared: dict[str, dict[str, str]] = {}
    own: dict[Version, dict[str, str]] = {}
    bad: dict[Version, list[Finding]] = {}
    for path, entry in listing.items():
        place = place_of(path)
        if place is None or place.name is None or place.kind not in _TOLD:
            continue
        key = (place.name, place.version or 0)
        if wanted is not None and key not in wanted and key[1]:
            continue
        own.setdefault(key, {})
        if problem := unsound(f"{folder}/{path}", entry):
            bad.setdefault(key, []).append(problem)
        elif place.version:
            own[key][path] = entry.oid
        else:
            shared.setdefault(place.name, {})[path] = entry.oid
    by_model: dict[str, list[int]] = {}
    for model, version in sorted(own):
        if wanted is None or (model, version) in wanted:
            by_model.setdefault(model, []).append(version)
    for model, versions in by_model.items():
        for at in range(0, len(versions), _SHARE):
            some = tuple(versions[at : at + _SHARE])
            oids = dict(shared.get(model, {}))
            for one in some:
                oids |= own[model, one]
            yield _Share(model, some, oids, {one: tuple(bad.get((model, one), ())) for one in some})


def _registry(repository: Repository, folder: str, share: _Share) -> Registry:
    blobs = repository.blobs(share.oids.values())
    return Registry({path: blobs[oid] for path, oid in share.oids.items()}, folder)


def _read(repository: Repository, folder: str, more: Mapping[str, str], share: _Share) -> Sequence[Told]:
    registry = _registry(repository, folder, share)
    shared = ModelFacts(registry, share.model)
    told = list[Told]()
    for version in share.versions:
        findings = list(share.unsound[version])
        if version == 0:
            told.append((share.model, 0, None, [*findings, *shared.findings]))
        elif registry.card_path(share.model, version) in registry.files:
            facts, found = version_facts(registry, shared, version)
            told.append((share.model, version, facts and facts | dict(more), [*findings, *found]))
        elif findings:
            told.append((share.model, version, None, findings))
    return told
