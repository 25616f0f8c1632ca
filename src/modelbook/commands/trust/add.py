"""`modelbook trust add`: somebody new who signs, and what he may."""

from pathlib import Path

import click

from modelbook.commands._workspace import forge_option, json_option, registry_option, signer_option
from modelbook.commands.trust._keys import key_options, parse_time, read_key, workflow_fields
from modelbook.commands.trust._proposing import dry_run_option, open_trust, propose
from modelbook.core.verifying.trust_edit import Grant


@click.command(name="add", short_help="Trust somebody new, by a key or a workflow.")
@click.argument("name")
@key_options
@click.option(
    "--workflow", metavar="IDENTITY", help="A workflow that signs keyless: the URL of its file, with @ and ref."
)
@click.option("--repository-id", metavar="N", help="With --workflow: the number of the repository that calls it.")
@click.option("--ref", metavar="REF", help="With --workflow: the branch that calls it, as refs/heads/main.")
@click.option("--issuer", metavar="URL", help="With --workflow: who vouches for it.  [default: GitHub Actions]")
@click.option("--person", metavar="NAME", help="Whose key it is: all keys of one person count once.  [default: NAME]")
@click.option("--expires", metavar="TIME", help="When it ends: 2027-01-31, or 365d from now.")
@click.option("--may-sign", metavar="KIND,…", help="model, provenance, evaluation, reproduction, dataset, online.")
@click.option("--may-promote", metavar="STAGE,…", help="The stages that NAME may promote into; * is every stage.")
@click.option("--models", metavar="GLOB", default="*", show_default=True, help="Of which models that is true.")
@click.option("--root", is_flag=True, help="NAME may sign new versions of trust.yaml as well.")
@dry_run_option
@signer_option
@forge_option
@registry_option
@json_option
def command(
    name: str,
    key: Path | None,
    ssh: str | None,
    workflow: str | None,
    repository_id: str | None,
    ref: str | None,
    issuer: str | None,
    person: str | None,
    expires: str | None,
    may_sign: str | None,
    may_promote: str | None,
    models: str,
    root: bool,
    dry_run: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Propose to trust NAME, who signs with a key, an SSH key or a workflow's identity.

    What NAME may do is given beside those who may do it now; nobody loses anything.

    \b
    Examples:
      modelbook trust add bob --ssh ~/bob.pub --may-promote production --models 'fraud-*'
      modelbook trust add ci --key ci.pem --may-sign model,provenance --expires 365d
    """
    if sum(given is not None for given in (key, ssh, workflow)) != 1:
        raise click.UsageError("Say how NAME signs: --key FILE, --ssh FILE or --workflow IDENTITY, one of them.")
    if workflow is None and (repository_id or ref or issuer):
        raise click.UsageError("--repository-id, --ref and --issuer go with --workflow.")
    opened = open_trust(registry_folder)
    fields, held = (workflow_fields(workflow, repository_id, ref, issuer), None) if workflow else read_key(key, ssh)
    opened.draft.add_signer(name, {"person": person, **fields, "expires": parse_time(expires) if expires else None})
    statements, stages = (tuple(filter(None, (text or "").split(","))) for text in (may_sign, may_promote))
    if statements or stages:
        opened.draft.grant(name, Grant(models, statements, stages))
    if root:
        opened.draft.into_root(name)
    also = [held] if held else []
    propose(opened, signer=signer, forge_name=forge_name, dry_run=dry_run, as_json=as_json, also=also)
