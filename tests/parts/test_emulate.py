"""One life of a pull request on both GitHubs of the tests: ours, and one that nobody here wrote."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from github.GithubException import GithubException
from github.Repository import Repository

from tests.parts.emulate import emulated_github
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer
from tests.parts.sample import ALICE, commit_files, open_github, open_pull


@pytest.fixture(params=["ours", "emulate"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Repository]:
    if request.param == "ours":
        with GitHubServer(tmp_path) as server:
            server.add_token(ALICE, "alice")
            server.add_repository("acme/registry", make_worktree(tmp_path / "work", {"README.md": "hello\n"}))
            yield open_github(server.api_url, ALICE, per_page=3).get_repo("acme/registry")
    else:
        with emulated_github() as emulated:
            yield open_github(emulated.url, emulated.token, per_page=3).get_repo(emulated.repository)


def test_a_pull_request_lives_alike_on_both(either: Repository) -> None:
    pull = open_pull(either, "topic", {"deep/new.txt": "text\n"})
    assert (pull.number, pull.state, pull.mergeable) == (1, "open", True)
    assert [each.number for each in either.get_pulls(state="open", head="acme:topic", base="main")] == [1]
    assert [each.number for each in either.get_pulls(head="acme:another")] == []
    with pytest.raises(GithubException) as error:
        either.create_git_ref("refs/heads/topic", pull.head.sha)
    assert (error.value.status, error.value.data["message"]) == (422, "Reference already exists")

    pull.create_issue_comment("report 1").edit("report 2")
    for number in range(6):
        pull.create_issue_comment(f"comment {number}")
    bodies = [comment.body for comment in pull.get_issue_comments()]
    assert (bodies[0], len(bodies)) == ("report 2", 7)
    pull.add_to_labels("promotion")
    assert [label.name for label in pull.get_labels()] == ["promotion"]
    pull.edit(title="a better title")

    commit = either.get_commit(pull.head.sha)
    assert [file.filename for file in commit.files] == ["deep/new.txt"]
    assert either.compare("main", "topic").ahead_by == 1
    assert pull.merge(merge_method="squash", sha=pull.head.sha).merged
    done = either.get_pull(1)
    assert (done.merged, done.state, done.title) == (True, "closed", "a better title")
    contents = either.get_contents("deep/new.txt")
    assert not isinstance(contents, list)
    assert contents.decoded_content == b"text\n"


def test_a_closed_pull_request_is_not_among_the_open(either: Repository) -> None:
    commit_files(either, "other", {"b.txt": "b\n"})
    pull = open_pull(either, "topic", {"a.txt": "a\n"})
    pull.edit(state="closed")
    assert list(either.get_pulls(state="open")) == []
    assert [each.number for each in either.get_pulls(state="closed")] == [pull.number]
