"""`modelbook export cyclonedx`: a bill of materials of a version (ML-BOM)."""

import json
from pathlib import Path

import click

from modelbook import __version__
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import say
from modelbook.commands._dataset_files import verified_dataset
from modelbook.commands._exporting import open_leaving
from modelbook.commands._workspace import registry_option, rev_option
from modelbook.core.exchange.cyclonedx import bill_of_materials


@click.command(name="cyclonedx", short_help="Write a CycloneDX bill of materials (ML-BOM).")
@click.argument("reference", metavar="REF")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write this file.  [default: print it]"
)
@rev_option
@registry_option
def command(reference: str, output: Path | None, rev: str, registry_folder: str | None) -> None:
    """Describe REF as CycloneDX 1.6 JSON: its files by sha256, datasets, training packages, commit, evaluations.

    The same version with the same evaluations gives the same bytes.

    \b
    Example:
      modelbook export cyclonedx fraud@production -o fraud.cdx.json
    """
    leaving = open_leaving(reference, registry_folder, rev)
    uses = [*leaving.card.lineage.datasets, *(one.dataset for one in leaving.evaluations.values())]
    document = bill_of_materials(
        leaving.card,
        leaving.digest,
        leaving.evaluations,
        leaving.workspace.registry.model(leaving.card.model),
        {(use.dataset, use.version): verified_dataset(leaving.workspace, use.dataset, use.version) for use in uses},
        tool=__version__,
    )
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    set_outputs({"version": leaving.name, "path": str(output or "")})
    if output is None:
        click.echo(text, nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
    say(f"{leaving.name}: described in {output}")
