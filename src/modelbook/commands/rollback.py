"""`modelbook rollback`: a stage goes back to what it held before, and stays there."""

import click

from modelbook.adapters.clock import now
from modelbook.adapters.person import person
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._moving import propose
from modelbook.commands._proposing import tell
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import (
    forge_option,
    json_option,
    open_workspace,
    reason_option,
    registry_option,
    signer_option,
)
from modelbook.core.layout import model_folder
from modelbook.core.names import Reference, check_name
from modelbook.core.stages.history import UNSHALLOW
from modelbook.core.stages.rollback import previous, roll_back
from modelbook.core.stages.tenure import Tenures
from modelbook.errors import BadInput, Exit


@click.command(short_help="Put a stage back to what it held before, and hold it there.")
@click.argument("model")
@click.option("--stage", required=True, metavar="STAGE", help="The stage to roll back.")
@click.option(
    "--to",
    "version",
    type=click.IntRange(min=1),
    metavar="N",
    help="The version to go back to.  [default: the one before, unless it was revoked since]",
)
@reason_option("Why, for the record and for whoever wants to promote.", required=True)
@signer_option
@forge_option
@registry_option
@json_option
def command(
    model: str,
    stage: str,
    version: int | None,
    reason: str,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Propose that STAGE goes back to a version of MODEL that it held before: a pull request, or a branch to merge.

    No gate, soak or frozen window is asked: that version was judged when it came there. It must not be revoked, and
    its signatures must still verify. Those sign who would sign a promotion. The stage is held then: until `modelbook
    release`, no promotion enters it, by hand or by itself.

    \b
    Examples:
      modelbook rollback fraud --stage production --reason "declines every card from Spain"
      modelbook rollback fraud --stage production --to 3 --reason "4 has it as well"
    """
    check_name(model, "registered model")
    if not reason.strip():
        raise click.UsageError("Say why: --reason TEXT is what whoever meets the hold will read.")
    scope = model_folder(model)
    workspace = open_workspace(registry_folder, scope=[scope])
    refuse(model, workspace.problems)
    workspace.refuse_uncommitted()
    registry = workspace.registry
    standing = registry.resolve(Reference(model, stage=stage))  # refuses an empty stage, and one that there is not
    tenures = workspace.past(scope)
    if version is None:
        version = previous(registry, model, stage, tenures)
        if version is None:
            raise _nothing_before(model, standing, stage, tenures)
    else:
        registry.resolve(Reference(model, version=version))
    decision = roll_back(
        registry,
        model,
        version,
        stage,
        by=person(workspace.repository.root),
        now=now(),
        reason=reason,
        tenures=tenures,
    )
    if decision.already:
        set_outputs({"passed": "true"})
        tell(decision.reference, f"is in {stage} already; nothing to do", None, as_json=as_json)
        return Exit.YES
    return propose(workspace, decision, signer, forge_name, as_json=as_json)


def _nothing_before(model: str, standing: int, stage: str, tenures: Tenures) -> BadInput:
    if not tenures.complete:
        return BadInput(
            f"what {stage} held before {model}@{standing} is not in this clone: it has no more than the latest commits",
            remedy=UNSHALLOW,
        )
    return BadInput(
        f"{stage} held no version of {model} before {model}@{standing} that is not revoked",
        remedy=f"See `modelbook history {model} --stage {stage}`. If nothing may serve, revoke {model}@{standing}.",
    )
