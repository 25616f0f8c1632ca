"""Proposing the next trust.yaml: a decision, which stays red until as many people signed it as must."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from modelbook.adapters.clock import now
from modelbook.adapters.forge import Change, Forge, Proposal
from modelbook.adapters.key_signer import KeySigner
from modelbook.adapters.trust_files import read_trust
from modelbook.commands._console import say
from modelbook.commands._proposing import tell
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import (
    Workspace,
    open_workspace,
)
from modelbook.commands.trust._signing import sign_at_hand
from modelbook.core.documents import load_lines
from modelbook.core.layout import TRUST, TRUSTED_ROOT, place_of
from modelbook.core.pages.markdown import inert
from modelbook.core.registry import Registry
from modelbook.core.trust import Trust
from modelbook.core.verifying.rules import check_rules
from modelbook.core.verifying.trust_change import TRUST_FILES, WAITING, TrustVerdict, check_trust_change, signatures_of
from modelbook.core.verifying.trust_edit import Draft
from modelbook.core.verifying.trust_words import changes_in_words, listed
from modelbook.core.yaml_edit import rewrite
from modelbook.errors import BadInput

Function = TypeVar("Function", bound=Callable[..., Any])
LABELS = ("modelbook", "trust")


def dry_run_option(function: Function) -> Function:
    """`--dry-run`: only show the change."""
    return click.option("--dry-run", is_flag=True, help="Show what would change, and propose nothing.")(function)


@dataclass(frozen=True)
class Opened:
    """The trust.yaml in force, and a draft of the next one."""

    workspace: Workspace
    base: Registry
    draft: Draft


def open_trust(registry_folder: str | None) -> Opened:
    """Gather what a change starts from. Raises BadInput where it is missing, broken or not committed."""
    workspace = open_workspace(registry_folder, scope=[TRUST])
    refuse("the registry", workspace.findings)
    workspace.refuse_uncommitted()
    base = read_trust(workspace.repository, workspace.folder, workspace.commit)
    if TRUST not in base.files:
        raise BadInput("the registry has no trust.yaml", where=workspace.path(TRUST))
    trust, parsed = load_lines(Trust, base.files[TRUST], workspace.path(TRUST))
    return Opened(workspace, base, Draft(trust, parsed.data))


def branch_of(version: int) -> str:
    """The branch that proposes a version of trust.yaml."""
    return f"trust/{version}"


def propose(
    opened: Opened,
    *,
    signer: str,
    forge_name: str,
    dry_run: bool,
    as_json: bool,
    also: Iterable[KeySigner] = (),
    root: bytes | None = None,
) -> None:
    """Write, check, show, sign and propose the draft; `also` sign, if they belong to a root of trust.yaml.

    `root` is a new trusted_root.json of Sigstore, which the draft names.

    Raises Refused or BadInput, with nothing proposed.
    """
    workspace, base = opened.workspace, opened.base
    data = rewrite(base.files[TRUST], opened.draft.data)
    kept = {path: held for path, held in base.files.items() if path not in signatures_of(base)}
    brought = {TRUST: data} | ({TRUSTED_ROOT: root} if root is not None else {})
    head = Registry(kept | brought, workspace.folder)
    place = place_of(TRUST)
    refuse("the new trust.yaml", tuple(check_rules(head, TRUST, place)) if place else ())
    show_difference(base, head, as_json=as_json)
    if dry_run:
        return
    version, forge = head.trust.version, workspace.forge(forge_name)
    branch = branch_of(version)
    if standing := forge.proposed(branch).get(branch):
        if forge.read(standing, workspace.path(TRUST)) != data:
            raise BadInput(
                f"another version {version} is proposed already",
                where=branch,
                remedy="Merge it first, or delete its branch: one change of trust.yaml follows the other.",
            )
        verdict = check_trust_change(base, proposed_trust(workspace, forge, standing), now=now())
        report(version, verdict, forge.resume(branch, labels=LABELS), as_json=as_json)
        return
    folder = workspace.repository.root
    made = sign_at_hand(base.trust, head, signer=signer, ssh_key=None, folder=folder, also=also)
    verdict = check_trust_change(base, Registry({**head.files, **made}, workspace.folder), now=now())
    refuse("the new trust.yaml", tuple(finding for finding in verdict.findings if finding.code != WAITING))
    files: dict[str, bytes | None] = {workspace.path(path): None for path in signatures_of(base)}
    files |= {workspace.path(path): held for path, held in {**made, **brought}.items()}
    proposal = forge.submit(
        Change(
            branch=branch,
            base=workspace.commit,
            title=f"Change whom the registry trusts: trust.yaml, version {version}",
            body="\n".join(f"- {inert(line)}" for line in changes_in_words(base.trust, head.trust)),
            files=files,
            decision=True,
            labels=LABELS,
        )
    )
    report(version, verdict, proposal, as_json=as_json)


def proposed_trust(workspace: Workspace, forge: Forge, commit: str) -> Registry:
    """trust.yaml and its signatures as they are proposed in a commit."""
    found = forge.folder(commit, workspace.folder)
    inside = {path.removeprefix(f"{workspace.folder}/"): data for path, data in found.items()}
    kept = {path: data for path, data in inside.items() if (place := place_of(path)) and place.kind in TRUST_FILES}
    return Registry(kept, workspace.folder)


def report(version: int, verdict: TrustVerdict, proposal: Proposal, *, as_json: bool) -> None:
    """Say who has signed what is proposed, and who has to sign it yet."""
    what = f"signed by {listed(verdict.signed_by, 'and')}" if verdict.signed_by else "proposed"
    tell(f"trust.yaml, version {version}", what, proposal, as_json=as_json, key="trust")
    for finding in verdict.findings:
        told = "not yet" if finding.code == WAITING else finding.level
        say(f"  {told}: {finding.message}. {finding.remedy}", as_json=as_json)


def show_difference(base: Registry, head: Registry, *, as_json: bool) -> None:
    """What changes, in words and as a diff, so that nobody signs what he has not seen."""
    for line in changes_in_words(base.trust, head.trust):
        say(f"- {line}", as_json=as_json)
    old, new = (registry.files[TRUST].decode().splitlines() for registry in (base, head))
    names = (f"{TRUST}, version {base.trust.version}", f"{TRUST}, version {head.trust.version}")
    for line in difflib.unified_diff(old, new, *names, lineterm="", n=2):
        say(f"    {line}", as_json=as_json)
