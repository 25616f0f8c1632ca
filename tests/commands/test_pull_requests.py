"""What promote makes of a pull request that was closed, of a branch that is gone, of a conflict, of rate limits."""

from typing import Any

import pytest

from tests.made import POLICY
from tests.parts.desks import made_for_people
from tests.parts.github.client import dispatched, secondary_limit
from tests.parts.office import BOT, PERSON, Office

GREEN = {"allow_auto_merge": True, "required_checks": ["modelbook"]}
BRANCH = "promote/digits-1-to-staging"


def run(office: Office, version: int = 1, *more: str, stage: str = "staging") -> tuple[int, str]:
    signer = office.desk.signer("promoter")
    code, text = office.desk.run("promote", f"digits@{version}", "--to", stage, "--signer", signer, *more)
    return code, " ".join(text.split())


def promote(office: Office, version: int = 1) -> str:
    code, text = run(office, version)
    assert code == 0, text
    return text


def close(office: Office, number: int) -> None:
    assert office.ask("PATCH", f"/pulls/{number}", {"state": "closed"})[0] == 200


def test_what_people_closed_is_not_proposed_again_until_the_verdict_is_another(office: Office) -> None:
    office.open("closed")
    promote(office)
    close(office, 1)
    said = promote(office)
    assert "It was closed without being merged" in said
    assert f"{office.server.url}/{office.name}/pull/1" in said
    assert [pull["issue"]["state"] for pull in office.state["pulls"]] == ["closed"]

    office.ask("PATCH", "/pulls/1", {"state": "open"})
    assert "It was closed" not in promote(office)
    close(office, 1)
    office.desk.commit(made_for_people(threshold=1).evaluation("digits", 1, {"recall": 0.99}, suite="second"))
    office.push()
    promote(office)
    assert [pull["issue"]["state"] for pull in office.state["pulls"]] == ["closed", "open"]
    assert office.verify(2)["passed"]


def test_what_was_closed_and_its_branch_deleted_is_proposed_anew(office: Office) -> None:
    office.open("deleted")
    promote(office)
    assert office.ask("DELETE", f"/git/refs/heads/{BRANCH}")[0] == 204
    assert [pull["issue"]["state"] for pull in office.state["pulls"]] == ["closed"]
    promote(office)
    assert [pull["issue"]["state"] for pull in office.state["pulls"]] == ["closed", "open"]
    assert len(office.state["comments"]) == 2, "one on each"


def test_a_conflict_is_told_and_promoting_from_the_present_base_ends_it(office: Office) -> None:
    office.open("conflict")
    behind = office.desk.git("rev-parse", "HEAD")
    promote(office, 1)
    assert office.verify(1)["passed"]
    office.merge(1)
    present = office.desk.git("rev-parse", "HEAD")
    office.desk.git("reset", "-q", "--hard", behind)
    for token in ("", PERSON):  # of a job, and of an App, whose pull requests start their checks by themselves
        office.patch.setenv("MODELBOOK_TOKEN", token)
        assert "It conflicts with main, so nothing verifies it" in promote(office, 2)
    assert len(dispatched(office.state)) == 1, "there is no trial merge that could be verified"
    office.desk.git("reset", "-q", "--hard", present)
    assert "conflicts" not in promote(office, 2)
    assert office.pull(2)["mergeable"]
    assert office.verify(2)["passed"]


def test_a_base_that_moves_while_it_is_merged_is_merged_the_next_time(office: Office) -> None:
    office.open("base-moves")
    promote(office)
    office.verify(1)
    office.fail("PUT", "/pulls/1/merge", status=405)
    status, said = office.ask("PUT", "/pulls/1/merge", {})
    assert (status, "Base branch was modified" in said["message"]) == (405, True)
    assert "digits@1 into staging" in promote(office), "nothing is lost by running it again"
    office.merge(1)


