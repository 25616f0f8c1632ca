"""`modelbook data diff`: what changed from one dataset version to another."""

import click

from modelbook.commands._console import print_table, say
from modelbook.commands._dataset_files import resolve_dataset, stored_files, verified_dataset
from modelbook.commands._workspace import json_option, open_workspace, registry_option, rev_option
from modelbook.core.dataset import side_by_side


@click.command(name="diff", short_help="List the files in which two versions differ.")
@click.argument("old", metavar="REF")
@click.argument("new", metavar="REF")
@rev_option
@registry_option
@json_option
def command(old: str, new: str, rev: str, registry_folder: str | None, as_json: bool) -> None:
    """List the files in which two dataset versions differ. Nothing but the two manifests is fetched.

    \b
    Example:
      modelbook data diff transactions@2 transactions@3
    """
    workspace = open_workspace(registry_folder, rev=rev, scope=["datasets"])
    cards = [verified_dataset(workspace, *resolve_dataset(workspace.registry, text)) for text in (old, new)]
    counts = dict.fromkeys(("added", "removed", "changed"), 0)
    same, rows = 0, []
    with stored_files(workspace.store, cards[0]) as before, stored_files(workspace.store, cards[1]) as after:
        for was, now in side_by_side(before(), after()):
            if was and now and was.digest == now.digest:
                same += 1
                continue
            change = "changed" if was and now else "added" if now else "removed"
            counts[change] += 1
            file = now or was
            rows.append({"change": change, "path": file.path if file else "", "bytes": file.size if file else 0})
    print_table(rows, as_json=as_json, empty=f"No difference: both hold the same {same} files.")
    if not as_json and rows:
        say(", ".join(f"{count} {change}" for change, count in counts.items()) + f", {same} the same")
