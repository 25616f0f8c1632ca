"""The tests' GitHub lives as GitHub does: pull requests, merges, forks, dispatches, deployments, events."""

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from github.GithubException import GithubException
from github.Repository import Repository

from tests.parts.github.client import GitHubServer
from tests.parts.sample import ALICE, BOB, commit_files, git, open_github, open_pull, refused

Json = dict[str, Any]


def test_a_pull_request_lives_from_its_blobs_to_its_merge(shared_github: GitHubServer, repo: Repository) -> None:
    pull = open_pull(repo, "topic", {"new/deep/file.txt": "text\n", "a.txt": "one\n2\nthree\n"})
    assert (pull.number, pull.mergeable, pull.mergeable_state) == (1, True, "clean")
    assert {file.filename: file.status for file in pull.get_files()} == {
        "a.txt": "modified",
        "new/deep/file.txt": "added",
    }
    with pytest.raises(GithubException) as error:
        repo.create_pull(base="main", head="topic", title="again", body="")
    assert refused(error) == (422, "A pull request already exists for acme:topic.")

    comment = pull.create_issue_comment("report 1")
    comment.edit("report 2")
    assert [each.body for each in pull.get_issue_comments()] == ["report 2"]
    pull.add_to_labels("promotion")
    repo.get_commit(pull.head.sha).create_status("success", context="verify", description="all gates pass")
    assert repo.get_commit(pull.head.sha).get_combined_status().state == "success"

    with pytest.raises(GithubException) as error:
        pull.merge(sha="0" * 40)
    assert error.value.status == 409
    done = pull.merge(merge_method="squash", sha=pull.head.sha)
    commit = repo.get_commit(done.sha)
    assert commit.commit.message == "Pull topic (#1)"
    assert commit.raw_data["commit"]["verification"]["verified"] is True
    assert repo.get_contents("new/deep/file.txt").decoded_content == b"text\n"  # type: ignore[union-attr]
    assert repo.get_pull(1).merged
    assert [pull.number for pull in repo.get_commit(done.sha).get_pulls()] == [1]


def test_api_commits_are_real_and_signed_for_an_app_alone(shared_github: GitHubServer, repo: Repository) -> None:
    sha = commit_files(repo, "by-app", {"a.txt": "app\n"})
    assert repo.get_git_commit(sha).raw_data["verification"]["verified"] is True
    person = open_github(shared_github.api_url, ALICE).get_repo(repo.full_name)
    other = commit_files(person, "by-person", {"a.txt": "alice\n"})
    assert person.get_git_commit(other).raw_data["verification"]["verified"] is False
    bare = Path(shared_github.state()["repositories"][repo.full_name]["git"])
    author = subprocess.run(
        ["git", "log", "-1", "--format=%an", other], cwd=bare, check=True, capture_output=True, text=True
    )
    assert author.stdout.strip() == "alice"


def test_a_conflict_is_not_mergeable_and_starts_no_workflow(shared_github: GitHubServer, repo: Repository) -> None:
    person = open_github(shared_github.api_url, ALICE).get_repo(repo.full_name)
    first = open_pull(repo, "left", {"a.txt": "left\n"})
    second = open_pull(repo, "right", {"a.txt": "right\n"})
    assert f"refs/pull/{second.number}/merge" in shared_github.state()["repositories"][repo.full_name]["refs"]
    first.merge()
    second = repo.get_pull(second.number)
    assert (second.mergeable, second.mergeable_state, second.raw_data["merge_commit_sha"]) == (
        False,
        "dirty",
        None,
    )
    person.get_pull(second.number).edit(title="still in conflict")
    event = [e for e in shared_github.events() if e["repository"] == repo.full_name and e["name"] == "pull_request"][-1]
    assert (event["payload"]["action"], event["actor"], event["starts_workflows"]) == ("edited", "alice", False)
    with pytest.raises(GithubException) as error:
        second.merge()
    assert refused(error) == (405, "Pull Request is not mergeable")
    with pytest.raises(GithubException) as error:
        repo.merge("main", "right")
    assert refused(error) == (409, "Merge conflict")


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_each_merge_method_brings_both_sides_together(repo: Repository, method: str) -> None:
    pull = open_pull(repo, "topic", {"b.txt": "b\n"})
    open_pull(repo, "other", {"c.txt": "c\n"}).merge()
    pull.merge(merge_method=method)
    assert {"a.txt", "b.txt", "c.txt"} <= {entry.path for entry in repo.get_git_tree("main").tree}
    parents = len(repo.get_branch("main").commit.parents)
    assert parents == (2 if method == "merge" else 1)


