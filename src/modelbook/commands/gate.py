"""`modelbook gate`: how a version would fare in a stage, without changing anything."""

import click

from modelbook.adapters.clock import now
from modelbook.adapters.person import person
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_report
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import json_option, open_workspace, registry_option, rev_option
from modelbook.core.layout import model_folder
from modelbook.core.names import parse_reference
from modelbook.core.pages.report import promotion_report
from modelbook.core.stages.promotion import decide
from modelbook.errors import Exit


@click.command(short_help="Judge a version for a stage, and change nothing.")
@click.argument("reference", metavar="REF")
@click.option("--to", "stage", required=True, metavar="STAGE", help="The stage to judge for.")
@rev_option
@registry_option
@json_option
def command(reference: str, stage: str, rev: str, registry_folder: str | None, as_json: bool) -> int:
    """Judge REF by the gates of STAGE against the version that holds it now. Exit status 0 if it may enter, else 1.

    \b
    Example:
      modelbook gate fraud@5 --to production
    """
    wanted = parse_reference(reference)
    workspace = open_workspace(registry_folder, rev=rev, scope=[model_folder(wanted.name)])
    refuse(wanted.name, workspace.problems)
    if workspace.is_head:
        workspace.refuse_uncommitted()
    version = workspace.registry.resolve(wanted)
    decision = decide(
        workspace.registry,
        wanted.name,
        version,
        stage,
        by=person(workspace.repository.root),
        now=now(),
        tenures=workspace.tenures(model_folder(wanted.name)),
        results=workspace.results(wanted.name, version),
    )
    report = promotion_report(decision)
    set_outputs({"passed": str(report.passed).lower()})
    print_report(report, as_json=as_json)
    return Exit.YES if report.passed else Exit.NO
