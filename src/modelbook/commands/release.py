"""`modelbook release`: promotions may enter a stage again that was held."""

import click

from modelbook.commands._keeping import propose_to_keep
from modelbook.commands._workspace import forge_option, json_option, reason_option, registry_option, signer_option


@click.command(short_help="Let promotions enter a held stage again.")
@click.argument("model")
@click.option("--stage", required=True, metavar="STAGE", help="The stage to release.")
@reason_option("Why, for the record.")
@signer_option
@forge_option
@registry_option
@json_option
def command(
    model: str,
    stage: str,
    reason: str | None,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Propose to lift the hold of a rollback, or of `modelbook hold`, from STAGE of MODEL.

    The version in it stays until something is promoted.

    \b
    Example:
      modelbook release fraud --stage production --reason "fraud@6 knows Spain"
    """
    return propose_to_keep(
        "release",
        model,
        stage,
        reason,
        signer=signer,
        forge_name=forge_name,
        registry_folder=registry_folder,
        as_json=as_json,
    )
