"""`modelbook export hf`: a folder for the Hugging Face Hub."""

from pathlib import Path

import click

from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say
from modelbook.commands._exporting import Leaving, open_leaving
from modelbook.commands._pulling import pull_version
from modelbook.commands._workspace import json_option, registry_option, rev_option
from modelbook.core.exchange.huggingface_card import README, model_readme
from modelbook.core.layout import version_folder
from modelbook.core.listed import many

OTHER_README = "MODEL_CARD.md"
PROOFS = "registry"


@click.command(name="hf", short_help="Write a folder for the Hugging Face Hub.")
@click.argument("reference", metavar="REF")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--license", "license_", metavar="ID", help="The model's license, as the Hub names it: apache-2.0.")
@rev_option
@registry_option
@json_option
def command(
    reference: str, folder: Path, license_: str | None, rev: str, registry_folder: str | None, as_json: bool
) -> None:
    """Write REF to the new FOLDER: its files, a README.md with the metadata that the Hub reads, card and signature.

    The numbers in README.md are those of the signed evaluations, which lie in registry/ beside it. Where the model has
    a README.md of its own, that one is signed and stays; the other is MODEL_CARD.md.

    \b
    Example:
      modelbook export hf fraud@production ./hub --license apache-2.0
    """
    leaving = open_leaving(reference, registry_folder, rev)
    card, registry = leaving.card, leaving.workspace.registry
    own = any(artifact.path.casefold() == README.casefold() for artifact in card.artifacts)
    readme = OTHER_README if own else README
    text = model_readme(
        card, leaving.digest, leaving.signed_by, leaving.evaluations, registry.model(card.model), license_
    )
    pull_version(leaving.workspace, card.model, card.version, folder, also={readme: text} | _proofs(leaving))
    set_outputs({"version": leaving.name, "path": str(folder)})
    if as_json:
        print_json({"version": leaving.name, "path": str(folder), "readme": readme})
        return
    say(f"{leaving.name}: {many(len(card.artifacts), 'file')}, all as signed, in {folder}")
    if own:
        say(f"  the model has a README.md of its own, so ours is {OTHER_README}")
    if not license_:
        say("  no license is named: the Hub will show none (--license)")
    say(f"  next: hf upload OWNER/{card.model} {folder}")


def _proofs(leaving: Leaving) -> dict[str, bytes]:
    """Provenance and evaluations with their signatures, by where they go."""
    card, files = leaving.card, leaving.workspace.registry.files
    folder = version_folder(card.model, card.version)
    inside = ["provenance.sigstore.json"]
    for suite in sorted(leaving.evaluations):
        inside += [f"evaluations/{suite}.yaml", f"evaluations/{suite}.sigstore.json"]
    return {f"{PROOFS}/{path}": files[f"{folder}/{path}"] for path in inside}
