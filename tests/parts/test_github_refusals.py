"""The tests' GitHub says no as GitHub does: refs, tokens, bodies, pages, faults, and git without a right."""

from pathlib import Path

import github
import pytest
import requests
from github.GithubException import GithubException
from github.Repository import Repository

from tests.parts.github.client import GitHubServer, secondary_limit
from tests.parts.sample import ALICE, BOB, BOT, READER, commit_files, git, open_github, open_pull, refused


def test_refs_refuse_as_github_does(repo: Repository) -> None:
    sha = commit_files(repo, "one", {"a.txt": "1\n"})
    main = repo.get_git_ref("heads/main")
    with pytest.raises(GithubException) as error:
        repo.create_git_ref("refs/heads/one", sha)
    assert refused(error) == (422, "Reference already exists")
    with pytest.raises(GithubException) as error:
        repo.get_git_ref("heads/one").edit(main.object.sha)
    assert refused(error) == (422, "Update is not a fast forward")
    with pytest.raises(GithubException) as error:
        repo.create_pull(base="one", head="main", title="nothing", body="")
    assert refused(error) == (422, "No commits between one and main")
    repo.get_git_ref("heads/one").delete()
    with pytest.raises(github.UnknownObjectException):
        repo.get_git_ref("heads/one")
    assert [ref.ref for ref in repo.get_git_matching_refs("heads/")] == ["refs/heads/main"]


def test_lists_have_pages(shared_github: GitHubServer, repo: Repository) -> None:
    small = open_github(shared_github.api_url, per_page=2).get_repo(repo.full_name)
    issue = small.create_issue("long")
    for number in range(7):
        issue.create_comment(f"comment {number}")
    assert [comment.body for comment in issue.get_comments()] == [f"comment {number}" for number in range(7)]
    answer = requests.get(
        f"{issue.url}/comments?per_page=2&page=2", headers={"Authorization": f"Bearer {BOT}"}, timeout=5
    )
    assert set(answer.links) == {"prev", "first", "next", "last"}
    assert answer.links["last"]["url"].endswith("per_page=2&page=4")


def test_tokens_decide_what_is_refused(shared_github: GitHubServer, repo: Repository) -> None:
    reader = open_github(shared_github.api_url, READER).get_repo(repo.full_name)
    with pytest.raises(GithubException) as error:
        reader.create_git_blob("x", "utf-8")
    assert refused(error) == (403, "Resource not accessible by integration")
    with pytest.raises(GithubException) as error:
        reader.create_issue("x")
    assert error.value.status == 403
    with pytest.raises(github.BadCredentialsException):
        open_github(shared_github.api_url, "ghs_nobody").get_repo(repo.full_name)
    with pytest.raises(GithubException) as error:
        open_github(shared_github.api_url, ALICE).get_repo(repo.full_name).create_check_run(
            "x", reader.get_branch("main").commit.sha
        )
    assert refused(error) == (403, "You must authenticate via a GitHub App.")
    with pytest.raises(GithubException) as error:
        _ = open_github(shared_github.api_url).get_user().login
    assert error.value.status == 403
    assert open_github(shared_github.api_url, ALICE).get_user().login == "alice"
    anonymous = requests.get(f"{shared_github.api_url}/repos/{repo.full_name}", timeout=5)
    assert anonymous.status_code == 404


def test_what_the_description_does_not_allow_is_refused(shared_github: GitHubServer, repo: Repository) -> None:
    url, headers = f"{shared_github.api_url}/repos/{repo.full_name}/git/refs", {"Authorization": f"token {BOT}"}
    answer = requests.post(url, json={"ref": "refs/heads/x", "sha": 5}, headers=headers, timeout=5)
    assert answer.status_code == 422
    assert "sha: 5 is not of type 'string'" in answer.json()["message"]
    assert requests.post(url, data="{", headers=headers, timeout=5).status_code == 400
    assert requests.post(url, headers=headers, timeout=5).status_code == 422
    assert requests.get(f"{shared_github.api_url}/nowhere", headers=headers, timeout=5).status_code == 404


