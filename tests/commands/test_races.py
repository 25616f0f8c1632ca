"""Two at once, and the same thing twice: it ends as if one had come after the other, or only once."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.commands.workbench import Workbench
from tests.parts.desks import made_for_people
from tests.parts.office import STRANGER, Office, github_environment
from tests.parts.ssh_keys import ssh_key

ALICE = str(ssh_key("alice").file)
VERDICT = {"stale-serial", "stale-baseline"}


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


def test_a_merge_queue_judges_against_what_it_will_be_merged_into(office: Office) -> None:
    """Green on its own, red behind a change of the policy that the queue merges first."""
    desk = office.desk
    office.open("queue")
    promote(office, 1)
    assert office.verify(1)["passed"]
    policy = desk.root / "registry/policy.yaml"
    policy.write_text(policy.read_text().replace(">= 0.90", ">= 0.94"))
    desk.git("commit", "-q", "-am", "Stricter")
    base = desk.git("rev-parse", "HEAD")
    desk.git("merge", "-q", "--no-ff", "-m", "Queue", "refs/pull/1/head")
    desk.git("push", "-q", "origin", "HEAD:refs/heads/gh-readonly-queue/main/pr-1")
    report = desk.json("verify", "--change", base, "--status")
    assert (report["passed"], codes(report)) == (False, {"stale-policy"})
    head = desk.git("rev-parse", "HEAD")
    assert [one["state"] for one in office.state["statuses"] if one["sha"] == head] == ["failure"]


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
