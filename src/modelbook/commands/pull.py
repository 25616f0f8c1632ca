"""`modelbook pull`: a verified copy of a version's files."""

from pathlib import Path

import click

from modelbook.adapters.registry_files import read_history
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say
from modelbook.commands._pulling import pull_version, refuse
from modelbook.commands._workspace import json_option, open_workspace, registry_option, rev_option
from modelbook.core.layout import model_folder, pointer_path
from modelbook.core.listed import many
from modelbook.core.names import parse_reference
from modelbook.core.revocation import in_use
from modelbook.core.verifying.verification import verify_stage


@click.command(short_help="Write a verified copy of a model's files.")
@click.argument("reference", metavar="REF")
@click.argument("target", required=False, type=click.Path(path_type=Path))
@rev_option
@registry_option
@json_option
def command(reference: str, target: Path | None, rev: str, registry_folder: str | None, as_json: bool) -> None:
    """Write the files of REF to the new folder TARGET, after checking who made and promoted it, and every byte.

    REF is a version (fraud@5), a stage (fraud@production), fraud@latest or fraud@sha256:…. The folder also holds
    card.yaml and model.sig, so that anybody can check it with the OpenSSF `model_signing` tool.

    \b
    Example:
      modelbook pull fraud@production ./model
    """
    wanted = parse_reference(reference)
    workspace = open_workspace(registry_folder, rev=rev, scope=[model_folder(wanted.name)])
    refuse(wanted.name, workspace.problems)
    version = workspace.registry.resolve(wanted)
    if wanted.stage:
        pointer = [pointer_path(wanted.name, wanted.stage)]
        past = read_history(workspace.repository, workspace.folder, workspace.commit, pointer)
        refuse(str(wanted), (*verify_stage(workspace.registry, wanted.name, wanted.stage).findings, *past))
    revoked = tuple(in_use(workspace.registry, wanted.name, version))
    if wanted.version is None and wanted.digest is None:
        refuse(str(wanted), revoked)  # who names a stage wants what may serve
    for finding in revoked:
        say(f"warning: {finding.message}", as_json=True)
    folder = target or Path(f"{wanted.name}-{version}")
    pull_version(workspace, wanted.name, version, folder)
    name = f"{wanted.name}@{version}"
    set_outputs({"version": name, "path": str(folder)})
    card = workspace.registry.card(wanted.name, version)
    if as_json:
        print_json({"version": name, "path": str(folder), "files": [file.model_dump() for file in card.artifacts]})
        return
    size = sum(file.size for file in card.artifacts)
    say(f"{name}: {many(len(card.artifacts), 'file')}, {many(size, 'byte')}, all as signed, in {folder}")