def test_faults_meet_the_request_they_name(shared_github: GitHubServer, repo: Repository) -> None:
    pull = open_pull(repo, "topic", {"b.txt": "b\n"})
    comments = f"{repo.full_name}/issues/1/comments"
    shared_github.fail("POST", comments, nth=2, **secondary_limit(retry_after=7))
    pull.create_issue_comment("first")
    with pytest.raises(github.RateLimitExceededException) as limit:
        pull.create_issue_comment("second")
    assert (limit.value.headers or {})["retry-after"] == "7"

    shared_github.fail("POST", comments, status=502, after_effect=True)
    with pytest.raises(GithubException) as error:
        pull.create_issue_comment("third")
    assert error.value.status == 502
    shared_github.fail("POST", comments, drop=True, after_effect=True)
    with pytest.raises(requests.ConnectionError):
        pull.create_issue_comment("fourth")
    shared_github.fail("POST", comments, drop=True)
    with pytest.raises(requests.ConnectionError):
        pull.create_issue_comment("lost")
    assert [comment.body for comment in pull.get_issue_comments()] == ["first", "third", "fourth"]

    shared_github.fail("PUT", rf"{repo.full_name}/pulls/1/merge", status=405)
    with pytest.raises(GithubException) as error:
        pull.merge()
    assert refused(error) == (405, "Base branch was modified. Review and try the merge again.")
    dropped = [entry for entry in shared_github.log() if comments in entry["path"] and entry["status"] == 0]
    assert [entry["fault"]["after_effect"] for entry in dropped] == [True, False]


def test_the_log_says_who_did_what_and_holds_no_secret(shared_github: GitHubServer, repo: Repository) -> None:
    shared_github.clear_log()
    repo.create_issue("remember me")
    assert [(e["method"], e["status"], e["who"], e["body"]) for e in shared_github.log()] == [
        ("POST", 201, "default token", {"title": "remember me"})
    ]
    text = shared_github.log_file.read_text()
    assert not any(token in text for token in (BOT, ALICE, BOB, READER))


def test_git_clones_and_pushes_with_a_token_alone(shared_github: GitHubServer, repo_name: str, tmp_path: Path) -> None:
    assert "could not read Username" in git("clone", shared_github.clone_url(repo_name), "x", cwd=tmp_path).stderr
    assert git("clone", "-q", shared_github.clone_url(repo_name, READER), "reader", cwd=tmp_path).returncode == 0
    git("commit", "-q", "--allow-empty", "-m", "empty", cwd=tmp_path / "reader")
    assert "403" in git("push", "origin", "main", cwd=tmp_path / "reader").stderr

    writer = tmp_path / "writer"
    assert (
        git(
            "clone", "-q", shared_github.clone_url(repo_name, BOB).removesuffix(".git"), "writer", cwd=tmp_path
        ).returncode
        == 0
    )
    (writer / "a.txt").write_text("changed\n")
    (writer / "z.txt").write_text("new\n")
    git("checkout", "-q", "-b", "topic", cwd=writer)
    git("add", "-A", cwd=writer)
    git("commit", "-q", "-m", "by push", cwd=writer)
    assert git("push", "-q", "origin", "topic", cwd=writer).returncode == 0
    event = [e for e in shared_github.events() if e["repository"] == repo_name][-1]
    assert (event["name"], event["actor"], event["ref"]) == ("push", "bob", "refs/heads/topic")
    assert event["payload"]["commits"][0]["added"] == ["z.txt"]
    assert event["payload"]["commits"][0]["modified"] == ["a.txt"]
    refused = git("push", "origin", "HEAD:refs/pull/9/head", cwd=writer)
    assert refused.returncode != 0, "GitHub takes no push to refs/pull"
