"""`modelbook env`: whether the machine that serves is like the machine that trained."""

import click

from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_table
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import Workspace, json_option, open_workspace, registry_option, rev_option
from modelbook.core.layout import model_folder
from modelbook.core.names import parse_reference
from modelbook.core.queries.drift import PACKAGES, PARTS, Drift, drift
from modelbook.core.run_record import Environment
from modelbook.core.verifying.verification import verify_version
from modelbook.errors import Exit

ignore_option = click.option(
    "--ignore",
    multiple=True,
    metavar="PART",
    help=f"Leave a part out: {', '.join(PARTS)}, {PACKAGES}NAME; a * stands for anything. May be given more than once.",
)


@click.group(name="env", short_help="Compare environments.")
def command() -> None:
    """The environments that versions were trained in, and this one.

    \b
    Examples:
      modelbook env check fraud@production
      modelbook env diff fraud@4 fraud@5
    """


@command.command()
@click.argument("reference", metavar="REF")
@ignore_option
@rev_option
@registry_option
@json_option
def check(reference: str, ignore: tuple[str, ...], rev: str, registry_folder: str | None, as_json: bool) -> int:
    """Compare this machine with the one that trained REF. Exit status 1, with a table, where they differ.

    \b
    Examples:
      modelbook env check fraud@production        # a step before serving
      modelbook env check fraud@production --ignore platform --ignore 'packages.pytest*'
    """
    from modelbook.training.provenance import locked_environment

    workspace, trained = _environment(reference, rev, registry_folder)
    here, _ = locked_environment(workspace.repository.root)
    found = drift(trained, here, ignore)
    set_outputs({"passed": str(not found).lower()})
    _print(found, reference, "this machine", as_json)
    return Exit.NO if found else Exit.YES


@command.command("diff")
@click.argument("left", metavar="REF")
@click.argument("right", metavar="REF")
@ignore_option
@rev_option
@registry_option
@json_option
def compare(
    left: str, right: str, ignore: tuple[str, ...], rev: str, registry_folder: str | None, as_json: bool
) -> None:
    """List how the environments differ in which two versions were trained.

    \b
    Example:
      modelbook env diff fraud@4 fraud@5
    """
    before, after = (_environment(text, rev, registry_folder)[1] for text in (left, right))
    _print(drift(before, after, ignore), left, right, as_json)


def _environment(text: str, rev: str, folder: str | None) -> tuple[Workspace, Environment]:
    """The environment on the card of a version that verifies, and the registry that has it."""
    wanted = parse_reference(text)
    workspace = open_workspace(folder, rev=rev, scope=[model_folder(wanted.name)])
    version = workspace.registry.resolve(wanted)
    verdict = verify_version(workspace.registry, wanted.name, version)
    refuse(text, (*workspace.findings, *verdict.findings))
    return workspace, workspace.registry.card(wanted.name, version).lineage.environment


def _print(found: tuple[Drift, ...], left: str, right: str, as_json: bool) -> None:
    rows: list[dict[str, object]] = [{"part": one.part, left: one.left, right: one.right} for one in found]
    print_table(rows, as_json=as_json, empty=f"No difference between {left} and {right}.")
