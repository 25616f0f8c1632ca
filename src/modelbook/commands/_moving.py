"""Proposing what becomes of a stage: promotion, rollback, hold or release, as one signed pointer on a branch."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from modelbook.adapters.forge import Change, Forge, Proposal
from modelbook.adapters.github_place import page_of
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_report
from modelbook.commands._proposing import move_branch, proposal_fields
from modelbook.commands._signing import open_allowed_signer
from modelbook.commands._standing import Standing, find_standing, summary_of
from modelbook.commands._workspace import Workspace
from modelbook.core.documents import dump
from modelbook.core.layout import STAGE_SIGNATURES, model_folder, pointer_path, summary_path
from modelbook.core.pages.markdown import markdown
from modelbook.core.pages.move_markdown import move_body
from modelbook.core.pages.move_story import move_story
from modelbook.core.pages.promotion_story import story_of
from modelbook.core.pages.report import promotion_report
from modelbook.core.pages.story_markdown import body
from modelbook.core.pointer import StagePointer
from modelbook.core.signing.approvals import signing
from modelbook.core.signing.envelope import Statement
from modelbook.core.stages.promotion import Decision
from modelbook.errors import BranchTaken, Exit

TRIES: Final = 3  # as often somebody looks whether another was first


def propose(
    workspace: Workspace,
    decision: Decision,
    signer: str,
    forge_name: str,
    *,
    as_json: bool,
    open_refused: bool = False,
) -> int:
    """Sign what was decided, propose it where it passed, and report. Gives the exit code.

    With `open_refused` it is proposed all the same, and its signature says that it was refused.
    """
    report = promotion_report(decision)
    proposal = None
    if decision.pointer and (decision.passed or open_refused):
        key, who = open_allowed_signer(workspace, signer, decision.model, stage=decision.stage)
        steps = _awaited(workspace, decision, who)
        change = _change(workspace, decision, decision.pointer, key.sign, who, steps, forge_name)
        proposal, theirs = _proposed(workspace, forge_name, change, decision, decision.pointer, who)
        then = [*([proposal.url] if proposal.url else ()), *proposal.next_steps]
        report = promotion_report(decision, next_steps=[*theirs, *steps, *then])
    outputs = {"passed": str(decision.passed).lower(), "version": decision.reference}
    set_outputs(outputs | proposal_fields(proposal))
    print_report(report, as_json=as_json)
    return Exit.YES if decision.passed else Exit.NO


def _proposed(
    workspace: Workspace,
    forge_name: str,
    change: Change,
    decision: Decision,
    pointer: StagePointer,
    who: str,
    tries: int = TRIES,
) -> tuple[Proposal, list[str]]:
    """Propose a change, or join what stands; gives also what to know of a proposal that is somebody else's.

    Of two who propose at once, the second finds what the first proposed, and looks again.
    """
    forge = workspace.forge(forge_name)
    found = forge.proposed(change.branch).get(change.branch)
    stands = find_standing(workspace, forge, found, change, decision, pointer, who) if found else None
    if stands is None:
        try:
            return forge.submit(replace(change, found=found)), []
        except BranchTaken:
            if tries == 1:
                raise
            return _proposed(workspace, forge_name, change, decision, pointer, who, tries - 1)
    if stands.pointer.reason == pointer.reason:
        return _again(forge, change, stands.commit), []
    # Nothing of it is replaced: this person's reason is not what its pointer says.
    told, text = _texts(workspace, replace(decision, pointer=stands.pointer), who, (), forge_name)
    return _again(forge, replace(change, body=told, comment=text), stands.commit), _theirs(stands, decision)


def _theirs(stands: Standing, decision: Decision) -> list[str]:
    """What to tell who would propose what somebody else has proposed already, for another reason."""
    by, why = stands.pointer.by, " ".join((stands.pointer.reason or "no reason").split())
    told = [f"{by} has proposed it already: {why}. That stands; if your reason matters, say it there."]
    if not stands.signed:
        told.append(f"modelbook approve {decision.reference} --to {decision.stage}   (to sign it as well)")
    return told


def _awaited(workspace: Workspace, decision: Decision, who: str) -> list[str]:
    """What people have to do who must sign as well, after `who` of trust.yaml has signed."""
    standing = signing(workspace.registry.trust, decision.model, decision.stage, [who])
    approve = f"modelbook approve {decision.reference} --to {decision.stage}"
    return [f"{approve}   ({standing.words})"] if standing.lacking else []


def _change(
    workspace: Workspace,
    decision: Decision,
    pointer: StagePointer,
    sign: Callable[[Statement], bytes],
    who: str,
    steps: Sequence[str],
    forge_name: str,
) -> Change:
    model, stage = decision.model, decision.stage
    data = dump(pointer)
    summary = sign(summary_of(pointer, data, passed=decision.passed))
    new = {workspace.path(pointer_path(model, stage)): data, workspace.path(summary_path(model, stage, who)): summary}
    old = [
        workspace.path(path)
        for path, place in workspace.registry.places.items()
        if place.kind in STAGE_SIGNATURES and (place.name, place.part) == (model, stage)
    ]
    told, text = _texts(workspace, decision, who, steps, forge_name)
    return Change(
        branch=move_branch(model, decision.version, stage, decision.kind),
        base=workspace.commit,
        title=decision.title,
        body=told,
        files={**new, **dict.fromkeys(set(old) - new.keys())},
        decision=True,
        labels=("modelbook", decision.kind or "promotion"),
        comment=text,
        message=text,  # a promotion's pull request says more than history has to keep
        auto=decision.passed and decision.kind is None and workspace.registry.stage(stage).auto,
    )


def _texts(
    workspace: Workspace, decision: Decision, who: str, steps: Sequence[str], forge_name: str
) -> tuple[str, str]:
    """The body of the pull request, and the comment below it."""
    registry, page = workspace.registry, page_of(workspace.repository, forge_name)
    text = markdown(promotion_report(decision, next_steps=steps))
    if decision.kind is None:
        return body(story_of(decision, registry.trust, [who], commit=workspace.commit), page), text
    past = workspace.past(model_folder(decision.model))
    return move_body(move_story(registry, decision, [who], past, commit=workspace.commit), page), text


def _again(forge: Forge, change: Change, commit: str) -> Proposal:
    """Complete what is proposed on `commit`, and nothing that was put on its branch since that was looked at."""
    return forge.resume(
        change.branch,
        labels=change.labels,
        body=change.body,
        comment=change.comment,
        auto=change.auto,
        commit=commit,
    )
