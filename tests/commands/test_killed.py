"""A job that is killed after any write, and run again: it ends as if it had gone well.

The same, call by call and one layer below: tests/adapters/github/test_forge_faults.py.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from modelbook.core.layout import trust_signature_path
from modelbook.core.signing.statements import trust_statement
from tests.commands.workbench import Workbench
from tests.made import Made, trust_yaml
from tests.parts.github.client import dispatched
from tests.parts.office import Office, github_environment
from tests.parts.ssh_keys import ssh_key

BOB = str(ssh_key("bob").file)


def promote(office: Office) -> str:
    return office.desk.ok("promote", "digits@1", "--to", "staging", "--signer", office.desk.signer("promoter"))


Step = Callable[[Office], object]


def approve(office: Office, key: str) -> str:
    return office.desk.ok("approve", "digits@1", "--to", "staging", "--key", key, "--yes")


def revoke(office: Office) -> str:
    return office.desk.ok("revoke", "digits@2", "--reason", "trained on leaked labels")


@dataclass(frozen=True)
class Killed:
    """A command to kill, what is done before it, and what stands in the end: commits on the branch, and comments."""

    step: Step
    branch: str
    commits: int = 1
    comments: int = 0
    before: Step | None = None


KILLED = {
    "promote": Killed(promote, "promote/digits-1-to-staging", comments=1),
    "approve": Killed(partial(approve, key=BOB), "promote/digits-1-to-staging", 2, 1, before=promote),
    "revoke": Killed(revoke, "revoke/digits-2"),
}


@pytest.mark.parametrize("verb", KILLED)
def test_killed_after_any_write_it_is_completed_by_running_it_again(office: Office, verb: str) -> None:
    complete_after_each_kill(office, verb, KILLED[verb])


def complete_after_each_kill(office: Office, name: str, killed: Killed) -> None:
    """Kill it after each write that others can see, each time in a repository of its own, and run it again."""

    def begin(repository: str) -> None:
        office.open(repository)
        if killed.before:
            killed.before(office)
        office.server.clear_log()

    begin(f"{name}-whole")
    killed.step(office)
    writes = office.visible_writes()
    assert len(writes) >= 2
    for number, write in enumerate(writes):
        begin(f"{name}-{number}")
        method, _, path = write.partition(" ")
        # The write takes effect, and whoever made it learns nothing but that his token is bad.
        office.fail(method, f"{re.escape(path)}$", status=401, after_effect=True)
        with pytest.raises(AssertionError, match="GitHub would not"):
            killed.step(office)
        office.server.clear_faults()
        killed.step(office)
        state = office.state
        (pull,) = state["pulls"]
        assert (pull["head_ref"], pull["issue"]["state"]) == (killed.branch, "open"), write
        heads = {ref for ref in state["refs"] if ref.startswith("refs/heads/")}
        assert heads == {"refs/heads/main", f"refs/heads/{killed.branch}"}, write
        made = office.desk.git("--git-dir", str(office.bare), "rev-list", "--count", f"main..{killed.branch}")
        assert (int(made), len(state["comments"])) == (killed.commits, killed.comments), write
        verified = [run["inputs"]["head"] for run in dispatched(state)]
        assert (verified[-1], len(verified)) == (pull["head_sha"], killed.commits), write


def test_trust_sign_that_is_killed_is_completed_by_running_it_again(office: Office) -> None:
    """One of two roots proposes, the other signs."""
    desk = office.desk
    signers = ["registrar", "deputy"]
    made = Made(trust=trust_yaml(root={"signers": signers, "threshold": 2})).dataset()
    for signer in signers:
        statement = trust_statement(made.registry.trust, made.files["trust.yaml"])
        made.sign(trust_signature_path(signer), statement, signer)
    desk.git("rm", "-rq", "registry")
    desk.commit(made)

    def propose(_: Office) -> None:
        anna = ("anna", "--ssh", ssh_key("anna").line, "--may-promote", "staging")
        desk.ok("trust", "add", *anna, "--signer", desk.signer("registrar"))

    def sign(_: Office) -> None:
        desk.ok("trust", "sign", "--signer", desk.signer("deputy"), "--yes")

    complete_after_each_kill(office, "sign-trust", Killed(sign, "trust/2", 2, before=propose))


def test_registering_and_evaluating_that_are_killed_are_completed_by_running_them_again(
    workshop: Office, bench: Workbench
) -> None:
    run = bench.train(0.8)

    def register(_: Office) -> None:
        assert "toy@1" in workshop.desk.ok("register", "toy", "--run", run)

    complete_after_each_kill(workshop, "register", Killed(register, "register/toy-1"))

    bench.ok("register", "toy", "--run", run)
    workshop.open("evaluate")
    measured = bench.run("evaluate", "toy@1", "--measure-only", "--json", env=github_environment())
    told = json.loads(measured.out)
    evaluate = ("evaluate", "toy@1", "--measurement", told["measurement"], "--digest", told["digest"])
    for path in ("/git/refs", "/pulls"):
        workshop.fail("POST", f"{path}$", status=401, after_effect=True)
        code, text = workshop.desk.run(*evaluate)
        assert (code, "GitHub would not" in text) == (3, True), text
    workshop.desk.ok(*evaluate)
    (pull,) = workshop.state["pulls"]
    assert pull["head_ref"] == "evaluate/toy-1-default"
    assert [one["inputs"]["head"] for one in dispatched(workshop.state)] == [pull["head_sha"]]
