"""`modelbook data show`: all that is known of a dataset version, and what is in it."""

from itertools import islice

import click

from modelbook.commands._console import print_json, print_nested, say
from modelbook.commands._dataset_files import dataset_facts, resolve_dataset, stored_files
from modelbook.commands._workspace import json_option, open_workspace, registry_option, rev_option
from modelbook.errors import Exit, StoreError

SHOWN = 10  # files, unless all are asked for


@click.command(name="show", short_help="Show a version, its files, and who used it.")
@click.argument("reference", metavar="REF")
@click.option("--files", "all_files", is_flag=True, help=f"List every file, not only the first {SHOWN}.")
@rev_option
@registry_option
@json_option
def command(reference: str, all_files: bool, rev: str, registry_folder: str | None, as_json: bool) -> int:
    """Show the dataset version REF: its card, who signed it, which model versions used it, and its files.

    Exit status 1 where it does not verify.

    \b
    Examples:
      modelbook data show transactions@3
      modelbook data show transactions@3 --files
    """
    workspace = open_workspace(registry_folder, rev=rev)
    name, version = resolve_dataset(workspace.registry, reference)
    facts = dataset_facts(workspace.registry, name, version)
    card = workspace.registry.dataset_card(name, version)
    if not as_json:
        print_nested(facts)
    try:
        with stored_files(workspace.store, card) as listed:
            files = islice(listed(), None if all_files else SHOWN)
            if as_json:
                print_json(facts | {"files": [file.model_dump(mode="json") for file in files]})
            else:
                say("files:")
                for file in files:
                    say(f"  {file.size:>15,}  {file.path}")
    except StoreError as error:
        if all_files:
            raise
        say(f"its files cannot be listed: {error}", as_json=True)
        if as_json:
            print_json(facts)
    else:
        if not as_json and not all_files and card.files > SHOWN:
            say(f"  … and {card.files - SHOWN:,} more: modelbook data show {name}@{version} --files")
    return Exit.NO if "problems" in facts else Exit.YES
