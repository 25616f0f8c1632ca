"""`modelbook data list`: the dataset versions of a registry."""

import click

from modelbook.commands._console import print_table
from modelbook.commands._dataset_files import resolve_dataset
from modelbook.commands._finding import tell_findings
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import json_option, open_workspace, registry_option, rev_option
from modelbook.core.documents import noted
from modelbook.core.findings import Finding


@click.command(name="list", short_help="List dataset versions.")
@click.argument("name", required=False)
@rev_option
@registry_option
@json_option
def command(name: str | None, rev: str, registry_folder: str | None, as_json: bool) -> int:
    """List the dataset versions; with NAME, those of one dataset. Exit status 1 if a card cannot be read.

    \b
    Example:
      modelbook data list transactions
    """
    workspace = open_workspace(registry_folder, rev=rev, scope=["datasets"])
    refuse("the registry", workspace.findings)
    registry = workspace.registry
    wanted = [resolve_dataset(registry, name)[0]] if name else registry.datasets()
    rows, findings = list[dict[str, object]](), list[Finding]()
    for dataset in wanted:
        for version in registry.dataset_versions(dataset):
            with noted(findings):
                card = registry.dataset_card(dataset, version)
                rows.append(
                    {
                        "dataset": f"{dataset}@{version}",
                        "files": card.files,
                        "bytes": card.size,
                        "created": card.created,
                        "description": card.description,
                    }
                )
    print_table(rows, as_json=as_json, empty="No dataset yet: `modelbook data add NAME PATH`.")
    return tell_findings(findings)
