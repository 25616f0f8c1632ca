"""`modelbook data add`: an immutable dataset version of a file or a folder."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from modelbook.adapters.clock import now
from modelbook.adapters.forge import Change, Proposal
from modelbook.adapters.parallel import move_all
from modelbook.adapters.source_file import SourceFile, measured
from modelbook.adapters.store import Progress, Store
from modelbook.commands._console import progress
from modelbook.commands._numbering import next_number, submit_numbered
from modelbook.commands._proposing import tell
from modelbook.commands._signing import open_allowed_signer
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    signer_option,
)
from modelbook.core.dataset import DatasetCard, Manifest, write_manifest
from modelbook.core.digests import digest_of
from modelbook.core.documents import dump
from modelbook.core.layout import dataset_folder
from modelbook.core.names import check_name
from modelbook.core.records import StoredFile
from modelbook.core.statements import dataset_statement
from modelbook.core.storage import blob_key, check_key, uri_of
from modelbook.errors import BadInput


@click.group(name="data", short_help="Add dataset versions.")
def command() -> None:
    """Dataset versions: immutable, named by what they hold."""


@command.command()
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--description", metavar="TEXT", help="What the data are.")
@click.option("--source", metavar="TEXT", help="Where they come from.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be given more than once.")
@signer_option
@forge_option
@registry_option
@json_option
def add(
    name: str,
    path: Path,
    description: str | None,
    source: str | None,
    tags: tuple[str, ...],
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Add the file or folder PATH as the next version of the dataset NAME.

    Files that the store has already are not uploaded again; if nothing changed, no version is made.

    \b
    Example:
      modelbook data add transactions exports/2026-11 --description "Card payments, November"
    """
    check_name(name, "dataset")
    workspace = open_workspace(registry_folder)
    workspace.refuse_uncommitted()
    key, _ = open_allowed_signer(workspace, signer, name, statement="dataset")
    stored, manifest = _upload(workspace, path)
    latest = workspace.registry.dataset_versions(name)
    if latest and workspace.registry.dataset_card(name, latest[-1]).manifest.digest == manifest.digest:
        tell(
            f"{name}@{latest[-1]}",
            "holds exactly these files already; nothing to do",
            None,
            as_json=as_json,
            key="dataset",
        )
        return
    forge = workspace.forge(forge_name)
    created = now()

    def attempt() -> tuple[int, Proposal]:
        base = workspace.at(workspace.repository.commit("HEAD"))
        version = next_number(base.registry.dataset_versions(name), forge.proposed(f"dataset/{name}-"))
        card = DatasetCard(
            dataset=name,
            version=version,
            created=created,
            description=description,
            source=source,
            tags=tags,
            files=len(stored),
            size=sum(file.size for file in stored),
            manifest=manifest,
        )
        data = dump(card)
        folder = base.path(dataset_folder(name, version))
        change = Change(
            branch=f"dataset/{name}-{version}",
            base=base.commit,
            title=f"Add dataset {name}@{version}",
            body=f"{len(stored)} files, {card.size:,} bytes. {description or ''}".strip(),
            files={
                f"{folder}/card.yaml": data,
                f"{folder}/dataset.sig": key.sign(dataset_statement(card, data)),
            },
            labels=("modelbook", "dataset"),
        )
        return version, forge.submit(change)

    version, proposal = submit_numbered(attempt)
    size = sum(file.size for file in stored)
    tell(f"{name}@{version}", f"{len(stored)} files, {size:,} bytes", proposal, as_json=as_json, key="dataset")


def _upload(workspace: Workspace, path: Path) -> tuple[list[StoredFile], Manifest]:
    """Bring every file that the store lacks into it, and the manifest last, so that a manifest is always whole."""
    files = list(_walk(path))
    if not files:
        raise BadInput("there are no files here", where=str(path))
    total = sum(file.stat().st_size for _, file in files)
    store = workspace.store

    with progress(f"adding {len(files)} files", total) as moved:

        def task(place: str, file: Path) -> Callable[[Progress], StoredFile]:
            return lambda report: _upload_one(store, place, file, report)

        stored = move_all([task(place, file) for place, file in files], progress=moved)
    data = write_manifest(stored)
    digest = digest_of(data)
    store.put_bytes(blob_key(digest), data)
    return stored, Manifest(uri=uri_of(store.uri, blob_key(digest)), size=len(data), digest=digest)


def _upload_one(store: Store, place: str, file: Path, moved: Progress) -> StoredFile:
    with SourceFile(file) as source:
        found = measured(source)
    key = blob_key(found.digest)
    known = store.stat(key)
    if known and known.size == found.size:
        moved(found.size)
    else:
        store.put_file(key, file, progress=moved)
    return StoredFile(path=place, size=found.size, digest=found.digest)


def _walk(path: Path) -> Iterator[tuple[str, Path]]:
    """(path inside the dataset, file) of every regular file at or below `path`. Links are refused."""
    if path.is_symlink():
        raise BadInput("a symbolic link cannot be added", where=str(path), remedy="Name what it points to.")
    if path.is_file():
        yield check_key(path.name), path
        return
    if not path.is_dir():
        raise BadInput("no such file or folder", where=str(path))
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted([*names, *(f for f in folders if (Path(folder) / f).is_symlink())]):
            file = Path(folder) / name
            if file.is_symlink() or not file.is_file():
                raise BadInput(
                    "only regular files can be added",
                    where=str(file),
                    remedy="Replace the link by what it points to.",
                )
            yield check_key(file.relative_to(path).as_posix()), file
