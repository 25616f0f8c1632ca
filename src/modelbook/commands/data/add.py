"""`modelbook data add`: the next version of a dataset, uploaded, numbered, signed and proposed."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import click

from modelbook.adapters.clock import now
from modelbook.adapters.data_folder import found_files
from modelbook.adapters.dvc_data import SUFFIX, DvcData
from modelbook.adapters.forge import Change, Proposal
from modelbook.adapters.hash_cache import HashCache
from modelbook.adapters.prune_guard import check_dataset_kept
from modelbook.commands._dataset_upload import upload
from modelbook.commands._numbering import next_number, proposed_numbers, submit_numbered
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
from modelbook.core.dataset import DatasetCard
from modelbook.core.documents import dump
from modelbook.core.layout import dataset_folder
from modelbook.core.listed import many
from modelbook.core.names import check_name
from modelbook.core.pages.card_markdown import dataset_body
from modelbook.core.signing.statements import dataset_statement


@click.command(name="add", short_help="Add a file or folder as the next version.")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--description", metavar="TEXT", help="What the data are.")
@click.option("--source", metavar="TEXT", help="Where they come from, best as a URL.")
@click.option("--license", metavar="TEXT", help="Under which terms: an SPDX name such as CC-BY-4.0, or a URL.")
@click.option("--citation", metavar="TEXT", help="How to cite them.")
@click.option("--creator", metavar="TEXT", help="Who made them.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be given more than once.")
@click.option("--read-all", is_flag=True, help="Read also the files that nobody has touched since the last time.")
@signer_option
@forge_option
@registry_option
@json_option
def command(
    name: str,
    path: Path,
    description: str | None,
    source: str | None,
    license: str | None,
    citation: str | None,
    creator: str | None,
    tags: tuple[str, ...],
    read_all: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Add the file or folder PATH as the next version of the dataset NAME.

    Files that the store has already are not uploaded again, nor large ones read that nobody has touched since the last
    time (by size, inode and times); if nothing changed, no version is made. PATH may be a
    pointer file of DVC: then the data that it names are added, and the card names the pointer.

    \b
    Examples:
      modelbook data add transactions exports/2026-11 --description "Card payments, November"
      modelbook data add images data/images.dvc
    """
    check_name(name, "dataset")
    workspace = open_workspace(registry_folder)
    workspace.refuse_uncommitted()
    key, _ = open_allowed_signer(workspace, signer, name, statement="dataset")
    dvc = DvcData(path, workspace.repository.root) if path.suffix == SUFFIX and path.is_file() else None
    found = dvc.files if dvc else partial(found_files, path)
    with _cache(workspace, path, read_all) as cache:
        added = upload(workspace.store, found, path, cache)
    if same := _latest_if_same(workspace, name, added.manifest.digest):
        check_dataset_kept(workspace.store, added.manifest)
        tell(same, "holds exactly these files already; nothing to do", None, as_json=as_json, key="dataset")
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
            license=license,
            citation=citation,
            creator=creator,
            dvc=dvc.source if dvc else None,
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
            body=dataset_body(card),
            files={
                f"{folder}/card.yaml": data,
                f"{folder}/dataset.sig": key.sign(dataset_statement(card, data)),
            },
            labels=("modelbook", "dataset"),
        )
        return version, forge.submit(change)

    version, proposal = submit_numbered(attempt)
    check_dataset_kept(workspace.store, added.manifest)
    tell(
        f"{name}@{version}",
        f"{many(added.files, 'file')}, {many(added.size, 'byte')}",
        proposal,
        as_json=as_json,
        key="dataset",
    )


def _cache(workspace: Workspace, path: Path, read_all: bool) -> AbstractContextManager[HashCache | None]:
    place = workspace.repository.main_root / ".modelbook" / "hashes.sqlite"
    return nullcontext() if read_all else HashCache(place, path)


def _latest_if_same(workspace: Workspace, name: str, manifest: str) -> str | None:
    """The latest version, if it has this very manifest."""
    latest = workspace.registry.dataset_versions(name)[-1:]
    same = latest and workspace.registry.dataset_card(name, latest[0]).manifest.digest == manifest
    return f"{name}@{latest[0]}" if same else None
