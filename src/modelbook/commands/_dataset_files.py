"""A dataset version and the list of its files, both verified."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modelbook.adapters.store import Store
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import Workspace
from modelbook.core.dataset import DataFile, DatasetCard, read_manifest
from modelbook.core.documents import DocumentError
from modelbook.core.exchange.dataset_lineage import dataset_signer, uses_of
from modelbook.core.layout import dataset_folder
from modelbook.core.names import parse_reference
from modelbook.core.registry import Registry
from modelbook.core.storage import key_in
from modelbook.core.verifying.verification import verify_dataset
from modelbook.errors import BadInput


def resolve_dataset(registry: Registry, text: str) -> tuple[str, int]:
    """Name and version that a dataset reference names; without a version, the latest. Raises BadInput."""
    wanted = parse_reference(text, "dataset")
    versions = registry.dataset_versions(wanted.name)
    if not versions:
        known = ", ".join(registry.datasets()) or "none yet: `modelbook data add`"
        raise BadInput(f"there is no dataset {wanted.name!r}", remedy=f"Datasets: {known}.")
    if wanted.stage or wanted.digest:
        raise BadInput(f"{text!r} names no dataset version", remedy=f"Write {wanted.name}@{versions[-1]}.")
    if wanted.version and wanted.version not in versions:
        known = ", ".join(f"{wanted.name}@{n}" for n in versions[-10:])
        raise BadInput(
            f"{wanted} is not in this registry", remedy=f"Versions of it: {known}. Add one: `modelbook data add`."
        )
    return wanted.name, wanted.version or versions[-1]


def dataset_facts(registry: Registry, dataset: str, version: int) -> dict[str, Any]:
    """What the registry itself knows of a dataset version, `problems` included, for a person or a program."""
    card, findings = verify_dataset(registry, dataset, version)
    if card is None:
        raise DocumentError(findings)
    uses, unread = uses_of(registry, dataset, version)
    facts: dict[str, Any] = {
        "dataset": f"{dataset}@{version}",
        "digest": registry.digest(f"{dataset_folder(dataset, version)}/card.yaml"),
        "signed_by": dataset_signer(registry, card),
        "card": card.model_dump(mode="json", exclude_none=True),
        "used_by": [{"version": use.version, "as": use.purpose} for use in uses],
    }
    problems = [str(finding) for finding in (*findings, *unread)]
    return facts | ({"problems": problems} if problems else {})


def verified_dataset(workspace: Workspace, dataset: str, version: int) -> DatasetCard:
    """The card of a dataset version. Raises BadInput where there is none, Refused where it does not verify."""
    resolve_dataset(workspace.registry, f"{dataset}@{version}")
    card, findings = verify_dataset(workspace.registry, dataset, version)
    if card is None:
        raise DocumentError(findings)
    refuse(f"{dataset}@{version}", findings)
    return card


@contextmanager
def stored_files(store: Store, card: DatasetCard) -> Iterator[Callable[[], Iterator[DataFile]]]:
    """Inside the block, a function that reads the files of a dataset version, by path, as often as it is asked.

    The manifest lies on the disk meanwhile: no line is handed out before the whole proved to be the signed one.
    """
    pinned = card.manifest
    with tempfile.TemporaryDirectory(prefix="modelbook-manifest-") as folder:
        local = Path(folder) / "manifest.jsonl"
        store.fetch(key_in(store.uri, pinned.uri), local, digest=pinned.digest, size=pinned.size)

        def read() -> Iterator[DataFile]:
            with local.open("rb") as lines:
                yield from read_manifest(lines, pinned.uri)

        yield read
