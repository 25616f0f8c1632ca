"""`modelbook data`: immutable dataset versions of a file or a folder."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from modelbook.adapters.clock import now
from modelbook.adapters.forge import Change, Proposal
from modelbook.adapters.parallel import move_all
from modelbook.adapters.source_file import SourceFile, measured
from modelbook.adapters.store import Progress, Store
from modelbook.commands._console import print_json, print_table, progress, say
from modelbook.commands._numbering import next_number, proposed_numbers, submit_numbered
from modelbook.commands._proposing import tell
from modelbook.commands._pulling import dataset_files, pull_dataset, verified_dataset
from modelbook.commands._signing import open_allowed_signer
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    rev_option,
    signer_option,
)
from modelbook.core.dataset import DataFile, DatasetCard, Manifest, diff, manifest_line, write_manifest
from modelbook.core.digests import digest_of
from modelbook.core.documents import dump
from modelbook.core.layout import dataset_folder
from modelbook.core.names import check_name, parse_reference
from modelbook.core.statements import dataset_statement
from modelbook.core.storage import blob_key, uri_of
from modelbook.errors import BadInput


@click.group(name="data", short_help="Add, pull and compare dataset versions.")
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
    added = _upload(workspace, path)
    latest = workspace.registry.dataset_versions(name)
    if latest and workspace.registry.dataset_card(name, latest[-1]).manifest.digest == added.manifest.digest:
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
        version = next_number(base.registry.dataset_versions(name), proposed_numbers(forge, f"dataset/{name}-"))
        card = DatasetCard(
            dataset=name,
            version=version,
            created=created,
            description=description,
            source=source,
            tags=tags,
            files=added.files,
            size=added.size,
            manifest=added.manifest,
        )
        data = dump(card)
        folder = base.path(dataset_folder(name, version))
        change = Change(
            branch=f"dataset/{name}-{version}",
            base=base.commit,
            title=f"Add dataset {name}@{version}",
            body=f"{added.files} files, {added.size:,} bytes. {description or ''}".strip(),
            files={
                f"{folder}/card.yaml": data,
                f"{folder}/dataset.sig": key.sign(dataset_statement(card, data)),
            },
            labels=("modelbook", "dataset"),
        )
        return version, forge.submit(change)

    version, proposal = submit_numbered(attempt)
    tell(f"{name}@{version}", f"{added.files} files, {added.size:,} bytes", proposal, as_json=as_json, key="dataset")


@dataclass(frozen=True)
class Added:
    """What is in the store now: how many files, their bytes, and the manifest that lists them."""

    files: int
    size: int
    manifest: Manifest


def _upload(workspace: Workspace, path: Path) -> Added:
    """Bring every file that the store lacks into it, and the manifest last, so that a manifest is always whole."""
    count = total = 0
    for _, file in _walk(path):
        count, total = count + 1, total + file.stat().st_size
    if not count:
        raise BadInput("there are no files here", where=str(path))
    store = workspace.store
    with progress(f"adding {count} files", total) as moved:

        def task(place: str, file: Path) -> Callable[[Progress], tuple[str, bytes, int]]:
            return lambda report: _upload_one(store, place, file, report)

        stored = move_all((task(place, file) for place, file in _walk(path)), progress=moved)
    data = write_manifest((place, line) for place, line, _ in stored)
    digest = digest_of(data)
    store.put_bytes(blob_key(digest), data)
    manifest = Manifest(uri=uri_of(store.uri, blob_key(digest)), size=len(data), digest=digest)
    return Added(len(stored), sum(size for _, _, size in stored), manifest)


def _upload_one(store: Store, place: str, file: Path, moved: Progress) -> tuple[str, bytes, int]:
    """(path, manifest line, size in bytes) of a file that is now in the store."""
    with SourceFile(file) as source:
        found = measured(source)
    key = blob_key(found.digest)
    known = store.stat(key)
    if known and known.size == found.size:
        moved(found.size)
    else:
        store.put_file(key, file, progress=moved)
    # A line is kept rather than a record: of 100,000 files that is the difference between 15 and 150 MB.
    return place, manifest_line(DataFile(path=place, size=found.size, digest=found.digest)), found.size


def _walk(path: Path) -> Iterator[tuple[str, Path]]:
    """(path inside the dataset, file) of every regular file at or below `path`. Links are refused."""
    if path.is_symlink():
        raise BadInput("a symbolic link cannot be added", where=str(path), remedy="Name what it points to.")
    if path.is_file():
        yield path.name, path
        return
    if not path.is_dir():
        raise BadInput("no such file or folder", where=str(path))
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted([*names, *(f for f in folders if (Path(folder) / f).is_symlink())]):
            file = Path(folder) / name
            if file.is_symlink() or not file.is_file():
                remedy = "Replace the link by what it points to."
                raise BadInput("only regular files can be added", where=str(file), remedy=remedy)
            yield file.relative_to(path).as_posix(), file


@command.command()
@click.argument("reference", metavar="REF")
@click.argument("target", required=False, type=click.Path(path_type=Path))
@rev_option
@registry_option
@json_option
def pull(reference: str, target: Path | None, rev: str, registry_folder: str | None, as_json: bool) -> None:
    """Write the files of the dataset version REF to the new folder TARGET, every byte verified.

    \b
    Example:
      modelbook data pull transactions@3 ./data
    """
    workspace = open_workspace(registry_folder, rev=rev, scope=["datasets"])
    name, version = _resolve(workspace, reference)
    folder = target or Path(f"{name}-{version}")
    pull_dataset(workspace, name, version, folder)
    if as_json:
        print_json({"dataset": f"{name}@{version}", "path": str(folder)})
    else:
        say(f"{name}@{version}: every byte as signed, in {folder}")


@command.command("diff")
@click.argument("old", metavar="REF")
@click.argument("new", metavar="REF")
@rev_option
@registry_option
@json_option
def compare(old: str, new: str, rev: str, registry_folder: str | None, as_json: bool) -> None:
    """List the files in which two dataset versions differ. Nothing but the two manifests is fetched.

    \b
    Example:
      modelbook data diff transactions@2 transactions@3
    """
    workspace = open_workspace(registry_folder, rev=rev, scope=["datasets"])
    sides = [dataset_files(workspace, verified_dataset(workspace, *_resolve(workspace, text))) for text in (old, new)]
    found = diff(*sides)
    rows: list[dict[str, object]] = [{"change": "added", "path": file.path, "bytes": file.size} for file in found.added]
    rows += [{"change": "removed", "path": file.path, "bytes": file.size} for file in found.removed]
    rows += [{"change": "changed", "path": now.path, "bytes": now.size} for _, now in found.changed]
    print_table(rows, as_json=as_json, empty=f"No difference: both hold the same {found.same} files.")
    if not as_json and rows:
        counts = f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed"
        say(f"{counts}, {found.same} the same")


def _resolve(workspace: Workspace, text: str) -> tuple[str, int]:
    """Name and version of a dataset reference; without a version, the latest."""
    wanted = parse_reference(text, "dataset")
    versions = workspace.registry.dataset_versions(wanted.name)
    if not versions:
        known = ", ".join(workspace.registry.datasets()) or "none yet: `modelbook data add`"
        raise BadInput(f"there is no dataset {wanted.name!r}", remedy=f"Datasets: {known}.")
    if wanted.stage or wanted.digest:
        raise BadInput(f"{text!r} names no dataset version", remedy=f"Write {wanted.name}@{versions[-1]}.")
    return wanted.name, wanted.version or versions[-1]
