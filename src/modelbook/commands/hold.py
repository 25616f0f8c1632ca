"""`modelbook hold`: no promotion enters a stage until somebody releases it."""

import click

from modelbook.commands._keeping import propose_to_keep
from modelbook.commands._workspace import forge_option, json_option, reason_option, registry_option, signer_option


@click.command(short_help="Keep a stage as it is until it is released.")
@click.argument("model")
@click.option("--stage", required=True, metavar="STAGE", help="The stage to hold.")
@reason_option("Why, for the record and for whoever wants to promote.", required=True)
@signer_option
@forge_option
@registry_option
@json_option
def command(
    model: str,
    stage: str,
    reason: str,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Propose that what STAGE holds of MODEL stays there: a pull request, or a branch to merge.

    Until `modelbook release`, no promotion enters the stage, by hand or by itself. A rollback still does.

    \b
    Example:
      modelbook hold fraud --stage production --reason "the audit runs until Friday"
    """
    if not reason.strip():
        raise click.UsageError("Say why: --reason TEXT is what whoever meets the hold will read.")
    return propose_to_keep(
        "hold",
        model,
        stage,
        reason,
        signer=signer,
        forge_name=forge_name,
        registry_folder=registry_folder,
        as_json=as_json,
    )
