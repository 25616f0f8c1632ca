"""`modelbook import gto`: what the tags of a git repository register by GTO's convention."""

from functools import partial
from pathlib import Path

import click

from modelbook.adapters.gto_repository import GtoRepository
from modelbook.commands._console import say
from modelbook.commands._importing import Foreign, bring_all
from modelbook.commands._workspace import forge_option, json_option, open_workspace, registry_option, signer_option
from modelbook.core.exchange.gto import GtoVersion, description_of, record_of, versions_of
from modelbook.core.exchange.imports import names_here
from modelbook.core.names import check_name
from modelbook.errors import BadInput


@click.command(name="gto", short_help="Import what GTO's tags register in a git repository.")
@click.argument("path", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--only", metavar="ARTIFACT", multiple=True, help="Only this artifact. May be given more than once.")
@click.option("--as", "name", metavar="NAME", help="What the model is called here, with one --only.")
@click.option("--dry-run", is_flag=True, help="Show what would come, and change nothing.")
@signer_option
@forge_option
@registry_option
@json_option
def command(
    path: Path | None,
    only: tuple[str, ...],
    name: str | None,
    dry_run: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Import the models that tags such as fraud@v1.2.3 register in the repository at PATH, by default this one.

    Versions are numbered in the order in which they were tagged; the card keeps v1.2.3 as a tag. What is in git comes:
    files that DVC or Git LFS keep are not in it. Where a tag such as fraud#production assigns a version to a stage, a
    promotion is told as a next step.

    \b
    Examples:
      modelbook import gto ../models --dry-run
      modelbook import gto ../models --only fraud
    """
    if name and len(only) != 1:
        raise click.UsageError("--as names one model: give --only exactly once.")
    workspace = open_workspace(registry_folder)
    if not dry_run:
        workspace.refuse_uncommitted()
    repository = GtoRepository(path or Path.cwd())
    versions, gone = versions_of(repository.tags())
    if unknown := sorted(set(only) - {version.full_name for version in versions}):
        raise BadInput(f"no tag registers {unknown[0]!r}", where=str(repository.repository.root))
    wanted = [version for version in versions if not only or version.full_name in only]
    chosen = check_name(name, "registered model") if name else None
    here = names_here((version.full_name for version in wanted), chosen)
    stages = {stage.name for stage in workspace.registry.policy.stages}
    for one in gone:
        say(f"{one} was deregistered there, and is left out", as_json=True)
    found = [_foreign(repository, version, here[version.full_name], stages) for version in wanted]
    return bring_all(workspace, workspace.forge(forge_name), signer, found, dry_run=dry_run, as_json=as_json)


def _foreign(repository: GtoRepository, version: GtoVersion, ours: str, stages: set[str]) -> Foreign:
    return Foreign(
        name=version.name,
        model=ours,
        run=version.run,
        number=1,
        description=description_of(version),
        files=partial(repository.files, version),
        fetch=partial(repository.fetch, version),
        record=lambda files, _: record_of(version, files, repository=repository.repository.remote_url()),
        stages=tuple(stage for stage in version.stages if stage in stages),
        aliases=version.stages,
    )
