"""Two people roll a stage back at once, each for a reason of their own: it is proposed once, and the second joins."""

import os
from concurrent.futures import ThreadPoolExecutor

import yaml

from tests.parts.command_line import Done, run_modelbook
from tests.parts.office import PERSON, Office

POINTER = "registry/models/digits/stages/production.yaml"
BRANCH = "rollback/digits-1-to-production"
BACK = ("rollback", "digits", "--stage", "production", "--reason")


def reason(office: Office) -> str:
    office.desk.git("fetch", "-q", "origin", BRANCH)
    return str(yaml.safe_load(office.desk.git("show", f"FETCH_HEAD:{POINTER}"))["reason"])


def test_the_second_is_told_of_the_first_and_joins(night: Office) -> None:
    first, second = night.desk.signer("promoter"), night.desk.signer("deputy")
    night.patch.setenv("GITHUB_ACTOR", "alice")
    night.desk.ok(*BACK, "it declines Spain", "--signer", first)
    head = night.pull(1)["head_sha"]
    night.patch.setenv("GITHUB_ACTOR", "bob")
    night.server.clear_log()
    said = night.desk.ok(*BACK, "it is slow", "--signer", first)
    assert "@alice has proposed it already: it declines Spain" in said
    assert "approve" not in said, "it is the same key"
    said = night.desk.ok(*BACK, "it is slow", "--signer", second)
    assert "@alice has proposed it already: it declines Spain" in said
    assert "modelbook approve digits@1 --to production   (to sign it as well)" in said
    assert night.visible_writes() == [], "no label, comment, commit or pull request"
    assert (night.pull(1)["head_sha"], reason(night)) == (head, "it declines Spain")
    assert "it declines Spain" in night.pull(1)["issue"]["body"]
    assert night.verify(1)["passed"]


def test_a_hold_is_joined_as_well_and_a_promotion_with_another_reason_is_another(night: Office) -> None:
    signer = night.desk.signer("promoter")
    hold = ("hold", "digits", "--stage", "production", "--signer", signer, "--reason")
    night.desk.ok(*hold, "the audit")
    assert "has proposed it already: the audit" in night.desk.ok(*hold, "the holidays")
    assert len(night.state["pulls"]) == 1


def test_who_proposed_before_the_stage_moved_on_is_not_joined(night: Office) -> None:
    """His verdict is of another state: it is proposed anew, as any promotion is."""
    signer = night.desk.signer("promoter")
    night.desk.ok(*BACK, "it declines Spain", "--signer", signer)
    night.desk.ok("hold", "digits", "--stage", "production", "--reason", "wait", "--signer", signer)
    night.merge(2)
    said = night.desk.ok(*BACK, "it is slow", "--signer", signer)
    assert "has proposed it already" not in said
    assert reason(night) == "it is slow"


def test_two_at_once_end_as_one_proposal_with_one_reason(night: Office) -> None:
    reasons = {"promoter": "it declines Spain", "deputy": "it is slow"}
    there = dict(os.environ)
    signers = {name: night.desk.signer(name) for name in reasons}

    def roll_back(name: str) -> Done:
        env = there | {"GITHUB_ACTOR": name, "MODELBOOK_SIGNER": signers[name]}
        return run_modelbook([*BACK, reasons[name]], cwd=night.desk.root, env=env)

    with ThreadPoolExecutor(2) as both:
        done = dict(zip(reasons, both.map(roll_back, reasons), strict=True))
    assert [one.code for one in done.values()] == [0, 0], done
    (pull,) = night.state["pulls"]
    (winner,) = [name for name, why in reasons.items() if why == reason(night)]
    (loser,) = reasons.keys() - {winner}
    assert reasons[winner] in pull["issue"]["body"]
    assert f"@{winner} has proposed it already: {reasons[winner]}" in done[loser].out
    assert "has proposed it already" not in done[winner].out
    assert night.verify(1)["passed"]
    assert night.ask("GET", "/pulls/1", token=PERSON)[1]["commits"] == 1
