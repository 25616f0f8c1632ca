"""`modelbook approve`: sign a promotion that others proposed, as one of the people whom it waits for."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import click

from modelbook.adapters.clock import now
from modelbook.adapters.forge import Forge
from modelbook.adapters.ssh_signer import open_ssh_signer
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_report, say
from modelbook.commands._proposing import MOVES, proposal_fields
from modelbook.commands._pulling import refuse
from modelbook.commands._signing import open_allowed_signer, refuse_expired
from modelbook.commands._workspace import Workspace, forge_option, json_option, open_workspace, registry_option
from modelbook.core.documents import load
from modelbook.core.layout import (
    POLICY,
    STAGE_SIGNATURES,
    approval_path,
    model_folder,
    place_of,
    pointer_path,
    summary_path,
)
from modelbook.core.names import parse_reference
from modelbook.core.pages.report import Report, approval_report
from modelbook.core.pointer import StagePointer
from modelbook.core.policy import Policy
from modelbook.core.registry import Registry
from modelbook.core.signing.approvals import Signing, signing
from modelbook.core.signing.statements import stage_namespace, summary_statement
from modelbook.core.trust import Signer, allowed
from modelbook.core.verifying.changes import check_change
from modelbook.core.verifying.verification import verify_stage
from modelbook.errors import BadInput, Exit, Refused


@dataclass(frozen=True)
class Proposed:
    """A promotion that waits on a branch."""

    model: str
    version: int
    stage: str
    branch: str
    commit: str

    def __str__(self) -> str:
        return f"{self.model}@{self.version} --to {self.stage}"


@click.command(short_help="Sign a promotion that waits for you.")
@click.argument("reference", metavar="[REF]", required=False)
@click.option("--to", "stage", metavar="STAGE", help="The stage of the promotion, where several are proposed.")
@click.option("--pull-request", type=int, metavar="N", help="The promotion's pull request on GitHub, instead of REF.")
@click.option(
    "--key",
    metavar="PATH",
    help="Your SSH key.  [default: the one of git's, of ~/.ssh and of your agent that trust.yaml names]",
)
@click.option("--signer", "uri", metavar="URI", help="Sign with a key in a file or a KMS, instead of an SSH key.")
@click.option("--yes", is_flag=True, help="Sign without being asked.")
@forge_option
@registry_option
@json_option
def command(
    reference: str | None,
    stage: str | None,
    pull_request: int | None,
    key: str | None,
    uri: str | None,
    yes: bool,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Judge the proposed promotion of REF anew and, if it holds, add your signature to its branch.

    So with a rollback, a hold or a release. REF may be the name of the branch as well.

    What you sign are the exact bytes of the stage pointer: version, evidence, baseline and policy by their digests. A
    promotion that is proposed anew has other bytes, and waits for signatures anew.

    \b
    Examples:
      modelbook approve fraud@5 --to production
      modelbook approve --pull-request 42 --key ~/.ssh/id_ed25519
      modelbook approve rollback/fraud-4-to-production
    """
    if (reference is None) == (pull_request is None):
        raise click.UsageError("Give a REF or --pull-request N.")
    if key and uri:
        raise click.UsageError("--key is for an SSH key, --signer for another one: give one of them.")
    if not yes and (as_json or not sys.stdin.isatty()):
        raise click.UsageError("There is no terminal to ask on. Read what `modelbook gate` says, and give --yes.")
    if pull_request is not None:
        workspace, forge, one = _of_pull_request(registry_folder, pull_request)
    else:
        workspace, forge, one = _of_reference(registry_folder, forge_name, reference or "", stage)
    files = _stage_files(workspace, forge, one)
    report, standing = _judge(workspace, one, files)
    if not report.passed:
        set_outputs({"passed": "false"})
        print_report(report, as_json=as_json)
        return Exit.NO
    me, sign = _my_key(workspace, one, key, uri)
    if me.who in standing.signed:
        said = f"{me.who} has signed it already: nothing to do"
        proposal = forge.resume(one.branch)
    else:
        if not as_json:
            print_report(report, as_json=False)
        if not yes and not click.confirm(f"{report.title}: sign as {me.name}?"):
            say("nothing was signed")
            return Exit.NO
        path, data = sign(files[pointer_path(one.model, one.stage)])
        report, standing = _judge(workspace, one, {**files, path: data})
        refuse("the signature", report.findings)
        title = f"Approve as {me.name}: {report.title}"
        proposal = forge.append(one.branch, one.commit, {workspace.path(path): data}, title)
        said = f"signed as {me.name}"
    set_outputs({"passed": "true"} | proposal_fields(proposal))
    if as_json:
        people = {"signed": standing.signed, "needed": standing.needed, "lacking": standing.lacking}
        print_report(report, as_json=True, also=people | {"others": standing.others} | proposal_fields(proposal))
        return Exit.YES
    say(f"{said}; {standing.words}")
    # While people are awaited nobody can merge it, but what GitHub says of it counts.
    for step in () if standing.lacking and not proposal.url else proposal.next_steps:
        say(f"  next: {step}")
    if proposal.url and not standing.lacking:
        say(f"  next: {proposal.url}")
    return Exit.YES


