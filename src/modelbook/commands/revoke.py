"""`modelbook revoke`: a version that may never serve again, and why."""

import click

from modelbook.adapters.clock import now
from modelbook.adapters.forge import Change
from modelbook.adapters.person import person
from modelbook.commands._console import say
from modelbook.commands._proposing import tell
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import forge_option, json_option, open_workspace, reason_option, registry_option
from modelbook.core.documents import dump
from modelbook.core.names import parse_reference
from modelbook.core.pages.markdown import inert
from modelbook.core.revocation import Revocation, is_revoked, revocation_path

LABELS = ("modelbook", "revocation")


@click.command(short_help="Stop a version for good: no promotion, no pull by stage.")
@click.argument("reference", metavar="REF")
@reason_option("Why, for whoever meets it later.", required=True)
@forge_option
@registry_option
@json_option
def command(reference: str, reason: str, forge_name: str, registry_folder: str | None, as_json: bool) -> None:
    """Revoke REF: from then on no gate lets it pass, and nobody pulls it by a stage. It cannot be taken back.

    The version stays in the registry, and whoever names its number can still look at it. If it serves, promote another
    one: until then `verify`, `list` and every pull by stage say so.

    \b
    Example:
      modelbook revoke fraud@5 --reason "trained on leaked labels"
    """
    wanted = parse_reference(reference)
    if not reason.strip():
        raise click.UsageError("Say why: --reason TEXT is what whoever meets the version later will read.")
    workspace = open_workspace(registry_folder)
    refuse("the registry", workspace.findings)
    workspace.refuse_uncommitted()
    registry = workspace.registry
    version = registry.resolve(wanted)
    name = f"{wanted.name}@{version}"
    if is_revoked(registry, wanted.name, version):
        tell(name, "it is revoked already", None, as_json=as_json)
        return
    revocation = Revocation(
        model=wanted.name,
        version=version,
        card=registry.digest(registry.card_path(wanted.name, version)),
        by=person(workspace.repository.root),
        revoked=now(),
        reason=reason,
    )
    branch = f"revoke/{wanted.name}-{version}"
    forge = workspace.forge(forge_name)
    if branch in forge.proposed(branch):
        proposal = forge.resume(branch, labels=LABELS)
    else:
        proposal = forge.submit(
            Change(
                branch=branch,
                base=workspace.commit,
                title=f"Revoke {name}",
                body=inert(reason),
                files={workspace.path(revocation_path(wanted.name, version)): dump(revocation)},
                labels=LABELS,
            )
        )
    tell(name, "revoked" if proposal.merged else "revoked once this is merged", proposal, as_json=as_json)
    held = [stage for stage, pointer in registry.stages_of(wanted.name).items() if pointer.version == version]
    for stage in held:
        back = f"`modelbook rollback {wanted.name} --stage {stage} --reason TEXT`"
        say(f"  it is in {stage}: promote another version there now, or {back}", as_json=as_json)
