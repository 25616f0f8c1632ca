"""`modelbook data pull`: the verified files of a dataset version."""

from dataclasses import asdict
from pathlib import Path

import click

from modelbook.commands._console import print_json, say
from modelbook.commands._dataset_files import resolve_dataset
from modelbook.commands._dataset_pull import pull_dataset
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import json_option, open_workspace, registry_option, rev_option
from modelbook.core.listed import many


@click.command(name="pull", short_help="Write a verified copy of a version's files.")
@click.argument("reference", metavar="REF")
@click.argument("target", required=False, type=click.Path(path_type=Path))
@rev_option
@registry_option
@json_option
def command(reference: str, target: Path | None, rev: str, registry_folder: str | None, as_json: bool) -> None:
    """Write the files of the dataset version REF to the folder TARGET, every byte verified.

    What is there already is hashed and not fetched again; a pull that was cut short goes on when it is run again.

    \b
    Example:
      modelbook data pull transactions@3 ./data
    """
    workspace = open_workspace(registry_folder, rev=rev, scope=["datasets"])
    refuse(reference, workspace.problems)
    name, version = resolve_dataset(workspace.registry, reference)
    folder = target or Path(f"{name}-{version}")
    pulled = pull_dataset(workspace, name, version, folder)
    if as_json:
        print_json({"dataset": f"{name}@{version}", "path": str(folder)} | asdict(pulled))
        return
    how = f"{pulled.fetched} of them fetched, {pulled.bytes:,} bytes" if pulled.fetched else "nothing had to be fetched"
    say(f"{name}@{version}: {many(pulled.files, 'file')} in {folder}, every byte as signed; {how}")