def _of_reference(
    registry_folder: str | None, forge_name: str, text: str, stage: str | None
) -> tuple[Workspace, Forge, Proposed]:
    """The one promotion that is proposed of what a person named, or the one on the branch that he named."""
    if "/" in text:
        workspace = open_workspace(registry_folder, scope=[POLICY])
        return _of_branch(workspace, workspace.forge(forge_name), text, text)
    wanted = parse_reference(text)
    scope = [model_folder(wanted.name)]
    workspace = open_workspace(registry_folder, scope=scope)
    forge = workspace.forge(forge_name)
    workspace = _at_target(workspace, forge, scope)
    if stage:
        workspace.registry.stage(stage)
    exact = wanted.version or wanted.stage or wanted.digest
    version = workspace.registry.resolve(wanted) if exact else None
    branches = {
        branch: commit
        for start in MOVES.values()
        for branch, commit in forge.proposed(f"{start}/{wanted.name}-").items()
    }
    of_model = [one for one in _promotions(branches, workspace.registry.policy) if one.model == wanted.name]
    found = [one for one in of_model if version in {None, one.version} and stage in {None, one.stage}]
    if len(found) == 1:
        return workspace, forge, found[0]
    names = [str(one) for one in found or of_model]
    exactly = (str(one) if names.count(str(one)) == 1 else one.branch for one in found or of_model)
    others = "; ".join(f"`modelbook approve {one}`" for one in exactly)
    if found:
        raise BadInput(f"{len(found)} promotions of {wanted.name} are proposed", remedy=f"Name one: {others}.")
    name = f"{wanted.name}@{version}" if version else wanted.name
    what = f"no promotion of {name}{f' into {stage}' if stage else ''} is proposed"
    remedy = f"Proposed are: {others}." if others else "Propose it: `modelbook promote`."
    if (branch := workspace.repository.branch() or "").startswith(tuple(f"{start}/" for start in MOVES.values())):
        remedy = f"{branch} is checked out. Leave it for the branch that it is proposed to: `git switch main`."
    raise BadInput(what, remedy=remedy)


def _of_pull_request(registry_folder: str | None, number: int) -> tuple[Workspace, Forge, Proposed]:
    """The promotion that a pull request on GitHub proposes."""
    from modelbook.adapters.github_forge import open_github_forge

    workspace = open_workspace(registry_folder, scope=[POLICY])
    forge = open_github_forge(workspace.repository)
    return _of_branch(workspace, forge, forge.branch_of(number), f"pull request {number}")


def _of_branch(workspace: Workspace, forge: Forge, branch: str, asked: str) -> tuple[Workspace, Forge, Proposed]:
    """The promotion that `branch` proposes."""
    found = _promotions(forge.proposed(branch), workspace.registry.policy)
    exact = [one for one in found if one.branch == branch]
    if len(exact) != 1:
        raise BadInput(f"{asked} is no promotion{f': its branch is {branch}' if branch != asked else ''}")
    return _at_target(workspace, forge, [model_folder(exact[0].model)]), forge, exact[0]


def _at_target(workspace: Workspace, forge: Forge, scope: Sequence[str]) -> Workspace:
    """The registry as it is where the promotion would be merged: by its rules it is judged and signed.

    Raises BadInput where this clone does not have that commit, Refused where git shows something to be wrong with it.
    """
    commit = forge.target()
    if commit == workspace.commit:
        workspace.refuse_uncommitted()
    try:
        workspace.repository.commit(commit)
    except BadInput:
        message = f"this clone does not have {commit}, the tip of the branch that it would be merged into"
        raise BadInput(message, where=str(workspace.repository.root), remedy="Bring it: `git fetch`.") from None
    workspace = workspace.at(commit, scope)
    refuse("the registry", workspace.problems)
    return workspace


