"""The tests' GitHub starts workflows as GitHub does: by triggers and filters, and by whose token it was."""

from typing import Any

import pytest
from github import Auth, Github
from github.GithubException import GithubException

from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer
from tests.parts.github.starting import matches
from tests.parts.sample import ALICE, BOT, UNHURRIED, commit_files, open_github, refused

APP = "ghs_" + "p" * 36
JOBS = "jobs: {one: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}}\n"
WORKFLOWS = {
    ".github/workflows/verify.yml": "on: {pull_request: {types: [opened, synchronize, edited]}}\n" + JOBS,
    ".github/workflows/promote.yml": "on: {push: {branches: [main], paths: ['registry/**']}}\n" + JOBS,
    ".github/workflows/deploy.yml": "on: {push: {branches: [main], paths: ['registry/*/stages/**']}}\n" + JOBS,
    ".github/workflows/lint.yml": "on: [push, pull_request]\n" + JOBS,
    "registry/policy.yaml": "a: 1\n",
}
GREEN = {"name": "modelbook", "enforcement": "active", "target": "branch"}


class Hub:
    """One repository on a GitHub, and what was started in it since it was last looked at."""

    def __init__(self, server: GitHubServer, name: str) -> None:
        self.server, self.name = server, name
        self._seen = 0

    def by(self, token: str) -> Any:
        return Github(base_url=self.server.api_url, auth=Auth.Token(token), retry=None, **UNHURRIED).get_repo(self.name)

    def started(self) -> set[tuple[str, str, str | None]]:
        """(workflow, event, conclusion) of each new run."""
        runs = self.server.state()["repositories"][self.name]["runs"]
        new, self._seen = runs[self._seen :], len(runs)
        return {(run["path"].rpartition("/")[2], run["event"], run["conclusion"]) for run in new}


@pytest.fixture
def hub(shared_github: GitHubServer, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Hub:
    name = f"acme/{request.node.name.replace('_', '-')}"
    work = make_worktree(tmp_path_factory.mktemp("work") / "tree", WORKFLOWS)
    shared_github.add_repository(name, from_worktree=work)
    shared_github.add_token(APP, "acme-models[bot]", {"contents": "write", "pull_requests": "write"})
    return Hub(shared_github, name)


def test_an_apps_pull_request_starts_what_that_of_the_default_token_leaves_waiting(hub: Hub) -> None:
    commit_files(hub.by(BOT), "one", {"registry/one/card.yaml": "a: 1\n"})
    assert hub.started() == set(), "not even a push"
    hub.by(BOT).create_pull(base="main", head="one", title="One", body="")
    waiting = {(name, "pull_request", "action_required") for name in ("verify.yml", "lint.yml")}
    assert hub.started() == waiting

    commit_files(hub.by(APP), "two", {"registry/two/card.yaml": "a: 1\n"})
    assert hub.started() == {("lint.yml", "push", None)}, "the others are for main alone"
    pull = hub.by(APP).create_pull(base="main", head="two", title="Two", body="")
    assert hub.started() == {("verify.yml", "pull_request", None), ("lint.yml", "pull_request", None)}
    pull.edit(title="Second")
    assert hub.started() == {("verify.yml", "pull_request", None)}, "no other asked for edits"


def test_a_merge_starts_what_its_paths_ask_for_unless_the_default_token_made_it(hub: Hub) -> None:
    on_push = {(name, "push", None) for name in ("promote.yml", "lint.yml")}
    for branch, path, token, expected in (
        ("card", "registry/one/card.yaml", ALICE, on_push),
        ("readme", "README.md", ALICE, {("lint.yml", "push", None)}),
        ("stage", "registry/one/stages/production.yaml", APP, on_push | {("deploy.yml", "push", None)}),
        ("other", "registry/one/stages/staging.yaml", BOT, set()),
    ):
        commit_files(hub.by(BOT), branch, {path: "a: 1\n"})
        hub.by(BOT).create_pull(base="main", head=branch, title=branch, body="")
        hub.started()
        hub.by(token).get_pull(max(pull.number for pull in hub.by(BOT).get_pulls())).merge()
        assert hub.started() == expected, branch


def test_a_required_check_counts_from_its_own_app_alone(hub: Hub) -> None:
    actions = open_github(hub.server.api_url).get_app("github-actions").id
    check = {"context": "modelbook", "integration_id": actions}
    rules = [{"type": "required_status_checks", "parameters": {"required_status_checks": [check]}}]
    hub.server.configure(hub.name, rulesets=[GREEN | {"rules": rules}])
    commit_files(hub.by(BOT), "one", {"README.md": "one\n"})
    pull = hub.by(BOT).create_pull(base="main", head="one", title="One", body="")
    head = pull.head.sha
    hub.by(ALICE).get_commit(head).create_status("success", context="modelbook")
    with pytest.raises(GithubException) as error:
        pull.merge()
    assert refused(error) == (405, 'Required status check "modelbook" is expected.')
    hub.by(BOT).get_commit(head).create_status("success", context="modelbook")
    assert pull.merge().merged


def test_the_default_token_approves_nothing_of_its_own_nor_where_actions_may_not(hub: Hub) -> None:
    count = {"type": "pull_request", "parameters": {"required_approving_review_count": 1}}
    hub.server.configure(hub.name, rulesets=[GREEN | {"rules": [count]}])
    for opener, branch, allowed in ((BOT, "own", True), (APP, "app", False)):
        hub.server.configure(hub.name, actions_may_open_pulls=allowed)
        commit_files(hub.by(opener), branch, {f"{branch}.md": "one\n"})
        number = hub.by(opener).create_pull(base="main", head=branch, title=branch, body="").number
        with pytest.raises(GithubException) as error:
            hub.by(BOT).get_pull(number).create_review(event="APPROVE")
        assert error.value.status == 422
        with pytest.raises(GithubException) as error:
            hub.by(ALICE).get_pull(number).merge()
        assert refused(error)[1].startswith("At least 1 approving review")
        hub.by(ALICE).get_pull(number).create_review(event="APPROVE")
        assert hub.by(ALICE).get_pull(number).merge().merged


@pytest.mark.parametrize(
    ("patterns", "name", "expected"),
    [
        (["main"], "main", True),
        (["main"], "mainly", False),
        (["registry/**"], "registry/models/a/stages/s.yaml", True),
        (["registry/*"], "registry/models/card.yaml", False),
        (["registry/models/*/stages/**"], "registry/models/a/b/stages/s.yaml", False),
        (["**/stages/*.yaml"], "stages/s.yaml", True),
        (["registry/**", "!registry/notes/**"], "registry/notes/a", False),
        (["!registry/**"], "README.md", False),
        (["a+b"], "aab", False),
    ],
)
def test_filters_read_as_github_reads_them(patterns: list[str], name: str, expected: bool) -> None:
    assert matches(patterns, name) is expected
