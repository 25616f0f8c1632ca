"""The tests' GitHub merges only what the ruleset lets in: with its code owners' approval, and up to date."""

from typing import Any

import pytest
from github.GithubException import GithubException

from tests.parts.github.client import GitHubServer
from tests.parts.sample import ALICE, BOB, BOT, commit_files, open_github, open_pull, refused

CAROL = "ghp_" + "e" * 36
OWNERS = """\
*.md @alice  # what is said
/registry/ @acme/ml
/registry/models/*/stages/production.* @carol
/registry/notes.txt
"""
REVIEW = {
    "required_approving_review_count": 1,
    "require_code_owner_review": True,
    "dismiss_stale_reviews_on_push": True,
}
UP_TO_DATE = {"strict_required_status_checks_policy": True, "required_status_checks": []}


@pytest.fixture
def rule(shared_github: GitHubServer, repo_name: str) -> Any:
    """Sets the one rule of the repository's main, which has code owners."""
    shared_github.add_token(CAROL, "carol")
    commit_files(open_github(shared_github.api_url).get_repo(repo_name), "owners", {".github/CODEOWNERS": OWNERS})
    repository = open_github(shared_github.api_url).get_repo(repo_name)
    repository.create_pull(base="main", head="owners", title="Owners", body="").merge()

    def set_rule(kind: str, parameters: dict[str, Any]) -> None:
        ruleset = {"name": "x", "enforcement": "active", "rules": [{"type": kind, "parameters": parameters}]}
        shared_github.configure(repo_name, rulesets=[ruleset], teams={"acme/ml": ["bob", "mallory"]})

    return set_rule


def approve(server: GitHubServer, name: str, number: int, token: str) -> None:
    open_github(server.api_url, token).get_repo(name).get_pull(number).create_review(event="APPROVE")


@pytest.mark.parametrize(
    ("path", "not_enough", "awaited", "owner"),
    [
        ("registry/policy.yaml", ALICE, "bob and/or mallory", BOB),
        ("registry/models/digits/stages/production.yaml", BOB, "carol", CAROL),
        ("docs/a.md", BOB, "alice", ALICE),
    ],
    ids=["team", "pointer", "words"],
)
def test_a_file_with_owners_takes_one_of_them(
    shared_github: GitHubServer, repo_name: str, rule: Any, path: str, not_enough: str, awaited: str, owner: str
) -> None:
    rule("pull_request", REVIEW)
    pull = open_pull(open_github(shared_github.api_url).get_repo(repo_name), "one", {path: "x\n", "a.txt": "x\n"})
    approve(shared_github, repo_name, pull.number, not_enough)
    with pytest.raises(GithubException) as error:
        pull.merge()
    assert refused(error) == (405, f"Waiting on code owner review from {awaited}.")
    pull.update()
    assert pull.mergeable_state == "blocked"
    approve(shared_github, repo_name, pull.number, owner)
    assert pull.merge().merged


def test_a_file_without_an_owner_takes_anybody_and_no_approval_outlives_a_push(
    shared_github: GitHubServer, repo_name: str, rule: Any
) -> None:
    rule("pull_request", REVIEW)
    repository = open_github(shared_github.api_url).get_repo(repo_name)
    pull = open_pull(repository, "one", {"registry/notes.txt": "x\n"})
    approve(shared_github, repo_name, pull.number, BOB)
    commit_files(repository, "more", {"registry/notes.txt": "y\n"}, parent="one")
    repository.get_git_ref("heads/one").edit(repository.get_git_ref("heads/more").object.sha)
    with pytest.raises(GithubException) as error:
        pull.merge()
    assert refused(error)[1].startswith("At least 1 approving review")
    approve(shared_github, repo_name, pull.number, BOB)
    assert pull.merge().merged


def test_what_lags_behind_is_brought_up_to_date_first(shared_github: GitHubServer, repo_name: str, rule: Any) -> None:
    rule("required_status_checks", UP_TO_DATE)
    repository = open_github(shared_github.api_url, BOT).get_repo(repo_name)
    first, second = (open_pull(repository, name, {f"{name}.txt": "x\n"}) for name in ("one", "two"))
    assert first.merge().merged
    with pytest.raises(GithubException) as error:
        second.merge()
    assert (error.value.status, "out of date" in refused(error)[1]) == (405, True)
    second.update()
    assert (second.mergeable, second.mergeable_state) == (True, "behind")
    repository.merge("two", "main")
    assert second.merge().merged
