"""The forge on both GitHubs of the tests: ours, and one that nobody here wrote."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbook.adapters.forge import Change
from modelbook.adapters.github_api import GitHubApi, pick
from modelbook.adapters.github_forge import GitHubForge
from modelbook.errors import BadInput, BranchTaken, ForgeError
from tests.parts.emulate import emulated_github
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer

NAME, TOKEN = "acme/registry", "ghp_" + "a" * 36


@pytest.fixture(params=["ours", "emulate"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GitHubApi]:
    if request.param == "ours":
        with GitHubServer(tmp_path) as server:
            server.add_token(TOKEN, "alice")
            server.add_repository(NAME, make_worktree(tmp_path / "work", {"README.md": "hello\n"}))
            yield GitHubApi(NAME, server.api_url, TOKEN, pause=0)
    else:
        with emulated_github() as emulated:
            yield GitHubApi(emulated.repository, emulated.url, emulated.token, pause=0)


def tip(api: GitHubApi) -> str:
    return str(pick(api.get("read main", "/git/ref/heads/main"), "object", "sha"))


def change(api: GitHubApi, branch: str, data: bytes, *, decision: bool = False) -> Change:
    return Change(
        branch=branch,
        base=tip(api),
        title=f"Title of {branch}",
        body="The body.",
        files={f"registry/{branch}.yaml": data},
        decision=decision,
        labels=("modelbook",),
        comment=f"report on {data.decode()}",
    )


def comments(api: GitHubApi, number: int | None) -> list[str]:
    return [each["body"] for each in api.pages("list comments", f"/issues/{number}/comments")]


def test_a_fact_is_proposed_once_and_never_replaced(api: GitHubApi) -> None:
    forge = GitHubForge(api, dispatches=False)
    fact = change(api, "register/digits-1", b"one")
    first, again = forge.submit(fact), forge.submit(fact)
    assert (first.created, again.created) == (True, False)
    assert (first.commit, first.number, first.url) == (again.commit, again.number, again.url)
    assert forge.read(first.commit, "registry/register/digits-1.yaml") == b"one"
    assert forge.read(first.commit, "registry/other.yaml") is None
    assert len(comments(api, first.number)) == 1
    pull = api.get("read it", f"/pulls/{first.number}")
    assert (pull["title"], pull["body"], pull["base"]["ref"]) == (fact.title, fact.body, "main")
    with pytest.raises(BranchTaken):
        forge.submit(change(api, "register/digits-1", b"another"))
    assert forge.proposed("register/") == {"register/digits-1": first.commit}
    assert forge.proposed("evaluate/") == {}


def test_a_decision_moves_in_place(api: GitHubApi) -> None:
    forge = GitHubForge(api, dispatches=False)
    old = forge.submit(change(api, "promote/digits-1", b"one", decision=True))
    new = forge.submit(change(api, "promote/digits-1", b"two", decision=True))
    assert (new.number, new.created) == (old.number, True)
    assert forge.proposed("promote/") == {"promote/digits-1": new.commit}
    assert [text.splitlines()[-1] for text in comments(api, new.number)] == ["report on two"]
    assert len(list(api.pages("list pull requests", "/pulls", state="all"))) == 1


def test_what_is_merged_is_in_force(api: GitHubApi) -> None:
    forge = GitHubForge(api, dispatches=False)
    fact = change(api, "register/digits-1", b"one")
    number = forge.submit(fact).number
    api._call("PUT", "merge", f"/pulls/{number}/merge", body={"merge_method": "squash"})
    assert forge.proposed("register/") == {}
    merged = forge.resume("register/digits-1")
    assert (merged.number, merged.merged) == (number, True)


def test_a_commit_is_added_to_what_is_proposed_and_only_to_that(api: GitHubApi) -> None:
    forge = GitHubForge(api, dispatches=False)
    first = forge.submit(change(api, "promote/digits-1", b"one", decision=True))
    files = {"registry/promote/signed/a.sshsig": b"alice"}
    added = forge.append("promote/digits-1", first.commit, files, "Approve it")
    assert (added.number, added.url, added.created) == (first.number, first.url, True)
    assert forge.proposed("promote/") == {"promote/digits-1": added.commit}
    assert forge.folder(added.commit, "registry/promote/signed") == files
    assert forge.folder(first.commit, "registry/promote/signed") == {}
    assert forge.read(added.commit, "registry/promote/digits-1.yaml") == b"one"
    commit = api.get("read it", f"/git/commits/{added.commit}")
    assert (commit["message"].strip(), [one["sha"] for one in commit["parents"]]) == ("Approve it", [first.commit])
    pull = api.get("read it", f"/pulls/{first.number}")
    assert pull["title"] == "Title of promote/digits-1"
    assert forge.changed(tip(api), added.commit) == frozenset({"registry/promote/digits-1.yaml", *files})
    assert forge.changed(added.commit, tip(api)) == frozenset()
    with pytest.raises(BranchTaken, match="moved meanwhile"):
        forge.append("promote/digits-1", first.commit, {"registry/promote/signed/b.sshsig": b"bob"}, "Approve it")
    assert forge.proposed("promote/") == {"promote/digits-1": added.commit}
    assert forge.branch_of(first.number or 0) == "promote/digits-1"
    api.patch("close", f"/pulls/{first.number}", {"state": "closed"})
    with pytest.raises(ForgeError, match="no pull request of promote/digits-1 is open"):
        forge.append("promote/digits-1", added.commit, files, "Approve it")
    with pytest.raises(BadInput, match="is closed"):
        forge.branch_of(first.number or 0)
