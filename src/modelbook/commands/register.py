"""`modelbook register`: a model version of a finished run, checked, numbered, signed and proposed."""

import click

from modelbook.commands._registering import complete, register_run
from modelbook.commands._workspace import (
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    signer_option,
)
from modelbook.core.names import check_name


@click.command(short_help="Make a model version of a finished run.")
@click.argument("model", required=False)
@click.option("--run", "run_id", metavar="ID", help="The run whose artifacts become the version.")
@click.option("--digest", metavar="DIGEST", help="Refuse unless the run's record has this digest.")
@click.option("--description", metavar="TEXT", help="What is new in this version.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="May be given more than once.")
@click.option(
    "--complete", "complete_all", is_flag=True, help="Put card and signature of merged versions beside their weights."
)
@signer_option
@forge_option
@registry_option
@json_option
def command(
    model: str | None,
    run_id: str | None,
    digest: str | None,
    description: str | None,
    tags: tuple[str, ...],
    complete_all: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Make the next version of MODEL from a finished run: every byte is read and checked, the card written and signed.

    Registering a run again finds the version that it became.

    \b
    Example:
      modelbook register fraud-detector --run 20261123t120000-1a2b3c4d
    """
    workspace = open_workspace(registry_folder)
    if complete_all:
        for name in workspace.registry.models():
            for version in workspace.registry.versions(name)[-1:]:
                complete(workspace, name, version)
        return
    if not model or not run_id:
        raise click.UsageError("Give MODEL and --run ID, or --complete.")
    check_name(model, "registered model")
    run_id = run_id.removeprefix("run:")  # as references write it
    register_run(
        workspace,
        model,
        run_id,
        signer=signer,
        forge_name=forge_name,
        digest=digest,
        description=description,
        tags=tags,
        as_json=as_json,
    )
