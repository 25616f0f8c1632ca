"""Calls to GitHub: what is waited for and for how long, and what each refusal tells a person to do."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelbook.adapters.git import Repository
from modelbook.adapters.github_api import GitHubApi, rate_limit_wait
from modelbook.adapters.github_place import api_of, name_in, page_of
from modelbook.adapters.open_github import open_api
from modelbook.core.pages.github_page import GitHubPage
from modelbook.errors import BadInput, ForgeError
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer, secondary_limit

NAME, TOKEN, WEAK = "acme/registry", "ghs_" + "t" * 36, "ghs_" + "w" * 36


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    folder = tmp_path_factory.mktemp("github")
    with GitHubServer(folder) as server:
        server.add_token(TOKEN, "github-actions[bot]")
        server.add_token(WEAK, "weak[bot]", {"contents": "read"})
        server.add_repository(NAME, from_worktree=make_worktree(folder / "work", {"README.md": "hello\n"}))
        yield server


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def api(server: GitHubServer, slept: list[float]) -> Iterator[GitHubApi]:
    server.clear_log()
    yield GitHubApi(NAME, server.api_url, TOKEN, pause=0, sleep=slept.append)
    server.clear_faults()


def label(api: GitHubApi, name: str = "x") -> object:
    return api.post(
        "make a label", "/labels", {"name": name}, find=lambda: api.get_if_there("find it", f"/labels/{name}")
    )


@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_is_waited_for_even_by_a_post(
    server: GitHubServer, api: GitHubApi, slept: list[float], status: int
) -> None:
    server.fail("POST", "/labels$", **secondary_limit(status, retry_after=7))
    label(api, f"limited-{status}")
    assert slept == [7.0]
    assert [entry["status"] for entry in server.log()] == [status, 201]


def test_a_rate_limit_without_a_time_is_waited_for_a_minute(
    server: GitHubServer, api: GitHubApi, slept: list[float]
) -> None:
    server.fail("GET", "/pulls", times=2, **secondary_limit())
    assert list(api.pages("list pull requests", "/pulls")) == []
    assert slept == [60.0, 60.0]


@pytest.mark.parametrize(("after", "times", "waits"), [(301, 1, []), (200, 9, [200.0]), (0, 9, [0.0] * 4)])
def test_no_rate_limit_is_waited_for_beyond_the_ceiling(
    server: GitHubServer, api: GitHubApi, slept: list[float], after: int, times: int, waits: list[float]
) -> None:
    server.fail("GET", "/pulls", times=times, **secondary_limit(429, retry_after=after))
    with pytest.raises(ForgeError, match="rate limit is reached") as error:
        list(api.pages("list pull requests", "/pulls"))
    assert slept == waits
    assert "Run it again in" in str(error.value)


def test_a_primary_limit_is_waited_for_until_its_reset() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1040"}
    assert rate_limit_wait(403, headers, {"message": "API rate limit exceeded for x."}, now=1000.0) == 41.0
    assert rate_limit_wait(403, {}, {"message": "Resource not accessible by integration"}, now=0) is None
    assert rate_limit_wait(404, {"retry-after": "5"}, {}, now=0) is None


@pytest.mark.parametrize("drop", [False, True])
def test_a_post_is_never_repeated_unseen(server: GitHubServer, api: GitHubApi, slept: list[float], drop: bool) -> None:
    server.fail("POST", "/labels$", times=1000, drop=drop)
    with pytest.raises(ForgeError, match="GitHub did not say whether it would make a label") as error:
        label(api, "never")
    assert "nothing is done twice" in str(error.value)
    assert [entry["method"] for entry in server.log()] == ["POST", "GET"] * 5


def test_an_api_that_is_down_is_asked_a_few_times(server: GitHubServer, api: GitHubApi, slept: list[float]) -> None:
    server.fail("GET", "/pulls", times=1000, status=503)
    with pytest.raises(ForgeError, match="503"):
        list(api.pages("list pull requests", "/pulls"))
    assert len(server.log()) == 5


def test_an_answer_that_is_not_githubs_is_refused(server: GitHubServer, api: GitHubApi) -> None:
    for body in ("<html>Sign in</html>", '"text"', "{broken", "7", ""):
        server.fail("GET", "/pulls/1$", status=200, body=body)
        with pytest.raises(ForgeError, match="none of GitHub's"):
            api.get("read a pull request", "/pulls/1")
        server.clear_faults()
    server.fail("GET", "/pulls", status=200, body={"message": "hi"})
    with pytest.raises(ForgeError, match="none of GitHub's"):
        list(api.pages("list pull requests", "/pulls"))


@pytest.mark.parametrize(
    ("secret", "variable", "words"),
    [
        (
            "ghs_w",
            "GITHUB_TOKEN",
            "(a job's own token) lacks `issues: write`. Write `issues: write` under `permissions:`",
        ),
        ("ghs_w", "MODELBOOK_TOKEN", "(an App's token) lacks `issues: write`. Grant `issues: write` to the App"),
        ("github_pat_w", "GITHUB_TOKEN", "/settings/personal-access-tokens (Repository permissions)"),
        ("ghp_w", "GITHUB_TOKEN", "(a classic personal access token) lacks"),
        ("gho_w", "GITHUB_TOKEN", "`gh auth refresh --scopes repo`"),
    ],
)
def test_a_missing_permission_is_named_with_where_to_grant_it(
    server: GitHubServer, secret: str, variable: str, words: str
) -> None:
    server.add_token(secret, "weak[bot]", {"contents": "read"})
    weak = GitHubApi(NAME, server.api_url, secret, token_name=variable, pause=0)
    with pytest.raises(ForgeError, match="Resource not accessible by integration") as error:
        weak.post("comment", "/issues/1/comments", {"body": "x"}, find=lambda: None)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("path", "scope"),
    [("/git/refs", "contents"), ("/pulls", "pull-requests"), ("/statuses/x", "statuses"), ("/actions/x", "actions")],
)
def test_a_missing_permission_that_github_does_not_name_is_known(
    server: GitHubServer, api: GitHubApi, path: str, scope: str
) -> None:
    server.fail("POST", path, status=403, body={"message": "Resource not accessible by integration"})
    with pytest.raises(ForgeError, match=f"lacks `{scope}: write`"):
        api.post("do it", path, {}, find=lambda: None)


def test_each_refusal_says_what_to_do(server: GitHubServer, api: GitHubApi) -> None:
    forbidden = {"message": "GitHub Actions is not permitted to create or approve pull requests."}
    invalid = {
        "message": "Validation Failed",
        "errors": [{"resource": "Label", "code": "already_exists", "field": "name"}],
    }
    forbids = "`acme` forbids access via a personal access token (classic)."
    workflow = "refusing to allow a GitHub App to create or update workflow `x.yml` without `workflows` permission"
    for status, body, words in (
        (403, {"message": forbids}, "takes no such token as GITHUB_TOKEN"),
        (403, {"message": workflow}, "need `workflows: write`, which a job's own token never has"),
        (403, {"message": "acme has an IP allow list enabled"}, "lets in only some addresses"),
        (403, {"message": "Repository was archived so is read-only."}, "until somebody unarchives it"),
        (403, {"message": "Upgrade to GitHub Pro or make this repository public"}, "GitHub Pro, Team and Enterprise"),
        (422, {"message": "Repository rule violations found"}, "hold for the default branch alone"),
        (403, {"message": "Must have admin rights to Repository."}, "lacks `pull-requests: write`"),
        (401, None, "is wrong or has expired"),
        (403, forbidden, "Actions, General, Workflow permissions"),
        (403, {"message": "Protected"}, "rules of the repository's branches"),
        (404, None, "may not see it"),
        (422, invalid, "Validation Failed; Label name already_exists (422)"),
        (422, {"message": "Bad", "errors": ["the words"]}, "Bad; the words (422)"),
    ):
        server.fail("POST", "/labels$", status=status, body=body)
        with pytest.raises(ForgeError) as error:
            label(api)
        assert words in str(error.value)
        assert TOKEN not in str(error.value)
        server.clear_faults()


def test_a_single_sign_on_that_is_wanted_says_where(server: GitHubServer, api: GitHubApi) -> None:
    said = {"message": "Resource protected by organization SAML enforcement. You must grant your token access."}
    for headers, words in (
        (
            {"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso?x=1"},
            "https://github.com/orgs/acme/sso?x=1",
        ),
        ({}, "/settings/tokens"),
    ):
        server.fail("GET", "/pulls", status=403, body=said, headers=headers)
        with pytest.raises(ForgeError) as error:
            list(api.pages("list pull requests", "/pulls"))
        assert "single sign-on" in str(error.value)
        assert words in str(error.value)
        server.clear_faults()


def test_no_server_at_all_is_an_error_that_says_so() -> None:
    api = GitHubApi(NAME, "http://127.0.0.1:9", TOKEN, pause=0)
    with pytest.raises(ForgeError, match="the connection failed"):
        api.get("read it", "")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name in list(os.environ):
        if name.startswith(("GITHUB_", "MODELBOOK_")):
            monkeypatch.delenv(name)
    return Repository.find(make_worktree(tmp_path / "clone", {"a": "a"}))


def test_the_environment_of_a_workflow_leads_to_its_repository(
    server: GitHubServer, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"GITHUB_REPOSITORY": NAME, "GITHUB_API_URL": server.api_url, "GITHUB_TOKEN": TOKEN}
    for name, value in (environment | {"MODELBOOK_TOKEN": "", "MODELBOOK_GITHUB_PAUSE": "0.5"}).items():
        monkeypatch.setenv(name, value)
    assert open_api(repository).get("read it", "")["full_name"] == NAME
    monkeypatch.setenv("MODELBOOK_TOKEN", WEAK)
    server.clear_log()
    open_api(repository).get("read it", "")
    assert server.log()[0]["who"] == "weak[bot]"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "there is no token"),
        ({"GITHUB_TOKEN": TOKEN}, "not on GitHub"),
        ({"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "registry"}, "not on GitHub"),
        ({"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": NAME, "GITHUB_API_URL": "http://example.org"}, "in the clear"),
        ({"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": NAME, "MODELBOOK_GITHUB_PAUSE": "soon"}, "no number of seconds"),
    ],
)
def test_what_is_missing_in_the_environment_is_named(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], words: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=words):
        open_api(repository)


@pytest.mark.parametrize(
    ("remote", "name", "url"),
    [
        ("https://github.com/acme/registry.git", NAME, "https://api.github.com"),
        ("git@github.com:acme/registry.git", NAME, "https://api.github.com"),
        ("ssh://git@github.com:22/acme/registry", NAME, "https://api.github.com"),
        ("https://ghe.example.org/acme/registry/", NAME, "https://ghe.example.org/api/v3"),
        ("/srv/git/registry.git", None, "https://api.github.com"),
    ],
)
def test_outside_a_workflow_the_remote_says_where(
    repository: Repository, remote: str, name: str | None, url: str
) -> None:
    subprocess.run(["git", "remote", "add", "origin", remote], cwd=repository.root, check=True)
    assert name_in(repository.remote_url() or "") == name
    assert api_of(remote) == url


@pytest.mark.parametrize(
    ("remote", "plain", "github"),
    [
        ("git@github.com:acme/registry.git", "https://github.com", "https://github.com"),
        ("https://ghe.example.org/acme/registry/", None, "https://ghe.example.org"),
        ("/srv/git/registry.git", None, None),
    ],
)
def test_where_people_see_the_repository(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, remote: str, plain: str | None, github: str | None
) -> None:
    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    subprocess.run(["git", "remote", "add", "origin", remote], cwd=repository.root, check=True)
    for forge, server in (("git", plain), ("github", github)):
        assert page_of(repository, forge) == (GitHubPage(server, NAME) if server else None)
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://ghe.example.org:8443")
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/models")
    assert page_of(repository, "github") == GitHubPage("https://ghe.example.org:8443", "team/models")
