"""Telling a person, a program and the next job what became of a proposal."""

from collections.abc import Mapping

from modelbook.adapters.forge import Proposal
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_json, say
from modelbook.core.pointer import Kind


def evaluation_branch(model: str, version: int, suite: str) -> str:
    """The branch that proposes what a suite measured."""
    return f"evaluate/{model}-{version}-{suite}"


def reproduction_branch(model: str, version: int, number: str) -> str:
    """The branch that proposes what came of training a version again."""
    return f"reproduce/{model}-{version}-{number}"


def online_branch(model: str, experiment: str) -> str:
    """The branch that proposes what an experiment found."""
    return f"online/{model}-{experiment}"


MOVES: Mapping[Kind | None, str] = {None: "promote", "rollback": "rollback", "hold": "hold", "release": "release"}
"""How the name of the branch begins that proposes each."""


def move_branch(model: str, version: int, stage: str, kind: Kind | None = None) -> str:
    """The branch that proposes to move a version into a stage, or to hold or release it there."""
    return f"{MOVES[kind]}/{model}-{version}-to-{stage}"


def proposal_fields(proposal: Proposal | None) -> dict[str, str]:
    """The proposal as the outputs of a step: branch, commit, pull-request and url; empty where there is none."""
    if proposal is None:
        return {"branch": "", "commit": "", "pull-request": "", "url": ""}
    return {
        "branch": proposal.branch,
        "commit": proposal.commit,
        "pull-request": str(proposal.number or ""),
        "url": proposal.url or "",
    }


def tell(name: str, what: str, proposal: Proposal | None, *, as_json: bool, key: str = "version") -> None:
    """Report `name` (a version such as `digits@2`) as output, JSON or a line."""
    fields = {key: name} | proposal_fields(proposal)
    set_outputs(fields)
    if as_json:
        print_json(
            fields | {"merged": bool(proposal and proposal.merged), "created": bool(proposal and proposal.created)}
        )
        return
    where = f"\n  {proposal.url}" if proposal and proposal.url else ""
    say(f"{name}: {what}{where}")
    for step in proposal.next_steps if proposal else ():
        say(f"  next: {step}")
