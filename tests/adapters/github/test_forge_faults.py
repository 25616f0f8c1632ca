"""Whatever fails in between, and whoever else is at work: one branch, one pull request, one comment and one run."""

from typing import Any

import pytest

from modelbook.errors import BranchTaken, ForgeError
from tests.adapters.github.place import CHANGES, Json, Place, decision, fact
from tests.parts.github.client import dispatched


def steps_of(kind: str) -> list[int]:
    return list(range(1, {"fact": 15, "decision": 16}[kind] + 1))


@pytest.mark.parametrize(("kind", "step"), [(kind, step) for kind in CHANGES for step in steps_of(kind)])
def test_killed_after_any_call_it_is_completed_by_running_it_again(place: Place, kind: str, step: int) -> None:
    change, forge = CHANGES[kind](place), place.forge()
    place.fail("*", "", nth=step, times=1000, status=401)
    with pytest.raises(ForgeError, match="GitHub would not"):
        forge.submit(change)
    assert len(place.requests()) == step
    place.server.clear_faults()
    forge.submit(change)
    place.assert_one_of_each(change, forge)


@pytest.mark.parametrize("kind", CHANGES)
def test_the_steps_above_are_all_there_are(place: Place, kind: str) -> None:
    place.forge().submit(CHANGES[kind](place))
    assert len(place.requests()) == len(steps_of(kind))


WRITES = ("/git/blobs", "/git/trees", "/git/commits", "/git/refs", "/pulls", "/labels", "/comments", "/dispatches")


@pytest.mark.parametrize("fault", ["refused", "dropped after", "a proxy's page"])
@pytest.mark.parametrize("path", WRITES)
def test_a_write_that_is_not_answered_is_looked_for_before_it_is_repeated(place: Place, path: str, fault: str) -> None:
    change, forge = decision(place), place.forge()
    place.fail(
        "POST",
        f"/.*{path}$|{path}$",
        status=201 if "page" in fault else 502,
        body="<html>" if "page" in fault else None,
        drop="dropped" in fault,
        after_effect="after" in fault or "page" in fault,
    )
    forge.submit(change)
    place.assert_one_of_each(change, forge)
    assert len(place.slept) == 1
    objects = path in WRITES[:3] or path == "/labels"  # made again: nobody can see a second one
    repeated = objects or not ("after" in fault or "page" in fault)
    posted = [where for method, where in place.requests() if method == "POST" and where.endswith(path)]
    assert len(posted) == 1 + repeated


@pytest.mark.parametrize("step", range(1, 12))
def test_an_added_commit_is_there_once_wherever_it_was_killed(place: Place, step: int) -> None:
    change, forge = decision(place), place.forge()
    first = forge.submit(change)
    place.fail("*", "", nth=step, times=1000, status=401)
    with pytest.raises(ForgeError, match="GitHub would not"):
        forge.append(change.branch, first.commit, {"registry/a.sshsig": b"alice"}, "Approve it")
    place.server.clear_faults()
    if forge.proposed(change.branch)[change.branch] == first.commit:
        forge.append(change.branch, first.commit, {"registry/a.sshsig": b"alice"}, "Approve it")
    else:  # as one who finds that he has signed already
        forge.resume(change.branch)
    assert place.git("rev-list", "--count", f"main..{change.branch}") == "2"
    (pull,) = place.state["pulls"]
    assert (pull["issue"]["title"], pull["head_sha"]) == (change.title, place.git("rev-parse", change.branch))
    verified = [run["inputs"]["head"] for run in dispatched(place.state)]
    assert verified == [first.commit, pull["head_sha"]]


@pytest.mark.parametrize("after", [False, True])
def test_a_move_of_the_branch_that_is_not_answered_is_repeated(place: Place, after: bool) -> None:
    change, forge = decision(place), place.forge()
    first = forge.submit(change)
    place.fail("PATCH", "/git/refs/.*", status=502, after_effect=after)
    added = forge.append(change.branch, first.commit, {"registry/a.sshsig": b"alice"}, "Approve it")
    assert place.git("rev-parse", change.branch) == added.commit


def test_a_read_that_is_not_answered_is_repeated(place: Place) -> None:
    change, forge = fact(place), place.forge()
    place.fail("GET", "/pulls", times=2)
    place.fail("GET", "$", drop=True)
    forge.submit(change)
    place.assert_one_of_each(change, forge)


def test_of_two_who_reserve_one_branch_one_wins(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = place.forge(), place.forge()
    write = slow._objects.write_commit

    def overtaken(tree: str, parent: str, message: str) -> str:
        quick.submit(fact(place))
        return write(tree, parent, message)

    monkeypatch.setattr(slow._objects, "write_commit", overtaken)
    with pytest.raises(BranchTaken):
        slow.submit(fact(place, b"card: another\n"))
    place.assert_one_of_each(fact(place), quick)


def test_of_two_who_open_one_pull_request_both_have_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = place.forge(), place.forge()
    post = slow._api.post

    def overtaken(what: str, path: str, body: Json, *, find: Any) -> Any:
        if path == "/pulls":
            quick.resume("register/digits-1")
        return post(what, path, body, find=find)

    monkeypatch.setattr(slow._api, "post", overtaken)
    assert slow.submit(fact(place)).number == 1
    place.assert_one_of_each(fact(place), slow)