def test_a_moved_base_is_refused_until_github_has_looked(shared_github: GitHubServer, repo: Repository) -> None:
    pull = open_pull(repo, "topic", {"b.txt": "b\n"})
    shared_github.configure(repo.full_name, mergeability_delay=1)
    open_pull(repo, "other", {"c.txt": "c\n"})
    other = repo.get_pull(2)
    assert other.mergeable is None
    assert repo.get_pull(2).mergeable is True
    other.merge()
    with pytest.raises(GithubException) as error:
        pull.merge()
    assert refused(error) == (405, "Base branch was modified. Review and try the merge again.")
    assert pull.merge().merged


def test_required_checks_and_approvals_hold_a_merge(shared_github: GitHubServer, repo: Repository) -> None:
    shared_github.configure(repo.full_name, required_checks=["verify"], required_approvals=1)
    pull = open_pull(repo, "topic", {"b.txt": "b\n"})
    with pytest.raises(GithubException) as error:
        pull.merge()
    assert refused(error) == (405, 'Required status check "verify" is expected.')
    output: Any = {"title": "gates", "summary": "one of two", "annotations": [annotation(line) for line in (1, 2)]}
    run = repo.create_check_run("verify", pull.head.sha, status="in_progress", output=output)
    run.edit(conclusion="success")
    assert [each.start_line for each in run.get_annotations()] == [1, 2]
    with pytest.raises(GithubException) as error:
        pull.merge()
    assert error.value.data["message"].startswith("At least 1 approving review")
    pull.create_review_request(reviewers=["alice"])
    open_github(shared_github.api_url, ALICE).get_repo(repo.full_name).get_pull(1).create_review(event="APPROVE")
    assert pull.merge().merged


def annotation(line: int) -> Json:
    place = {"path": "a.txt", "start_line": line, "end_line": line}
    return {**place, "annotation_level": "failure", "message": "too low"}


def test_a_pull_request_follows_its_branches(shared_github: GitHubServer, repo_name: str, tmp_path: Path) -> None:
    repo = open_github(shared_github.api_url, ALICE).get_repo(repo_name)
    pull = open_pull(repo, "topic", {"b.txt": "b\n"})
    before = pull.merge_commit_sha
    git("clone", "-q", "-b", "topic", shared_github.clone_url(repo_name, BOB), "work", cwd=tmp_path / "work")
    work = tmp_path / "work" / "work"
    git("commit", "-q", "--allow-empty", "-m", "more", cwd=work)
    git("push", "-q", "origin", "topic", cwd=work)
    pull = repo.get_pull(1)
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    assert pull.head.sha == head
    assert pull.merge_commit_sha != before
    assert repo.get_git_ref("pull/1/head").object.sha == head
    assert repo.get_git_ref("pull/1/merge").object.sha == pull.merge_commit_sha
    git("checkout", "-q", "main", cwd=work)
    git("merge", "-q", "--no-ff", "topic", cwd=work)
    git("push", "-q", "origin", "main", cwd=work)
    assert repo.get_pull(1).merged
    seen = [
        e["payload"]["action"]
        for e in shared_github.events()
        if e["repository"] == repo_name and e["name"] == "pull_request"
    ]
    assert seen == ["opened", "synchronize", "closed"]


def test_a_pull_request_from_a_fork_keeps_its_head_apart(shared_github: GitHubServer, repo: Repository) -> None:
    fork_name = repo.full_name.replace("acme", "mallory")
    shared_github.add_repository(fork_name, fork_of=repo.full_name)
    commit_files(open_github(shared_github.api_url, BOB).get_repo(fork_name), "evil", {"b.txt": "b\n"})
    pull = repo.create_pull(base="main", head="mallory:evil", title="from outside", body="")
    assert (pull.head.repo.full_name, pull.mergeable) == (fork_name, True)
    assert [p.number for p in repo.get_pulls(head="mallory:evil")] == [1]
    assert list(repo.get_pulls(head="acme:evil")) == []


