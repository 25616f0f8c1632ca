"""`modelbook data croissant`: MLCommons Croissant metadata of a dataset version."""

import json
import os
from functools import partial
from pathlib import Path

import click

from modelbook.adapters.directory_store import DirectoryStore
from modelbook.adapters.store import Store
from modelbook.commands._console import say
from modelbook.commands._dataset_files import resolve_dataset, stored_files, verified_dataset
from modelbook.commands._workspace import open_workspace, registry_option, rev_option
from modelbook.core.exchange.croissant import croissant
from modelbook.core.layout import dataset_folder
from modelbook.core.storage import uri_of

DESCRIBED = 1000  # files; of more, the document names the manifest alone


@click.command(name="croissant", short_help="Write MLCommons Croissant metadata (JSON-LD).")
@click.argument("reference", metavar="REF")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write this file.  [default: print it]"
)
@rev_option
@registry_option
def command(reference: str, output: Path | None, rev: str, registry_folder: str | None) -> None:
    """Describe the dataset version REF in the format of MLCommons Croissant 1.0, for tools that read it.

    Addresses are those of the store; of a store that is a folder, paths from where the document lies.

    \b
    Example:
      modelbook data croissant transactions@3 -o croissant.json
    """
    workspace = open_workspace(registry_folder, rev=rev, scope=["datasets"])
    name, version = resolve_dataset(workspace.registry, reference)
    card = verified_dataset(workspace, name, version)
    digest = workspace.registry.digest(f"{dataset_folder(name, version)}/card.yaml")
    url = partial(_address, workspace.store, (output.parent if output else Path()).absolute())
    with stored_files(workspace.store, card) as listed:
        document = croissant(card, digest, listed() if card.files <= DESCRIBED else (), url)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
    say(f"{name}@{version}: described in {output}")


def _address(store: Store, beside: Path, key: str) -> str:
    if isinstance(store, DirectoryStore):
        return Path(os.path.relpath(store.root / key, beside)).as_posix()
    return uri_of(store.uri, key)
