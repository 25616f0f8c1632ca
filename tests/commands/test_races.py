"""Two at once, and the same thing twice: it ends as if one had come after the other, or only once."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from tests.commands.workbench import Workbench
from tests.parts.desks import Desk, made_for_people
from tests.parts.github.client import dispatched
from tests.parts.office import STRANGER, Office, github_environment
from tests.parts.ssh_keys import ssh_key

ROOT = Path(__file__).resolve().parents[2]
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


def again(office: Office) -> list[dict[str, str]]:
    """What the job that brings the registry up to date starts, and afterwards what was started in all with a base."""
    office.bring()
    waiting = office.desk.json("plan")["verify"]
    assert office.desk.json("plan", "--verify")["verify"] == waiting
    return [run["inputs"] for run in dispatched(office.state) if run["inputs"]["base"]]


def put_on_its_base(root: Path, base: str, head: str) -> None:
    """Leave `root` at the merge that verify.yml makes where it is given a base: by the script of its own step."""
    steps = yaml.safe_load((ROOT / ".github/workflows/verify.yml").read_text())["jobs"]["verify"]["steps"]
    (step,) = [step for step in steps if step.get("if") == "inputs.base"]
    there = os.environ | step["env"] | {"BASE": base, "HEAD": head}
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=root, env=there, check=True, capture_output=True)


def on_its_base(office: Office, number: int) -> dict[str, Any]:
    desk, main = office.desk, office.desk.git("branch", "--show-current")
    put_on_its_base(desk.root, f"origin/{main}", office.pull(number)["head_sha"])
    report = desk.json("verify", "--change", "HEAD^1", "--pull-request", str(number))
    desk.git("checkout", "-q", "--force", main)
    return report


def test_where_both_sides_change_a_file_the_change_is_judged_by_its_own(empty_desk: Desk) -> None:
    """As approvals are: a promotion removes those of the one before."""
    desk, root = empty_desk, empty_desk.root

    def commit(keep: dict[str, str], *gone: str) -> str:
        for name, text in keep.items():
            (root / name).write_text(text)
        for name in gone:
            (root / name).unlink()
        desk.git("add", "-A")
        desk.git("commit", "-q", "-m", "Change")
        return desk.git("rev-parse", "HEAD")

    start = commit({"pointer": "1", "*": "1", "both": "1", "mine": "1"})
    head = commit({"pointer": "2", "*": "2"}, "both", "mine")
    desk.git("checkout", "-q", "--detach", start)
    base = commit({"pointer": "3", "*": "3", "mine": "3", "new": "3"}, "both")
    put_on_its_base(root, base, head)
    assert desk.git("show", "-s", "--format=%P").split() == [base, head]
    assert desk.git("ls-tree", "--name-only", "HEAD").split() == ["*", "README.md", "new", "pointer"]
    assert [desk.git("show", f"HEAD:{name}") for name in ("pointer", "*", "new")] == ["2", "2", "3"]


def test_what_conflicts_since_another_was_merged_is_verified_again_by_itself_and_red(office: Office) -> None:
    office.open("verified-again")
    promote(office, 1)
    promote(office, 2)
    assert [office.verify(number)["passed"] for number in (1, 2)] == [True, True]
    assert again(office) == [], "nothing moved"
    office.merge(1)
    office.desk.commit(made_for_people(threshold=1).version("digits", 3))
    office.push()
    told = {"pull-request": "2", "head": office.pull(2)["head_sha"], "base": office.desk.git("rev-parse", "HEAD")}
    assert again(office) == again(office) == [told], "twice is once"
    assert codes(on_its_base(office, 2)) == VERDICT, "of what else the base gained since, nothing is taken back"
    assert office.statuses(2) == ["success", "failure"]


def test_only_what_moved_below_a_promotion_has_it_verified_again(office: Office) -> None:
    office.open("below")
    desk = office.desk
    promote(office, 1)
    promote(office, 1, model="other")
    assert [office.verify(number)["passed"] for number in (1, 2)] == [True, True]
    office.merge(1)
    assert again(office) == [], "another model's stage is no ground"
    (desk.root / "README.md").write_text("hello again\n")
    desk.git("commit", "-q", "-am", "Greet")
    office.push()
    assert again(office) == []
    policy = desk.root / "registry/policy.yaml"
    policy.write_text(policy.read_text().replace(">= 0.90", ">= 0.94"))
    desk.git("commit", "-q", "-am", "Stricter")
    office.push()
    assert [one["pull-request"] for one in again(office)] == ["2"]
    assert codes(on_its_base(office, 2)) == {"stale-policy"}
    assert office.statuses(2) == ["success", "failure"]
    assert office.ask("PATCH", "/pulls/2", {"state": "closed"})[0] == 200
    assert desk.json("plan")["verify"] == [], "what is closed waits for nothing"
    for wrong in (("--forge", "git"), ("--deployments",)):
        assert desk.run("plan", "--verify", *wrong)[0] == 2


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