def test_dispatch_knows_the_inputs_that_the_workflow_declares(shared_github: GitHubServer, repo: Repository) -> None:
    workflow = repo.get_workflow("train.yml")
    wrong: list[tuple[str, Json, str]] = [
        ("main", {}, "Required input 'model' not provided"),
        ("main", {"model": "m", "x": "y"}, "Unexpected inputs provided: ['x']"),
        ("main", {"model": "m", "device": "tpu"}, "Provided value 'tpu' for input 'device' not in the list"),
        ("nowhere", {"model": "m"}, "No ref found for: nowhere"),
    ]
    for ref, inputs, message in wrong:
        with pytest.raises(GithubException) as error:
            workflow.create_dispatch(ref, inputs, throw=True)
        assert message in refused(error)[1]
    assert workflow.create_dispatch("main", {"model": "digits"})
    event = [e for e in shared_github.events() if e["repository"] == repo.full_name][-1]
    assert event["payload"]["inputs"] == {"model": "digits", "device": "cpu"}
    assert event["starts_workflows"], "a dispatch is what the default token may start workflows with"
    run = next(iter(workflow.get_runs()))
    shared_github.conclude_run(repo.full_name, run.id, "success")
    assert repo.get_workflow_run(run.id).conclusion == "success"


def test_the_default_token_starts_no_workflow_by_a_pull_request(shared_github: GitHubServer, repo: Repository) -> None:
    open_pull(repo, "by-default", {"b.txt": "b\n"})
    open_pull(open_github(shared_github.api_url, ALICE).get_repo(repo.full_name), "by-alice", {"c.txt": "c\n"})
    opened = [e for e in shared_github.events() if e["repository"] == repo.full_name and e["name"] == "pull_request"]
    assert [event["starts_workflows"] for event in opened] == [False, True]
    shared_github.configure(repo.full_name, actions_may_open_pulls=False)
    with pytest.raises(GithubException) as error:
        open_pull(repo, "forbidden", {"d.txt": "d\n"})
    assert refused(error)[0] == 403


def test_releases_and_deployments(repo: Repository) -> None:
    release = repo.create_git_release("v1", "first", "notes", target_commitish="main")
    assert repo.get_release("v1").id == release.id
    assert repo.get_git_ref("tags/v1").object.sha == repo.get_branch("main").commit.sha
    deployment = repo.create_deployment("main", environment="staging", auto_merge=False, required_contexts=[])
    deployment.create_status("in_progress")
    deployment.create_status("success", description="pulled and verified")
    assert [status.state for status in deployment.get_statuses()] == ["success", "in_progress"]
    assert [each.id for each in repo.get_deployments(environment="staging")] == [deployment.id]


def test_the_identity_token_is_a_signed_jwt_of_the_job(shared_github: GitHubServer, repo_name: str) -> None:
    shared_github.set_claims(repository=repo_name, ref="refs/heads/topic", environment="production")
    headers = {"Authorization": f"bearer {shared_github.oidc_request_token}"}
    token = requests.get(f"{shared_github.oidc_url}&audience=sigstore", headers=headers, timeout=5).json()["value"]
    signed, _, signature = token.rpartition(".")
    claims = json.loads(decoded(signed.partition(".")[2]))
    assert (claims["aud"], claims["iss"]) == ("sigstore", f"{shared_github.url}/oidc")
    assert (claims["repository"], claims["environment"]) == (repo_name, "production")
    assert re.fullmatch(rf"repo:acme@\d+/{repo_name.removeprefix('acme/')}@\d+:ref:refs/heads/topic", claims["sub"])

    (key,) = requests.get(f"{shared_github.url}/oidc/.well-known/jwks", timeout=5).json()["keys"]
    numbers = RSAPublicNumbers(int.from_bytes(decoded(key["e"])), int.from_bytes(decoded(key["n"])))
    numbers.public_key().verify(decoded(signature), signed.encode(), PKCS1v15(), SHA256())
    assert requests.get(shared_github.oidc_url, timeout=5).status_code == 401


def decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "==")
