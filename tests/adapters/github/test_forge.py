"""What is proposed on GitHub: a signed commit on a branch, one pull request, one comment, one verification."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from modelbook.adapters.forge import Change
from modelbook.errors import BadInput, BranchTaken, ForgeError
from tests.adapters.github.place import CARD, CHANGES, PERSON, STRANGER, Place, decision, fact
from tests.parts.github.client import dispatched


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_becomes_a_signed_commit_and_a_pull_request(place: Place, kind: str) -> None:
    change, forge = CHANGES[kind](place), place.forge()
    made = forge.submit(change)
    assert (made.branch, made.number, made.created, made.merged) == (change.branch, 1, True, False)
    assert made.url == f"{place.server.url}/{place.name}/pull/1"
    assert place.state["signed_commits"] == [made.commit]
    assert place.git("rev-parse", f"{made.commit}^") == place.base
    assert place.git("log", "-1", "--format=%B", made.commit) == f"{change.title}\n\n{change.body}"
    place.assert_one_of_each(change, forge)

    again = forge.submit(change)
    assert (again.commit, again.number, again.created) == (made.commit, 1, False)
    place.assert_one_of_each(change, forge)
    assert forge.resume(change.branch).number == 1
    place.assert_one_of_each(change, forge)
    assert place.slept == []


def test_a_fact_is_never_replaced(place: Place) -> None:
    first = place.forge().submit(fact(place))
    with pytest.raises(BranchTaken, match="register/digits-1 holds something else"):
        place.forge().submit(fact(place, b"card: another\n"))
    assert place.git("rev-parse", "register/digits-1") == first.commit


def test_a_decision_is_brought_up_to_date_in_place(place: Place) -> None:
    old = place.forge().submit(decision(place))
    newer = replace(decision(place, b"version: 1\nserial: 2\n"), body="| another gate |")
    new = place.forge().submit(newer)
    assert (new.number, new.created) == (1, True)
    assert new.commit != old.commit
    state = place.state
    assert state["pulls"][0]["issue"]["body"] == "| another gate |"
    assert (len(state["pulls"]), len(state["comments"]), len(dispatched(state))) == (1, 1, 2)
    assert state["pulls"][0]["head_sha"] == new.commit


def test_what_was_merged_or_closed_is_not_proposed_again(place: Place) -> None:
    forge, person = place.forge(), place.api(PERSON)
    made = forge.submit(fact(place))
    assert forge.proposed("register/") == {"register/digits-1": made.commit}
    person.patch("close", "/pulls/1", {"state": "closed"})
    closed = forge.submit(fact(place))
    assert (closed.number, closed.merged) == (1, False)
    assert "closed without being merged" in closed.next_steps[0]
    assert forge.proposed("register/") == {"register/digits-1": made.commit}, "its number stays taken"

    person.patch("reopen", "/pulls/1", {"state": "open"})
    person._call("PUT", "merge", "/pulls/1/merge", body={"merge_method": "squash"})
    merged = forge.submit(fact(place))
    assert (merged.number, merged.merged, merged.created) == (1, True, False)
    assert forge.proposed("register/") == {}
    assert len(place.state["pulls"]) == 1


def test_what_somebody_proposed_since_one_looked_is_not_replaced(place: Place) -> None:
    forge, other = place.forge(), decision(place, b"version: 1\nreason: mine\n")
    looked = replace(decision(place), found=None)
    theirs = forge.submit(other)
    with pytest.raises(BranchTaken, match="moved meanwhile"):
        forge.submit(looked)
    assert place.git("rev-parse", other.branch) == theirs.commit
    assert forge.submit(replace(looked, found=theirs.commit)).commit != theirs.commit, "whoever saw it may replace it"
    place.api(PERSON)._call("PUT", "merge", "/pulls/1/merge", body={"merge_method": "merge"})
    again = replace(looked, base=place.git("rev-parse", "main"), files={"registry/new.yaml": b"new\n"})
    assert forge.submit(again).number == 2, "what was merged is nobody's any more"


def test_a_resumed_proposal_has_the_words_of_its_commit(place: Place) -> None:
    change, forge = fact(place), place.forge()
    place.fail("POST", "/pulls", times=1000, status=401)
    with pytest.raises(ForgeError):
        forge.submit(change)
    place.server.clear_faults()
    resumed = forge.resume(change.branch)
    assert (resumed.number, resumed.created) == (1, False)
    (pull,) = place.state["pulls"]
    assert (pull["issue"]["title"], pull["issue"]["body"]) == (change.title, change.body)
    with pytest.raises(ForgeError, match="no branch register/digits-7"):
        forge.resume("register/digits-7")


def test_history_may_keep_less_than_the_pull_request_says(place: Place) -> None:
    change, forge = replace(decision(place), body="a long story", message="in short"), place.forge()
    place.fail("POST", "/pulls", times=1000, status=401)
    with pytest.raises(ForgeError):
        forge.submit(change)
    place.server.clear_faults()
    resumed = forge.resume(change.branch, body=change.body)
    assert place.git("log", "-1", "--format=%B", resumed.commit) == f"{change.title}\n\nin short"
    assert place.state["pulls"][0]["issue"]["body"] == "a long story"


def test_files_are_read_as_they_are(place: Place) -> None:
    large = bytes(range(256)) * 5000  # more than the contents API hands out
    made = place.forge().submit(fact(place, large))
    forge = place.forge()
    assert forge.read(made.commit, CARD) == large
    assert forge.read(made.commit, "README.md") == b"hello\n"
    assert forge.read(made.commit, "registry") is None
    assert forge.read(made.commit, "registry/missing.yaml") is None


def test_a_list_is_read_to_its_last_page(place: Place) -> None:
    forge, api = place.forge(dispatches=False), place.api()
    forge.submit(fact(place))
    for number in range(101):
        api.post("comment", "/issues/1/comments", {"body": f"<!-- modelbook:{number} -->"}, find=lambda: None)
    forge.upsert_comment(1, "<!-- modelbook:100 -->", "new text")
    bodies = [comment["body"] for comment in place.state["comments"]]
    assert len(bodies) == 101
    assert bodies[-1] == "<!-- modelbook:100 -->\nnew text"


def test_a_strangers_comment_is_not_ours(place: Place) -> None:
    forge = place.forge()
    made = forge.submit(fact(place))
    assert made.number
    place.server.configure(place.name, strangers=["mallory"])
    stranger = place.api(STRANGER)
    stranger.post(
        "comment", "/issues/1/comments", {"body": "<!-- modelbook:verify -->\nall is well"}, find=lambda: None
    )
    forge.upsert_comment(made.number, "<!-- modelbook:verify -->", "refused")
    assert [comment["body"].splitlines()[-1] for comment in place.state["comments"]] == ["all is well", "refused"]


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_status_is_set_once(place: Place, after_effect: bool) -> None:
    forge = place.forge()
    place.fail("POST", "/statuses/", after_effect=after_effect)
    forge.set_status(place.base, "failure", "2 gates refuse it", "modelbook", "https://example.org/run")
    forge.set_status(place.base, "success", "all gates pass", "modelbook")
    statuses = [(one["state"], one["description"], one["target_url"]) for one in place.state["statuses"]]
    assert statuses == [
        ("failure", "2 gates refuse it", "https://example.org/run"),
        ("success", "all gates pass", None),
    ]


def test_a_conflict_is_not_verified(place: Place, tmp_path: Path) -> None:
    place.server.configure(place.name, mergeability_delay=2)
    change, forge = decision(place), place.forge()
    work = tmp_path / "other"
    subprocess.run(["git", "clone", "-q", str(place.bare), str(work)], check=True)
    (work / "registry/old.yaml").write_text("newer\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, "commit", "-qam", "newer"], cwd=work, check=True)
    subprocess.run(["git", "push", "-q", "origin", "main"], cwd=work, check=True)
    made = forge.submit(change)
    assert "conflicts with main" in made.next_steps[0]
    assert dispatched(place.state) == []


def test_a_base_that_was_not_pushed_is_named(place: Place) -> None:
    missing = Change("register/x-1", "1" * 40, "t", "b", {"a": b"a"})
    with pytest.raises(BadInput, match="is not on GitHub") as error:
        place.forge().submit(missing)
    assert "git push" in str(error.value)


def test_without_a_workflow_to_verify_it_the_error_says_so(place: Place) -> None:
    forge = place.forge()
    with pytest.raises(ForgeError, match=r"no workflow missing\.yml") as error:
        forge.dispatch("missing.yml", "main", {}, title="x")
    assert "MODELBOOK_TOKEN" in str(error.value)


def test_a_token_of_an_app_starts_the_checks_by_itself(place: Place) -> None:
    place.forge(dispatches=False).submit(fact(place))
    assert dispatched(place.state) == []
