"""An automatic stage: GitHub merges its promotion once it is green, and nothing that could be merged red."""

from dataclasses import replace
from typing import Any

import pytest

from modelbook.adapters.forge import Change
from modelbook.errors import BranchTaken, ForgeError
from tests.adapters.github.place import PERSON, Place, decision

GREEN = {"allow_auto_merge": True, "required_checks": ["modelbook"]}
ASKED = "POST /api/graphql"


def automatic(place: Place) -> Change:
    return replace(decision(place), auto=True)


def asked(place: Place) -> int:
    """How often auto-merge was asked for."""
    return sum(f"{entry['method']} {entry['path']}" == ASKED for entry in place.server.log())


@pytest.fixture(autouse=True)
def _new_log(place: Place) -> None:
    place.server.clear_log()


def test_it_is_merged_when_its_verification_is_green_and_not_before(place: Place) -> None:
    place.server.configure(place.name, **GREEN)
    forge = place.forge()
    made = forge.submit(automatic(place))
    assert (made.merged, made.next_steps, asked(place)) == (False, (), 1)
    again = forge.resume(made.branch, auto=True)
    assert (again.next_steps, asked(place)) == ((), 1), "it is asked for once"
    forge.set_status(made.commit, "success", "well", "other")
    forge.set_status(made.commit, "failure", "a gate refuses it", "modelbook")
    assert place.state["pulls"][0]["issue"]["state"] == "open"
    forge.set_status(made.commit, "success", "all gates pass", "modelbook")
    (pull,) = place.state["pulls"]
    assert (pull["merged_by"], pull["issue"]["state"]) == ("github-actions[bot]", "closed")
    assert forge.submit(automatic(place)).merged


def test_what_is_pushed_later_has_to_be_green_itself(place: Place) -> None:
    place.server.configure(place.name, **GREEN)
    forge = place.forge()
    made = forge.submit(automatic(place))
    added = forge.append(made.branch, made.commit, {"registry/a.sshsig": b"alice"}, "Approve it")
    forge.set_status(made.commit, "success", "all gates pass", "modelbook")
    assert place.state["pulls"][0]["merged_by"] is None
    forge.set_status(added.commit, "success", "all gates pass", "modelbook")
    assert place.state["pulls"][0]["merged_by"]


def test_what_moved_since_somebody_looked_is_not_taken_up(place: Place) -> None:
    place.server.configure(place.name, **GREEN)
    forge = place.forge()
    made = forge.submit(decision(place))
    added = forge.append(made.branch, made.commit, {"README.md": b"of somebody else"}, "More")
    place.server.clear_log()
    with pytest.raises(BranchTaken, match="moved meanwhile"):
        forge.resume(made.branch, auto=True, commit=made.commit)
    assert {method for method, _ in place.requests()} == {"GET"}
    assert asked(place) == 0
    forge.resume(made.branch, auto=True, commit=added.commit)
    assert asked(place) == 1


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        ({"allow_auto_merge": True}, "main does not require the commit status `modelbook`"),
        (GREEN | {"required_checks": ["modelbook-too"]}, "main does not require the commit status `modelbook`"),
        (GREEN | {"required_checks": [], "required_approvals": 1}, "main does not require"),
        (GREEN | {"allow_auto_merge": False}, "Auto merge is not allowed for this repository. Allow auto-merge in the"),
    ],
)
def test_where_github_will_not_or_would_merge_a_red_one_a_person_is_told(
    place: Place, settings: dict[str, Any], left: str
) -> None:
    place.server.configure(place.name, **settings)
    forge = place.forge()
    (step,) = forge.submit(automatic(place)).next_steps
    assert step.startswith("Merge it yourself once it is green: ")
    assert left in step
    (pull,) = place.state["pulls"]
    assert (pull["auto_merge"], pull["issue"]["state"]) == (None, "open")
    place.assert_one_of_each(automatic(place), forge)


def test_a_ruleset_counts_and_so_does_how_the_repository_merges(place: Place) -> None:
    checks = {"strict_required_status_checks_policy": True, "required_status_checks": [{"context": "modelbook"}]}
    ruleset = {
        "name": "main",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [{"type": "required_status_checks", "parameters": checks}],
    }
    settings = {"allow_auto_merge": True, "merge_methods": ["squash", "rebase"]}
    place.server.configure(place.name, rulesets=[ruleset], **settings)
    forge = place.forge()
    made = forge.submit(automatic(place))
    assert made.next_steps == ()
    forge.set_status(made.commit, "success", "all gates pass", "modelbook")
    assert place.git("rev-list", "--parents", "-1", "main").split()[1:] == [place.base]


def test_only_a_change_that_asks_for_it_is_merged_by_itself(place: Place) -> None:
    place.server.configure(place.name, **GREEN)
    place.forge().submit(decision(place))
    assert (asked(place), place.state["pulls"][0]["auto_merge"]) == (0, None)


def test_a_conflict_is_told_whoever_starts_the_verification(place: Place) -> None:
    place.server.configure(place.name, **GREEN)
    api = place.api(PERSON)
    body = {
        "message": "newer",
        "content": "bmV3ZXIK",
        "branch": "main",
        "sha": place.git("rev-parse", "main:registry/old.yaml"),
    }
    api._call("PUT", "write a file", "/contents/registry/old.yaml", body=body)
    (step,) = place.forge(dispatches=False).submit(automatic(place)).next_steps
    assert "conflicts with main, so nothing verifies it" in step
    assert asked(place) == 0


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("how", [{"status": 502}, {"drop": True}, {"status": 200, "body": "<html>"}])
def test_asking_that_is_not_answered_is_looked_for_before_it_is_repeated(
    place: Place, how: dict[str, Any], after: bool
) -> None:
    place.server.configure(place.name, **GREEN)
    place.server.fail("POST", "/api/graphql", after_effect=after, **how)
    assert place.forge().submit(automatic(place)).next_steps == ()
    assert place.state["pulls"][0]["auto_merge"]
    assert asked(place) == 1 + (not after)


def test_killed_in_between_it_is_asked_for_by_running_it_again(place: Place) -> None:
    place.server.configure(place.name, **GREEN)
    forge = place.forge()
    place.server.fail("POST", "/api/graphql", times=1000, status=401)
    step = forge.submit(automatic(place)).next_steps
    assert step, "a refusal is told"
    place.server.clear_faults()
    place.server.fail("POST", "/api/graphql", times=1000)
    with pytest.raises(ForgeError, match="did not say whether it would merge it by itself"):
        forge.submit(automatic(place))
    place.server.clear_faults()
    assert forge.resume("promote/digits-1-to-staging", auto=True).next_steps == ()
    assert place.state["pulls"][0]["auto_merge"]
    place.assert_one_of_each(automatic(place), forge)
