"""Bringing a verified version, or dataset version, onto the disk: whole or not at all."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelbook.adapters.parallel import move_all
from modelbook.adapters.store import Progress, Store
from modelbook.commands._console import progress
from modelbook.commands._workspace import Workspace
from modelbook.core.dataset import DataFile, DatasetCard, read_manifest
from modelbook.core.digests import digest_of
from modelbook.core.documents import DocumentError
from modelbook.core.findings import Finding, blocks
from modelbook.core.layout import version_folder
from modelbook.core.storage import blob_key, key_in
from modelbook.core.verification import verify_dataset, verify_version
from modelbook.errors import BadInput, IntegrityError, Refused

MANIFEST_LIMIT = 64 * 1024 * 1024  # bytes: about 400,000 files


def refuse(name: str, findings: tuple[Finding, ...]) -> None:
    """Raise Refused with every error among the findings, if there is one."""
    if blocks(findings):
        raise Refused(
            f"{name} does not verify, so it is not used:\n" + "\n".join(f"  {finding}" for finding in findings)
        )


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder beside `target` that becomes `target` when the block succeeds, and goes away when it does not."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadInput(
            "something is here already", where=str(target), remedy="Name another folder, or remove this one."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield scratch
        scratch.chmod(0o755)
        scratch.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def pull_version(workspace: Workspace, model: str, version: int, target: Path) -> None:
    """Write the files of a version to the new folder `target`, with card.yaml and model.sig beside them.

    Raises Refused where the version does not verify, IntegrityError where the bytes in the store are others.
    """
    registry = workspace.registry
    verdict = verify_version(registry, model, version)
    refuse(f"{model}@{version}", verdict.findings)
    card = registry.card(model, version)
    store = workspace.store
    files = [(key_in(store.uri, artifact.uri), artifact) for artifact in card.artifacts]
    with whole_folder(target) as scratch:
        fetch_all(
            store,
            f"pulling {model}@{version}",
            [(key, one.path, one.digest, one.size) for key, one in files],
            scratch,
        )
        for name in ("card.yaml", "model.sig"):
            (scratch / name).write_bytes(registry.files[f"{version_folder(model, version)}/{name}"])


def verified_dataset(workspace: Workspace, dataset: str, version: int) -> DatasetCard:
    """The card of a dataset version. Raises BadInput where there is none, Refused where it does not verify."""
    registry = workspace.registry
    if version not in registry.dataset_versions(dataset):
        known = ", ".join(f"{dataset}@{n}" for n in registry.dataset_versions(dataset)) or "none"
        raise BadInput(
            f"{dataset}@{version} is not in this registry",
            remedy=f"Versions of it: {known}. Add one: `modelbook data add`.",
        )
    card, findings = verify_dataset(registry, dataset, version)
    if card is None:
        raise DocumentError(findings)
    refuse(f"{dataset}@{version}", findings)
    return card


def dataset_files(workspace: Workspace, card: DatasetCard) -> list[DataFile]:
    """The files that a dataset's manifest lists, in order of their paths. The manifest's digest is checked."""
    pinned, store = card.manifest, workspace.store
    key = key_in(store.uri, pinned.uri)
    data = store.read_bytes(key, limit=min(pinned.size, MANIFEST_LIMIT))
    if digest_of(data) != pinned.digest:
        raise IntegrityError("the manifest is not the one that the card pins", where=pinned.uri)
    return list(read_manifest(data, pinned.uri))


def pull_dataset(workspace: Workspace, dataset: str, version: int, target: Path) -> None:
    """Write the files of a dataset version to the new folder `target`. Raises as `pull_version` does."""
    files = dataset_files(workspace, verified_dataset(workspace, dataset, version))
    with whole_folder(target) as scratch:
        wanted = [(blob_key(file.digest), file.path, file.digest, file.size) for file in files]
        fetch_all(workspace.store, f"pulling {dataset}@{version}", wanted, scratch)


def fetch_all(store: Store, label: str, files: list[tuple[str, str, str, int]], folder: Path) -> None:
    """Fetch every (key, path, digest, size) into `folder`, some at a time."""
    with progress(label, sum(size for *_, size in files)) as moved:

        def task(key: str, path: str, digest: str, size: int) -> Callable[[Progress], None]:
            return lambda report: store.fetch(key, folder / path, digest=digest, size=size, progress=report)

        move_all([task(*file) for file in files], progress=moved)
