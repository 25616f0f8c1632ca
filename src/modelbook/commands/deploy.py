"""`modelbook deploy`: bring what stands in a stage to where it serves, and record that."""

import re
from dataclasses import dataclass
from pathlib import Path

import click

from modelbook.adapters.registry_files import read_history
from modelbook.adapters.webhook import post, read_address
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say
from modelbook.commands._delivering import deliver, notify, write_manifest
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    rev_option,
)
from modelbook.core.findings import Finding, blocks
from modelbook.core.layout import model_folder, pointer_path
from modelbook.core.names import Reference, check_name
from modelbook.core.queries.drift import PARTS, Drift, drift, of_parts
from modelbook.core.revocation import in_use
from modelbook.core.stages.deployment import NOTHING, Deployment, Payload, chat_message, overtaken, payload_of
from modelbook.core.stages.manifests import FORMATS
from modelbook.core.verifying.verification import verify_stage, verify_version
from modelbook.errors import ForgeError, ModelbookError, Refused


@dataclass(frozen=True)
class Options:
    """Where a deployment goes, and who is told."""

    target: Path | None
    manifest: str | None
    output: Path | None
    model_format: str | None
    url: str | None
    required: tuple[str, ...]
    notify: tuple[str, ...]
    webhook_env: str | None

    def check(self, forge: str) -> None:
        """Raises UsageError where they do not fit together."""
        if (self.manifest is None) != (self.output is None):
            raise click.UsageError("--manifest and --output go together.")
        if self.model_format is not None and self.manifest != "kserve":
            raise click.UsageError("--model-format goes with --manifest kserve.")
        if self.model_format is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,62}", self.model_format):
            raise click.UsageError(f"{self.model_format!r} is no name of a model format.")
        if self.url is not None and not re.fullmatch(r"https?://[!-~]{1,500}", self.url):
            raise click.UsageError("--url is no http address.")
        if forge == "git" and self.notify:
            raise click.UsageError("--notify is for GitHub: `--forge github`.")
        if forge == "git" and not (self.target or self.manifest):
            raise click.UsageError("With plain git, say what to bring: --target PATH, or --manifest FORMAT.")
        for name in self.notify:
            if not re.fullmatch(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}", name):
                raise click.UsageError(f"{name!r} is not OWNER/REPO.")


