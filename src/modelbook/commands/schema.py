"""`modelbook schema`: the JSON Schemas of the registry's documents."""

import sys

import click

from modelbook.core.schemas import DOCUMENTS, text_of


@click.command(short_help="Print the JSON Schema of a document.")
@click.argument("document", type=click.Choice(sorted(DOCUMENTS)))
def command(document: str) -> None:
    """Print the JSON Schema of DOCUMENT, for an editor or a linter.

    \b
    Example:
      modelbook schema policy > policy.schema.json
    """
    sys.stdout.write(text_of(document))
