"""Reads the registry's files from a commit: what is decided upon is what is committed, never what lies about."""

from collections.abc import Iterable
from pathlib import Path

from modelbook.adapters.clock import now
from modelbook.adapters.git import SUBMODULE, SYMLINK, Repository, git, time_of
from modelbook.adapters.sigstore_check import check_keyless
from modelbook.adapters.trust_files import read_trust, trust_history
from modelbook.core.envelope import MAX_BUNDLE
from modelbook.core.findings import Finding
from modelbook.core.history import History, check_history
from modelbook.core.layout import POLICY, TRUST, TRUSTED_ROOT
from modelbook.core.registry import Registry
from modelbook.core.strict_yaml import MAX_BYTES
from modelbook.core.tenure import Tenures, no_older, tenures
from modelbook.core.trust_change import verify_trust_history
from modelbook.errors import BadInput

FOLDER = "registry"
_OF_TRUST = "trust"  # with it begin trust.yaml, its signatures and trusted_root.json, and nothing else


def find_registry(start: Path, named: str | None) -> tuple[Repository, str]:
    """The repository that holds the registry, and the registry's folder below its top.

    That is the folder `named` (in whatever repository it lies), or the nearest `registry` above `start`. Raises
    BadInput where there is none.
    """
    folder = start / named if named else start
    repository = Repository.find(folder if folder.is_dir() else start)
    if repository.bare:
        return repository, (named or FOLDER).strip("/")
    root = repository.root.resolve()
    if named:
        if not (folder / "policy.yaml").is_file():
            raise BadInput("no policy.yaml in this folder, so it is no registry", where=str(folder))
        return repository, folder.resolve().relative_to(root).as_posix()
    for above in [start.resolve(), *start.resolve().parents]:
        if (above / FOLDER / "policy.yaml").is_file():
            return repository, (above / FOLDER).relative_to(root).as_posix()
        if above == root:
            break
    raise BadInput(
        "there is no registry here (no registry/policy.yaml)",
        where=str(root),
        remedy="Make one with `modelbook init`, or name its folder with --registry or MODELBOOK_REGISTRY.",
    )


def read_registry(
    repository: Repository, folder: str, commit: str, scope: Iterable[str] = ()
) -> tuple[Registry, list[Finding]]:
    """The registry at `commit`, and what git shows to be wrong with it: links, submodules, oversized files.

    `scope` are the paths below the folder that are wanted, such as `models/digits`; nothing means everything. The
    policy, the trust file, its trusted root and the dataset cards' folder are small or few and always included.
    """
    wanted = list(scope)
    inside = [f"{folder}/{path}" for path in (*wanted, POLICY, TRUST, TRUSTED_ROOT, "datasets")] if wanted else [folder]
    entries = repository.entries(commit, inside)
    findings, oids = [], {}
    for path, entry in entries.items():
        if entry.mode in {SYMLINK, SUBMODULE}:
            what = "a symbolic link" if entry.mode == SYMLINK else "a submodule"
            findings.append(
                Finding(
                    path,
                    None,
                    "not-a-file",
                    f"{what} is not allowed in the registry",
                    "Replace it by the file itself.",
                )
            )
        elif entry.size > (MAX_BYTES if path.endswith(".yaml") else MAX_BUNDLE):
            findings.append(Finding(path, None, "too-large", f"{entry.size:,} bytes is too large for a registry file"))
        else:
            oids[path.removeprefix(folder + "/")] = entry.oid
    blobs = repository.blobs(oids.values())
    files = {path: blobs[oid] for path, oid in oids.items()}
    return Registry(files, folder, keyless=check_keyless), findings


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
        findings += _of_trust(repository, folder, history, trust_from)
    return findings


def read_trust_history(
    repository: Repository, folder: str, commit: str, trust_from: str | None = None
) -> list[Finding]:
    """What the commits up to `commit` show to be wrong with trust.yaml; `trust_from` as for `read_history`."""
    history = repository.history_of_files(commit, f"{folder}/{_OF_TRUST}").below(folder)
    return _of_trust(repository, folder, history, trust_from)


def _of_trust(repository: Repository, folder: str, history: History, trust_from: str | None) -> list[Finding]:
    start = read_trust(repository, folder, trust_from) if trust_from else None
    return list(verify_trust_history(trust_history(repository, history, folder), start).findings)


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
    listing = git(["rev-list", "--first-parent", "--reverse", "--timestamp", commit], repository.root)
    line = [(oid, time_of(seconds)) for seconds, oid in map(str.split, listing.splitlines())]
    return tenures(history, repository.blobs(history.stage_files()), no_older(line, now()))