def _promotions(branches: Mapping[str, str], policy: Policy) -> list[Proposed]:
    """What the branches of promotions and their like are called after, where that is a stage of the policy."""
    found = []
    for branch, commit in sorted(branches.items()):
        for stage in policy.stages:
            form = rf"(?:{'|'.join(MOVES.values())})/(.+)-([1-9][0-9]{{0,9}})-to-{re.escape(stage.name)}"
            if named := re.fullmatch(form, branch):
                found.append(Proposed(named[1], int(named[2]), stage.name, branch, commit))
    return found


def _stage_files(workspace: Workspace, forge: Forge, one: Proposed) -> dict[str, bytes]:
    """The pointer on the branch and the signatures beside it, by path below the registry's folder."""
    folder = workspace.path(f"{model_folder(one.model)}/stages")
    below = {path.removeprefix(f"{workspace.folder}/"): data for path, data in forge.folder(one.commit, folder).items()}
    found = {path: data for path, data in below.items() if _is_of(path, one)}
    pointer = pointer_path(one.model, one.stage)
    if pointer not in found or found[pointer] == workspace.registry.files.get(pointer):
        raise Refused(
            f"the branch {one.branch} moves nothing that this commit does not have",
            where=workspace.path(pointer),
            remedy="It is in force already.",
        )
    return found


def _is_of(path: str, one: Proposed) -> bool:
    place = place_of(path)
    kinds = STAGE_SIGNATURES | {"stage"}
    return bool(place and place.kind in kinds and (place.name, place.part) == (one.model, one.stage))


def _judge(workspace: Workspace, one: Proposed, files: Mapping[str, bytes]) -> tuple[Report, Signing]:
    """The verdict on what is proposed, by the rules and the stages of the commit at hand, and who signed it."""
    base = workspace.registry
    kept = {path: data for path, data in base.files.items() if not _is_of(path, one)}
    head = Registry(kept | dict(files), base.prefix, keyless=base.keyless)
    verdict = check_change(
        base,
        head,
        now=now(),
        tenures=workspace.past(model_folder(one.model)),
        results=workspace.results(one.model, one.version),
    )
    standing = signing(base.trust, one.model, one.stage, verify_stage(head, one.model, one.stage).signatures.values())
    if not verdict.promotions:
        refuse(str(one), verdict.findings)
    decision = verdict.promotions[0]
    if decision.version != one.version:  # a branch may be called anything
        raise Refused(
            f"the branch {one.branch} moves {one.stage} to {one.model}@{decision.version}",
            where=workspace.path(pointer_path(one.model, one.stage)),
            remedy="Find out who made it, and do not sign it.",
        )
    return approval_report(decision, verdict.findings, standing), standing


def _my_key(
    workspace: Workspace, one: Proposed, key: str | None, uri: str | None
) -> tuple[Signer, Callable[[bytes], tuple[str, bytes]]]:
    """Who is at work, and what makes of a pointer the path and the file of his signature.

    He is refused before he is asked anything if trust.yaml would not believe his key.
    """
    model, stage, trust = one.model, one.stage, workspace.registry.trust
    if uri:
        statements, name = open_allowed_signer(workspace, uri, model, stage=stage)

        def summary(data: bytes) -> tuple[str, bytes]:
            pointer = load(StagePointer, data, workspace.path(pointer_path(model, stage)))
            inputs = {evidence.path: evidence.digest for evidence in pointer.evidence}
            return summary_path(model, stage, name), statements.sign(
                summary_statement(pointer, data, inputs, passed=True)
            )

        return trust.signer(name), summary
    may = allowed(trust, model, stage=stage)
    what = f"the promotion of {model}@{one.version} into {stage}"
    person = open_ssh_signer(may, what, key=key, folder=workspace.repository.root)
    refuse_expired(workspace, person.signer)

    def approval(data: bytes) -> tuple[str, bytes]:
        return approval_path(model, stage, person.signer.name), person.sign(data, stage_namespace(stage))

    return person.signer, approval
