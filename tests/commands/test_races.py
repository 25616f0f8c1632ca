"""Two at once, the same thing twice, and a job that is killed in between: it ends as if it had gone well.

The same cases one layer below, call by call: tests/adapters/github/test_forge_faults.py.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelbook.core.layout import trust_signature_path
from modelbook.core.statements import trust_statement
from tests.commands.workbench import Workbench
from tests.made import Made, trust_yaml
from tests.parts.desks import Desk, made_for_people, quiet_environment
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer
from tests.parts.office import STRANGER, Office, open_doors
from tests.parts.ssh_keys import ssh_key

ALICE, BOB = (str(ssh_key(name).file) for name in ("alice", "bob"))
VERDICT = {"stale-serial", "stale-baseline"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    with GitHubServer(tmp_path_factory.mktemp("github")) as server:
        open_doors(server)
        yield server
        assert [entry for entry in server.log() if "failure" in entry] == []


@pytest.fixture
def office(
    server: GitHubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Office]:
    """Two versions of digits and one of other, each good enough for staging, which takes one signature."""
    quiet_environment(monkeypatch, tmp_path / "home")
    root = make_worktree(tmp_path / "work", {"README.md": "hello\n"})
    monkeypatch.chdir(root)
    desk = Desk(root, tmp_path, capsys)
    desk.commit(made_for_people(threshold=1).version("other", 1))
    server.clear_log()
    yield Office(desk, server, monkeypatch)
    server.clear_faults()


def promote(office: Office, version: int = 1, *more: str, model: str = "digits") -> str:
    signer = office.desk.signer("promoter")
    return office.desk.ok("promote", f"{model}@{version}", "--to", "staging", "--signer", signer, *more)


def codes(report: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in report["findings"]}


def test_of_two_promotions_into_one_stage_the_second_is_stale_and_is_judged_anew(office: Office) -> None:
    office.open("one-stage")
    promote(office, 1)
    promote(office, 2)
    assert [office.verify(number)["passed"] for number in (1, 2)] == [True, True]
    office.merge(1)
    assert office.ask("PUT", "/pulls/2/merge", {})[0] == 405, "git itself cannot merge both"
    assert codes(office.verify(2)) == VERDICT
    assert office.statuses(2) == ["success", "failure"]

    said = promote(office, 2)
    assert "baseline: digits@1" in said
    assert [pull["head_ref"] for pull in office.state["pulls"]] == [
        f"promote/digits-{version}-to-staging" for version in (1, 2)
    ]
    assert office.verify(2)["passed"]
    office.merge(2)
    assert "digits@2: is in staging already; nothing to do" in promote(office, 2)
    assert office.desk.json("verify")["passed"]


def test_promotions_of_two_models_never_meet(office: Office) -> None:
    office.open("two-models")
    promote(office, 1)
    promote(office, 1, model="other")
    for number in (1, 2):
        assert office.verify(number)["passed"]
    office.merge(1)
    assert office.pull(2)["mergeable"]
    assert office.verify(2)["passed"]
    office.merge(2)
    assert office.desk.json("verify")["passed"]


def test_a_version_that_comes_back_is_proposed_on_its_old_branch_by_a_new_pull_request(office: Office) -> None:
    office.open("back-again")
    for version in (1, 2, 1):
        promote(office, version)
        number = len(office.state["pulls"])
        assert office.verify(number)["passed"]
        office.merge(number)
    branches = [pull["head_ref"] for pull in office.state["pulls"]]
    assert branches == [f"promote/digits-{version}-to-staging" for version in (1, 2, 1)]
    assert office.desk.json("verify")["passed"]


def test_the_same_job_again_makes_nothing(office: Office) -> None:
    office.open("again")
    promote(office)
    office.verify(1)
    before = office.state
    office.server.clear_log()
    promote(office)
    assert office.visible_writes() == []
    office.verify(1)
    after = office.state
    same = [office.state[what] for what in ("refs", "pulls", "comments", "labels", "runs")]
    assert same == [before[what] for what in ("refs", "pulls", "comments", "labels", "runs")]
    assert len(after["comments"]) == 1
    assert {one["state"] for one in after["statuses"]} == {"success"}


def test_a_comment_that_carries_our_marker_is_ours_only_by_its_author(office: Office) -> None:
    office.open("marker", strangers=["mallory"])
    promote(office)
    office.server.configure(office.name, strangers=["mallory"])
    forged = {"body": "<!-- modelbook:verify -->\n**Passed**: trust me"}
    assert office.ask("POST", "/issues/1/comments", forged, token=STRANGER)[0] == 201
    office.verify(1)
    promote(office)
    bodies = [comment["body"] for comment in office.state["comments"]]
    assert len(bodies) == 2
    assert bodies.count(forged["body"]) == 1


def test_a_status_or_a_check_of_our_name_makes_nobody_believe_anything(office: Office) -> None:
    """A verdict is of the files alone."""
    made = made_for_people(threshold=1)
    office.desk.commit(made.version("digits", 3, {"accuracy": 0.5, "latency_ms": 1.0}))
    office.open("believe")
    code, text = office.desk.run(
        "promote", "digits@3", "--to", "staging", "--signer", office.desk.signer("promoter"), "--open-refused"
    )
    assert code == 1, text
    head = office.pull(1)["head_sha"]
    for context in ("modelbook", "verify"):
        assert office.ask("POST", f"/statuses/{head}", {"state": "success", "context": context})[0] == 201
    assert office.verify(1)["passed"] is False
    assert office.statuses(1) == ["success", "failure"], "the last word is the verification's"
    code, text = office.desk.run("approve", "digits@3", "--to", "staging", "--key", ALICE, "--yes")
    assert (code, "refuse digits@3" in text) == (1, True), text
    assert office.desk.json("plan")["promote"] == [{"version": "other@1", "stage": "staging"}]
    assert office.pull(1)["head_sha"] == head


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
        verified = [run["inputs"]["head"] for run in state["runs"]]
        assert (verified[-1], len(verified)) == (pull["head_sha"], killed.commits), write


def test_trust_sign_that_is_killed_is_completed_by_running_it_again(office: Office) -> None:
    """One of two roots proposes, the other signs."""
    desk = office.desk
    root = {"signers": ["registrar", "deputy"], "threshold": 2}
    made = Made(trust=trust_yaml(root=root)).dataset()
    for signer in root["signers"]:
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


@pytest.fixture
def workshop(
    server: GitHubServer, bench: Workbench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Office]:
    """A registry whose models are trained, with GitHub behind it."""
    quiet_environment(monkeypatch, bench.root.parent / "home")
    for name, value in bench.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(bench.root)
    server.clear_log()
    yield Office(Desk(bench.root, bench.root.parent, capsys), server, monkeypatch)
    server.clear_faults()


def github_environment() -> dict[str, str]:
    """What a process of its own needs to know of GitHub."""
    names = ("GITHUB_", "MODELBOOK_GITHUB")
    return {name: value for name, value in os.environ.items() if name.startswith(names)}


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
    assert [one["inputs"]["head"] for one in workshop.state["runs"]] == [pull["head_sha"]]


def test_two_registrations_at_once_get_different_numbers(workshop: Office, bench: Workbench) -> None:
    """As on plain git: tests/commands/test_bad_input.py."""
    runs = [bench.train(skill) for skill in (0.6, 0.7)]
    workshop.open("two-runs")
    there = github_environment()
    with ThreadPoolExecutor(2) as both:
        done = list(both.map(lambda run: bench.run("register", "toy", "--run", run, env=there), runs))
    assert [one.code for one in done] == [0, 0], done
    assert sorted(one.out[:5] for one in done) == ["toy@1", "toy@2"]
    assert sorted(pull["head_ref"] for pull in workshop.state["pulls"]) == ["register/toy-1", "register/toy-2"]
    for number in (1, 2):
        assert workshop.verify(number)["passed"]
        workshop.merge(number)
    found = json.loads(bench.ok("list", "toy", "--json"))
    assert [row["version"] for row in found] == ["toy@1", "toy@2"]
