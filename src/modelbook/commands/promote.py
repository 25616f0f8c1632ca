"""`modelbook promote`: propose to move a version into a stage, with a signed verdict."""

import click

from modelbook.adapters.clock import now
from modelbook.adapters.person import person
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._moving import propose
from modelbook.commands._proposing import tell
from modelbook.commands._pulling import refuse
from modelbook.commands._signing import open_allowed_signer
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    reason_option,
    registry_option,
    signer_option,
)
from modelbook.core.layout import model_folder
from modelbook.core.names import check_name, parse_reference
from modelbook.core.stages.promotion import decide
from modelbook.core.stages.timing import NOTHING, Override
from modelbook.errors import Exit


@click.command(short_help="Propose to move a version into a stage.")
@click.argument("reference", metavar="REF")
@click.option("--to", "stage", required=True, metavar="STAGE", help="The stage to promote into.")
@reason_option("Why, for the record.")
@click.option(
    "--override-freeze",
    "windows",
    multiple=True,
    metavar="NAME",
    help="Promote in this window of `freeze` all the same: one of those whom it names has to sign. Needs --reason.",
)
@click.option(
    "--open-refused",
    is_flag=True,
    help="Propose it even if a gate refuses it, so that the team can see why. It cannot be merged.",
)
@signer_option
@forge_option
@registry_option
@json_option
def command(
    reference: str,
    stage: str,
    reason: str | None,
    windows: tuple[str, ...],
    open_refused: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Judge REF by the gates of STAGE and propose to move the stage's pointer: a pull request, or a branch to merge.

    \b
    Example:
      modelbook promote fraud@5 --to production --reason "fewer false alarms"
    """
    if open_refused and forge_name == "git":
        raise click.UsageError("--open-refused is for GitHub, where a check holds the merge. See `modelbook gate`.")
    if windows and not (reason or "").strip():
        raise click.UsageError("--override-freeze needs a --reason, for the record.")
    wanted = parse_reference(reference)
    workspace = open_workspace(registry_folder, scope=[model_folder(wanted.name)])
    refuse(wanted.name, workspace.problems)
    workspace.refuse_uncommitted()
    version = workspace.registry.resolve(wanted)
    name = f"{wanted.name}@{version}"
    decision = decide(
        workspace.registry,
        wanted.name,
        version,
        stage,
        by=person(workspace.repository.root),
        now=now(),
        reason=reason,
        tenures=workspace.tenures(model_folder(wanted.name)),
        results=workspace.results(wanted.name, version),
        override=_override(workspace, windows, wanted.name, stage, signer),
    )
    if decision.already:
        set_outputs({"passed": "true"})
        tell(name, f"is in {stage} already; nothing to do", None, as_json=as_json)
        return Exit.YES
    return propose(workspace, decision, signer, forge_name, as_json=as_json, open_refused=open_refused)


def _override(workspace: Workspace, windows: tuple[str, ...], model: str, stage: str, signer: str) -> Override:
    """What is overridden, and by whom as far as is known before anybody else signs."""
    if not windows:
        return NOTHING
    for window in windows:
        check_name(window, "window of `freeze`")
    _, who = open_allowed_signer(workspace, signer, model, stage=stage)
    people = frozenset({workspace.registry.trust.signer(who).who})
    return Override(tuple(sorted(set(windows))), people, proposed=True)
