"""What a site is made of, gathered once: the registry of a commit, its history, and where its code lies.

Git says what there is and what each commit changed. The bytes are read of what changed since the last build, and of
little else: object ids tell which that is.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from modelbook.adapters.git import SUBMODULE
from modelbook.adapters.github_place import page_of
from modelbook.adapters.lazy_blobs import LazyBlobs, LazyFiles
from modelbook.adapters.registry_files import list_registry, read_times
from modelbook.adapters.site_writer import stamp
from modelbook.commands._beside import Beside
from modelbook.commands._workspace import Workspace
from modelbook.core import layout
from modelbook.core.digests import digest_of
from modelbook.core.documents import DocumentError
from modelbook.core.findings import Finding
from modelbook.core.layout import place_of
from modelbook.core.pages.github_page import GitHubPage
from modelbook.core.queries.derived import Derived
from modelbook.core.registry import Registry
from modelbook.core.revocation import is_revoked
from modelbook.core.site.site_version import Around, Stay
from modelbook.core.site.watched import WatchedFiles
from modelbook.core.stages.accounts import in_words, stages_told
from modelbook.core.stages.history import History
from modelbook.core.stages.past import Past, past_of
from modelbook.core.stages.tenure import tenures

_RULES = (layout.POLICY, layout.TRUST, layout.TRUSTED_ROOT)


@dataclass(frozen=True)
class Source:
    """The registry at a commit, whose `files` note what is asked for; its past; a digest of what all pages share.

    `oids` are the object ids of its files, by path, and `blobs` the bytes of these and of all that history speaks of.
    `findings` are what git shows to be wrong with files.
    """

    registry: Registry
    files: WatchedFiles
    oids: Mapping[str, str]
    blobs: LazyBlobs
    findings: tuple[Finding, ...]
    past: Past
    github: GitHubPage | None
    title: str
    commit: str
    commit_time: str
    stamp: str
    _stays: dict[str, tuple[Stay, ...]] = field(default_factory=dict)

    @cached_property
    def _own(self) -> dict[tuple[str, int], list[str]]:
        found: dict[tuple[str, int], list[str]] = {}
        for path, place in sorted(self.registry.places.items()):
            if place.version and path.startswith("models/"):
                found.setdefault((place.name or "", place.version), []).append(path)
        return found

    def own_paths(self, model: str, version: int) -> list[str]:
        """The paths of a version's own files."""
        return self._own[model, version]

    def stays(self, model: str) -> tuple[Stay, ...]:
        """Every time of a version in a stage, stage by stage, oldest first."""
        if model not in self._stays:
            self._stays[model] = tuple(
                Stay(
                    stage,
                    one.holder.version,
                    one.since,
                    one.until,
                    in_words([landing.pointer.kind for landing in one.landings]),
                    one.landings[-1].pointer.held,
                )
                for stage in stages_told(self.registry, model, self.past.tenures)
                for one in self.past.tenures.of(model, stage)
            )
        return self._stays[model]

    @cached_property
    def _by_model(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path, place in self.registry.places.items():
            if path.startswith("models/"):
                found.setdefault(place.name or "", []).append(path)
        return found

    def only(self, model: str) -> Registry:
        """The registry as if it had this one model, for what looks through all files of it."""
        paths = [*self._by_model.get(model, ()), *(path for path in _RULES if path in self.oids)]
        files = {path: self.registry.files[path] for path in paths}
        return Registry(files, self.registry.prefix, keyless=self.registry.keyless)

    def read_versions(self, versions: Iterable[tuple[str, int]]) -> None:
        """Read the files of these versions now, and not one by one."""
        self.blobs.read(self.oids[path] for one in versions for path in self.own_paths(*one))

    def read_pasts(self, models: Collection[str]) -> None:
        """Read all that was ever of these models now, and not one by one."""
        owners = ["", *models] if models else []
        self.blobs.read(one.oid for owner in owners for _, one in self.past.by_owner.get(owner, ()) if one.oid)


class Asked:
    """What git is asked for at once, to answer while other things are done."""

    def __init__(self, workspace: Workspace) -> None:
        repository, folder, commit = workspace.repository, workspace.folder, workspace.commit
        self.workspace = workspace
        self.listing = Beside(lambda: list_registry(repository, folder, commit))
        self.history = Beside(lambda: repository.history(commit, [folder]).below(folder))
        self.times = Beside(lambda: read_times(repository, commit))


def gather(asked: Asked, blobs: LazyBlobs, forge: str) -> Source:
    """All of it; `blobs` are empty yet. Raises BadInput where the rules cannot be read."""
    workspace = asked.workspace
    github = page_of(workspace.repository, forge)
    oids, findings = asked.listing.result()
    blobs.add(oids.values())
    files = WatchedFiles(LazyFiles(oids, blobs))
    registry = Registry(files, workspace.folder, keyless=workspace.registry.keyless)
    _ = registry.policy, registry.trust  # nothing is verified without them
    rules = [(path, oids.get(path)) for path in _RULES]
    title = github.name if github else workspace.repository.root.resolve().name
    return Source(
        registry,
        files,
        oids,
        blobs,
        tuple(findings),
        _past(asked.history.result(), blobs, asked.times.result()),
        github,
        title,
        workspace.commit,
        workspace.repository.about(workspace.commit).time,
        digest_of(repr((stamp(), rules, title, github, registry.prefix)).encode()),
    )


def _past(history: History, blobs: LazyBlobs, times: Mapping[str, str]) -> Past:
    blobs.add(one.oid for one in history.revisions if one.oid and one.mode != SUBMODULE and place_of(one.path))
    blobs.read(history.stage_files())
    return past_of(history, blobs, tenures(history, blobs, times))


def arounds(source: Source, derived: Derived, sweeps: Mapping[tuple[str, int], str]) -> dict[tuple[str, int], Around]:
    """What the page of each version says of others; `sweeps` are those of which the runs of some were trials."""
    found = {}
    for model in source.registry.models():
        stays, versions = source.stays(model), source.registry.versions(model)
        for at, version in enumerate(versions):
            found[model, version] = Around(
                versions[at - 1] if at else None,
                versions[at + 1] if at + 1 < len(versions) else None,
                derived.of(f"{model}@{version}").digest,
                tuple(stay for stay in stays if stay.version == version),
                sweeps.get((model, version)),
            )
    return found


def derivations(source: Source, parents: Mapping[tuple[str, int], tuple[str, ...]]) -> Derived:
    """What was made from what; `parents` are the names of those that each version was made from."""
    held: dict[str, tuple[str, ...]] = {}
    for model in source.registry.models():
        for stay in source.stays(model):
            if stay.until is None and stay.version:
                name = f"{model}@{stay.version}"
                held[name] = (*held.get(name, ()), stay.stage)
    made = {f"{model}@{version}": names for (model, version), names in parents.items() if names}
    revoked = {f"{key[0]}@{key[1]}" for key, names in parents.items() if names and is_revoked(source.registry, *key)}
    return Derived(made, held, revoked)


def parents_in(registry: Registry, model: str, version: int) -> tuple[str, ...]:
    """The versions that this one says it was made from; none where its card cannot be read."""
    # Reading a card takes a thousand times longer than looking for a word in it.
    if b"parents" not in registry.files[registry.card_path(model, version)]:
        return ()
    try:
        lineage = registry.card(model, version).lineage
    except DocumentError:
        return ()
    return tuple(f"{one.model}@{one.version}" for one in lineage.parents)