@click.command(short_help="Bring what stands in a stage to where it serves.")
@click.argument("model")
@click.option("--stage", required=True, metavar="STAGE", help="The stage to deploy; on GitHub, its environment.")
@click.option(
    "--target",
    type=click.Path(path_type=Path),
    help="Bring the verified files here: a link, switched in one step. PATH.previous goes back.",
)
@click.option("--manifest", type=click.Choice(FORMATS), help="Write what a server reads: KServe's YAML, or vLLM's.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="The file for --manifest.")
@click.option("--model-format", metavar="NAME", help="KServe's name for it.  [default: as the files tell]")
@click.option("--url", metavar="URL", help="Where it serves, for the record.")
@click.option(
    "--require-environment",
    "required",
    multiple=True,
    metavar="PART",
    help=f"Refuse where this machine differs from the one that trained in a part: {', '.join(PARTS)}, packages.NAME. "
    "May be given more than once, or with commas.",
)
@click.option(
    "--notify",
    multiple=True,
    metavar="OWNER/REPO",
    help="Start the workflows of a serving repository that wait for `modelbook-deploy`. May be given more than once.",
)
@click.option(
    "--webhook-env", metavar="VARIABLE", help="The environment variable with the https address of a chat's webhook."
)
@rev_option
@forge_option
@registry_option
@json_option
def command(
    model: str,
    stage: str,
    target: Path | None,
    manifest: str | None,
    output: Path | None,
    model_format: str | None,
    url: str | None,
    required: tuple[str, ...],
    notify: tuple[str, ...],
    webhook_env: str | None,
    rev: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Verify what stands in STAGE, bring it to where it serves, and record it as a deployment.

    Running it again finds its deployment, and does what is missing.

    \b
    Examples:
      modelbook deploy fraud --stage production --target /srv/models/fraud
      modelbook deploy fraud --stage production --manifest kserve --output fraud.yaml
    """
    check_name(model, "registered model")
    parts = tuple(part.strip() for value in required for part in value.split(",") if part.strip())
    options = Options(target, manifest, output, model_format, url, parts, notify, webhook_env)
    options.check(forge_name)
    webhook = read_address(webhook_env) if webhook_env else None
    workspace = open_workspace(registry_folder, rev=rev, scope=[model_folder(model)])
    workspace.registry.resolve(Reference(model, stage=stage))
    payload = payload_of(workspace.registry, model, stage)
    try:
        drifted = _drift(workspace, payload) if target or parts else ()
        for one in drifted:
            say(f"warning: {_differs(one)}", as_json=True)
        findings = _findings(workspace, payload, of_parts(drifted, parts))
        for finding in findings:
            if finding.level == "warning":
                say(f"warning: {finding}", as_json=True)
        done = _deploy(workspace, forge_name, payload, findings, options)
    except ModelbookError as error:
        _chat(webhook, chat_message(payload, failure=error.message))
        raise
    if done.changed:
        _chat(webhook, chat_message(payload, url=url))
    _tell(payload, done, options, as_json)


@dataclass(frozen=True)
class Done:
    """The deployment, and whether anything had to be done for it."""

    deployment: Deployment
    changed: bool


def _findings(workspace: Workspace, payload: Payload, drifted: tuple[Drift, ...]) -> list[Finding]:
    """All that speaks against it: signatures of stage and version, history, a revocation, the machine."""
    registry, model = workspace.registry, payload.model
    pointer = [pointer_path(model, payload.stage)]
    return [
        *workspace.problems,
        *verify_stage(registry, model, payload.stage).findings,
        *verify_version(registry, model, payload.version).findings,
        *read_history(workspace.repository, workspace.folder, workspace.commit, pointer),
        *in_use(registry, model, payload.version),
        *(Finding("", None, "environment", _differs(one)) for one in drifted),
    ]


def _differs(one: Drift) -> str:
    return f"{one.part} was {one.left or 'absent'} in training, and here it is {one.right or 'absent'}"


def _drift(workspace: Workspace, payload: Payload) -> tuple[Drift, ...]:
    """How this machine differs from the one that trained the version."""
    from modelbook.training.provenance import locked_environment

    here, _ = locked_environment(workspace.repository.root)
    return drift(workspace.registry.card(payload.model, payload.version).lineage.environment, here)


def _deploy(workspace: Workspace, forge: str, payload: Payload, findings: list[Finding], options: Options) -> Done:
    deployments = workspace.deployments(forge)
    serving = deployments.trails(payload.stage, [payload.model]).get(payload.model, NOTHING)
    if overtaken(payload, serving) and serving.serves:
        raise Refused(
            f"{serving.serves.payload.name} serves in {payload.stage} by a later promotion than that of {payload.name}",
            where=workspace.commit,
            remedy="This commit is older than what serves. Deploy from the newest; to go back: `modelbook rollback`.",
        )
    pointer = workspace.path(pointer_path(payload.model, payload.stage))
    moved = workspace.repository.history(workspace.commit, [pointer]).revisions[-1].commit.id
    # What succeeded goes on serving, whatever goes wrong when it is deployed again: its record is left alone.
    if blocks(findings):
        refused = Refused(
            f"{payload.name} is not deployed to {payload.stage}:\n" + "\n".join(f"  {one}" for one in findings)
        )
        deployment = deployments.begin(payload, moved)
        if not deployment.succeeded:
            first = next(one for one in findings if one.level == "error")
            deployments.tell(deployment, "failure", first.message, None)
        raise refused
    deployment = deployments.begin(payload, moved)
    fresh = not deployment.succeeded
    if fresh:
        deployments.tell(deployment, "in_progress", "verified", None)
    try:
        changed = _bring(workspace, payload, options)
        for repository in options.notify if fresh else ():
            notify(workspace, deployment, moved, repository)
    except Exception as error:
        if fresh:
            said = error.message if isinstance(error, ModelbookError) else type(error).__name__
            deployments.tell(deployment, "failure", said, None)
        raise
    if fresh:
        deployments.tell(deployment, "success", f"{payload.name} is in {payload.stage}", options.url)
    return Done(deployment, fresh or changed)


def _bring(workspace: Workspace, payload: Payload, options: Options) -> bool:
    """Bring files and manifest to their places. Gives whether a server would read others than before."""
    changed = deliver(workspace, payload, options.target) if options.target else False
    if options.manifest and options.output:
        write_manifest(
            workspace,
            payload,
            options.manifest,
            options.output,
            model_format=options.model_format,
            target=options.target,
        )
    return changed


def _chat(webhook: str | None, text: str) -> None:
    """A chat is told, or not: it is no part of the deployment."""
    if webhook is None:
        return
    try:
        post(webhook, text)
    except ForgeError as error:
        say(f"warning: {error.message}", as_json=True)


def _tell(payload: Payload, done: Done, options: Options, as_json: bool) -> None:
    path = str(options.target or "")
    fields = {"version": payload.name, "stage": payload.stage, "deployment": done.deployment.id, "path": path}
    set_outputs(fields | {"changed": str(done.changed).lower()})
    if as_json:
        print_json(fields | {"card": payload.card, "serial": payload.serial, "changed": done.changed})
        return
    say(f"{payload.name} is deployed to {payload.stage}" + ("" if done.changed else " already; nothing to do"))
    for place in (options.target, options.output):
        if place:
            say(f"  {place}")
