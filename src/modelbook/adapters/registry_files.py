"""Reads the registry's files from a commit: what is decided upon is what is committed, never what lies about."""

from collections.abc import Iterable, Sequence, Set

from modelbook.adapters.clock import now
from modelbook.adapters.git import SUBMODULE, SYMLINK, Entry, Repository, time_of
from modelbook.adapters.git_process import git
from modelbook.adapters.sigstore_check import check_keyless
from modelbook.adapters.trust_files import read_trust, read_trust_states, trust_history
from modelbook.core.findings import Finding
from modelbook.core.layout import POLICY, TRUST, TRUSTED_ROOT, place_of
from modelbook.core.registry import Registry
from modelbook.core.signing.envelope import MAX_BUNDLE
from modelbook.core.stages.history import History, check_history
from modelbook.core.stages.tenure import Tenures, no_older, tenures
from modelbook.core.strict_yaml import MAX_BYTES
from modelbook.core.verifying.trust_change import TrustAt, verify_trust_history


def read_registry(
    repository: Repository, folder: str, commit: str, scope: Iterable[str] = ()
) -> tuple[Registry, list[Finding]]:
    """The registry at `commit`, and what git shows to be wrong with it: links, submodules, oversized files.

    `scope` are the paths below the folder that are wanted, such as `models/digits`; nothing means everything. The
    policy, the trust file, its trusted root and the dataset cards' folder are small or few and always included.
    """
    oids, findings = list_registry(repository, folder, commit, scope)
    blobs = repository.blobs(oids.values())
    files = {path: blobs[oid] for path, oid in oids.items()}
    return Registry(files, folder, keyless=check_keyless), findings


def list_registry(
    repository: Repository, folder: str, commit: str, scope: Iterable[str] = ()
) -> tuple[dict[str, str], list[Finding]]:
    """The object id of each file that `read_registry` reads, and its findings."""
    wanted = list(scope)
    inside = [f"{folder}/{path}" for path in (*wanted, POLICY, TRUST, TRUSTED_ROOT, "datasets")] if wanted else [folder]
    findings, oids = [], {}
    for path, entry in repository.entries(commit, inside).items():
        if problem := unsound(path, entry):
            findings.append(problem)
        else:
            oids[path.removeprefix(folder + "/")] = entry.oid
    return oids, findings


def read_kinds(
    repository: Repository, folder: str, commit: str, kinds: Set[str]
) -> tuple[dict[str, bytes], list[Finding]]:
    """The files of some kinds (core/layout.py), by path below the folder, and what git shows to be wrong with others
    of these kinds.
    """
    entries = repository.entries(commit, [folder], ending=".yaml")
    places = {path: place_of(path.removeprefix(f"{folder}/")) for path in entries}
    wanted = [path for path, place in sorted(places.items()) if place and place.kind in kinds]
    findings = [problem for path in wanted if (problem := unsound(path, entries[path]))]
    oids = {path.removeprefix(f"{folder}/"): entries[path].oid for path in wanted if not unsound(path, entries[path])}
    blobs = repository.blobs(oids.values())
    return {path: blobs[oid] for path, oid in oids.items()}, findings


def unsound(path: str, entry: Entry) -> Finding | None:
    """What git shows to be wrong with a file of the registry: a link, a submodule, too large."""
    if entry.mode in {SYMLINK, SUBMODULE}:
        what = "a symbolic link" if entry.mode == SYMLINK else "a submodule"
        message = f"{what} is not allowed in the registry"
        return Finding(path, None, "not-a-file", message, "Replace it by the file itself.")
    if entry.size > (MAX_BYTES if path.endswith(".yaml") else MAX_BUNDLE):
        return Finding(path, None, "too-large", f"{entry.size:,} bytes is too large for a registry file")
    return None


def read_history(
    repository: Repository,
    folder: str,
    commit: str,
    scope: Iterable[str] = (),
    *,
    then: str | None = None,
    trust_from: str | None = None,
) -> list[Finding]:
    """All that the commits up to `commit` show to be wrong with the registry, or with the paths `scope` below it.

    `then` is a commit that would be the next one, `trust_from` one whose trust.yaml is taken for granted. The history
    of trust.yaml is looked at where the whole registry is.
    """
    paths = [f"{folder}/{path}" for path in scope] or [folder]
    history = repository.history(commit, paths)
    if then:
        entries = repository.entries(then, paths)
        history = history.then(repository.about(then), {path: entry.oid for path, entry in entries.items()})
    history = history.below(folder)
    findings = check_history(history, repository.blobs(history.pointers()), folder)
    if paths == [folder]:
        findings += _of_trust(repository, folder, trust_history(repository, history, folder), trust_from)
    return findings


def read_trust_history(
    repository: Repository, registry: Registry, commit: str, trust_from: str | None = None
) -> list[Finding]:
    """What the commits up to `commit`, whose `registry` it is, show to be wrong with trust.yaml.

    `trust_from` as for `read_history`.
    """
    return _of_trust(repository, registry.prefix, read_trust_states(repository, registry, commit), trust_from)


def _of_trust(repository: Repository, folder: str, states: Sequence[TrustAt], trust_from: str | None) -> list[Finding]:
    start = read_trust(repository, folder, trust_from) if trust_from else None
    return list(verify_trust_history(states, start).findings)


def read_tenures(repository: Repository, folder: str, commit: str, scope: Iterable[str] = ()) -> Tenures:
    """What held each stage and since when, as the commits up to `commit` tell it."""
    history = repository.history(commit, [f"{folder}/{path}" for path in scope] or [folder]).below(folder)
    return _tenures(repository, history, commit)


def read_past(
    repository: Repository, folder: str, commit: str, scope: Iterable[str] = ()
) -> tuple[History, Tenures, list[Finding]]:
    """The history of the paths `scope` (relative to it below `folder`), what held each stage in it, and what it shows
    to be wrong: as `read_tenures` and `read_history` read it, at once.
    """
    history = repository.history(commit, [f"{folder}/{path}" for path in scope] or [folder]).below(folder)
    findings = check_history(history, repository.blobs(history.stage_files()), folder)
    return history, _tenures(repository, history, commit), findings


def _tenures(repository: Repository, history: History, commit: str) -> Tenures:
    return tenures(history, repository.blobs(history.stage_files()), read_times(repository, commit))


def read_times(repository: Repository, commit: str) -> dict[str, str]:
    """When each commit that led to `commit` came to its branch, as `no_older` has it."""
    listing = git(["rev-list", "--first-parent", "--reverse", "--timestamp", commit], repository.root)
    return no_older([(oid, time_of(seconds)) for seconds, oid in map(str.split, listing.splitlines())], now())
