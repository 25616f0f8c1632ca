"""`modelbook promote`: propose to move a version into a stage, with a signed verdict."""

from collections.abc import Callable, Sequence

import click

from modelbook.adapters.clock import now
from modelbook.adapters.forge import Change, Forge
from modelbook.adapters.person import person
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_report
from modelbook.commands._proposing import promotion_branch, proposal_fields, tell
from modelbook.commands._pulling import refuse
from modelbook.commands._signing import open_allowed_signer
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    signer_option,
)
from modelbook.core.approvals import signing
from modelbook.core.documents import DocumentError, dump, load
from modelbook.core.envelope import EnvelopeError, Statement, read_bundle
from modelbook.core.layout import STAGE_SIGNATURES, model_folder, pointer_path, summary_path
from modelbook.core.markdown import markdown
from modelbook.core.names import parse_reference
from modelbook.core.pointer import StagePointer
from modelbook.core.promotion import Decision, decide
from modelbook.core.report import promotion_report
from modelbook.core.statements import summary_statement
from modelbook.core.timing import NOTHING, Override
from modelbook.errors import Exit


@click.command(short_help="Propose to move a version into a stage.")
@click.argument("reference", metavar="REF")
@click.option("--to", "stage", required=True, metavar="STAGE", help="The stage to promote into.")
@click.option("--reason", metavar="TEXT", help="Why, for the record.")
@click.option(
    "--override-freeze",
    "windows",
    multiple=True,
    metavar="NAME",
    help="Promote in this window of `freeze` all the same: one of those whom it names has to sign. Needs --reason.",
)
@click.option(
    "--open-refused",
    is_flag=True,
    help="Propose it even if a gate refuses it, so that the team can see why. It cannot be merged.",
)
@signer_option
@forge_option
@registry_option
@json_option
def command(
    reference: str,
    stage: str,
    reason: str | None,
    windows: tuple[str, ...],
    open_refused: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Judge REF by the gates of STAGE and propose to move the stage's pointer: a pull request, or a branch to merge.

    \b
    Example:
      modelbook promote fraud@5 --to production --reason "fewer false alarms"
    """
    if open_refused and forge_name == "git":
        raise click.UsageError("--open-refused is for GitHub, where a check holds the merge. See `modelbook gate`.")
    if windows and not (reason or "").strip():
        raise click.UsageError("--override-freeze needs a --reason, for the record.")
    wanted = parse_reference(reference)
    workspace = open_workspace(registry_folder, scope=[model_folder(wanted.name)])
    refuse(wanted.name, workspace.findings)
    workspace.refuse_uncommitted()
    version = workspace.registry.resolve(wanted)
    name = f"{wanted.name}@{version}"
    decision = decide(
        workspace.registry,
        wanted.name,
        version,
        stage,
        by=person(workspace.repository.root),
        now=now(),
        reason=reason,
        tenures=workspace.tenures(model_folder(wanted.name)),
        results=workspace.results(wanted.name, version),
        override=_override(workspace, windows, wanted.name, stage, signer),
    )
    if decision.already:
        set_outputs({"passed": "true"})
        tell(name, f"is in {stage} already; nothing to do", None, as_json=as_json)
        return Exit.YES
    report = promotion_report(decision)
    proposal = None
    if decision.pointer and (decision.passed or open_refused):
        key, who = open_allowed_signer(workspace, signer, decision.model, stage=stage)
        steps = _awaited(workspace, decision, who)
        change = _change(workspace, decision, decision.pointer, key.sign, who, steps)
        forge = workspace.forge(forge_name)
        same = _stands(forge, change, decision, decision.pointer)
        proposal = (
            forge.resume(change.branch, labels=change.labels, comment=change.comment, auto=change.auto)
            if same
            else forge.submit(change)
        )
        then = [*([proposal.url] if proposal.url else ()), *proposal.next_steps]
        report = promotion_report(decision, next_steps=[*steps, *then])
    set_outputs({"passed": str(decision.passed).lower(), "version": name} | proposal_fields(proposal))
    print_report(report, as_json=as_json)
    return Exit.YES if decision.passed else Exit.NO


def _override(workspace: Workspace, windows: tuple[str, ...], model: str, stage: str, signer: str) -> Override:
    """What is overridden, and by whom as far as is known before anybody else signs."""
    if not windows:
        return NOTHING
    _, who = open_allowed_signer(workspace, signer, model, stage=stage)
    people = frozenset({workspace.registry.trust.signer(who).who})
    return Override(tuple(sorted(set(windows))), people, proposed=True)


def _awaited(workspace: Workspace, decision: Decision, who: str) -> list[str]:
    """What people have to do who must sign as well, after `who` of trust.yaml has signed."""
    standing = signing(workspace.registry.trust, decision.model, decision.stage, [who])
    approve = f"modelbook approve {decision.model}@{decision.version} --to {decision.stage}"
    return [f"{approve}   ({standing.words})"] if standing.lacking else []


def _change(
    workspace: Workspace,
    decision: Decision,
    pointer: StagePointer,
    sign: Callable[[Statement], bytes],
    who: str,
    steps: Sequence[str],
) -> Change:
    model, stage = decision.model, decision.stage
    data = dump(pointer)
    summary = sign(_summary(pointer, data, decision))
    files: dict[str, bytes | None] = {
        workspace.path(path): None
        for path, place in workspace.registry.places.items()
        if place.kind in STAGE_SIGNATURES and (place.name, place.part) == (model, stage)
    }
    files[workspace.path(pointer_path(model, stage))] = data
    files[workspace.path(summary_path(model, stage, who))] = summary
    text = markdown(promotion_report(decision, next_steps=steps))
    return Change(
        branch=promotion_branch(model, decision.version, stage),
        base=workspace.commit,
        title=f"Promote {model}@{decision.version} to {stage}",
        body=text,
        files=files,
        decision=True,
        labels=("modelbook", "promotion"),
        comment=text,
        auto=decision.passed and workspace.registry.stage(stage).auto,
    )


def _summary(pointer: StagePointer, data: bytes, decision: Decision) -> Statement:
    inputs = {evidence.path: evidence.digest for evidence in pointer.evidence}
    return summary_statement(pointer, data, inputs, passed=decision.passed)


def _stands(forge: Forge, change: Change, decision: Decision, pointer: StagePointer) -> bool:
    """Whether this very decision is proposed already: only who made it when may differ.

    Moving its branch then would throw its verification away for nothing.
    """
    commit = forge.proposed(change.branch).get(change.branch)
    found = [forge.read(commit, path) for path, data in change.files.items() if data] if commit else []
    if len(found) != 2 or not found[0] or not found[1]:
        return False
    try:
        standing, summary = load(StagePointer, found[0], change.branch), read_bundle(found[1])
    except (DocumentError, EnvelopeError):
        return False
    same = pointer.model_copy(update={"decided": standing.decided, "by": standing.by})
    return standing == same and summary.statement == _summary(standing, found[0], decision)