@pytest.mark.parametrize("limit", [secondary_limit(403, 0), secondary_limit(429, 0)])
def test_a_rate_limit_is_waited_for_at_every_call(office: Office, limit: dict[str, Any]) -> None:
    office.open(f"limited-{limit['status']}")
    office.fail("*", "", nth=2, times=1, **limit)
    office.fail("POST", "/pulls$", **limit)
    office.fail("POST", "/comments$", **limit)
    promote(office)
    assert (len(office.state["pulls"]), len(office.state["comments"]), len(dispatched(office.state))) == (1, 1, 1)


def test_a_limit_beyond_the_ceiling_ends_it_and_it_goes_on_later(office: Office) -> None:
    office.open("limited-long")
    office.fail("POST", "/pulls$", times=9, **secondary_limit(429, 3600))
    code, text = run(office)
    assert (code, "Run it again in 60 min" in text) == (3, True), text
    office.server.clear_faults()
    promote(office)
    assert (len(office.state["pulls"]), len(office.state["comments"])) == (1, 1)


def test_a_version_for_an_automatic_stage_is_merged_by_github_once_it_is_green(office: Office) -> None:
    office.open("automatic", **GREEN)
    assert "Merge it yourself" not in promote(office)
    assert office.pull(1)["merged_by"] is None
    office.verify(1)
    assert office.pull(1)["merged_by"] == "github-actions[bot]"
    office.bring()
    assert "nothing to do" in promote(office)


def test_what_a_person_decides_is_not_merged_by_itself(office: Office) -> None:
    office.desk.commit(made_for_people(threshold=1).put("policy.yaml", POLICY.replace("  auto: true\n", "")))
    office.open("by-hand", **GREEN)
    promote(office)
    office.verify(1)
    assert (office.pull(1)["auto_merge"], office.pull(1)["issue"]["state"]) == (None, "open")


def test_what_a_gate_refuses_is_never_merged_by_itself(office: Office) -> None:
    office.desk.commit(made_for_people(threshold=1).version("digits", 3, {"accuracy": 0.5, "latency_ms": 1.0}))
    office.open("refused", **GREEN)
    code, text = run(office, 3, "--open-refused")
    assert code == 1, text
    assert office.pull(1)["auto_merge"] is None


@pytest.mark.parametrize("name", ["Acme-Corp/My.Registry_2", "acme/registry.v1-", "a/-.-"])
def test_a_repository_may_have_any_name_that_github_allows(office: Office, name: str) -> None:
    office.open(name)
    promote(office)
    assert office.verify(1)["passed"]
    office.merge(1)


def test_the_default_branch_may_have_any_name(office: Office) -> None:
    office.desk.git("branch", "-m", "master")
    office.open("old-default", default_branch="master")
    promote(office)
    assert office.pull(1)["base_ref"] == "master"
    assert [run["ref"] for run in dispatched(office.state)] == ["refs/heads/master"]
    assert office.verify(1)["passed"]
    office.merge(1)
    assert "nothing to do" in promote(office)


def test_a_repository_with_more_than_a_page_of_everything(office: Office) -> None:
    office.open("pages", most_per_page=2)
    base = office.desk.git("rev-parse", "HEAD")
    made = office.desk.git("commit-tree", f"{base}^{{tree}}", "-p", base, "-m", "other")
    for number in range(12):
        office.desk.git("push", "-q", "origin", f"{made}:refs/heads/{BRANCH}-{number}")
        if number % 4 == 0:
            assert office.ask("POST", "/pulls", {"title": "t", "head": f"{BRANCH}-{number}", "base": "main"})[0] == 201
    office.server.clear_log()
    promote(office)
    assert sum("/pulls?" in call for call in office.calls()) < 6, "not one call for each branch"
    number = office.state["pulls"][-1]["issue"]["number"]
    for comment in range(3):
        office.ask("POST", f"/issues/{number}/comments", {"body": f"comment {comment}"}, token=BOT)
    office.verify(number)
    promote(office)
    state = office.state
    assert [pull["head_ref"] for pull in state["pulls"]].count(BRANCH) == 1
    assert sum("modelbook:verify" in comment["body"] for comment in state["comments"]) == 1
