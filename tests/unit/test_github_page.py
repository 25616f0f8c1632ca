"""Addresses of GitHub's pages: right ones, and none that a card could choose."""

import pytest

from modelbook.core.pages.github_page import GitHubPage
from modelbook.core.run_record import Code

DOT_COM = GitHubPage("https://github.com", "acme/registry")
SERVER = GitHubPage("https://git.acme.example:8443", "acme/registry")
A, B = "a" * 40, "b" * 40


def code(repository: str | None, commit: str | None = A) -> Code:
    return Code(repository=repository, commit=commit, entry_point="train.py")


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/acme/models",
        "https://github.com/acme/models.git",
        "git@github.com:acme/models.git",
        "ssh://git@github.com/acme/models.git",
        "ssh://git@GitHub.com:22/acme/models/",
    ],
)
def test_two_commits_of_one_repository_are_compared_whatever_form_its_remote_has(remote: str) -> None:
    compared = DOT_COM.compare(code(remote), code("https://github.com/acme/models", B))
    assert compared == f"https://github.com/acme/models/compare/{A}...{B}"
    assert DOT_COM.commit(code(remote)) == f"https://github.com/acme/models/commit/{A}"


def test_an_enterprise_server_is_known_by_the_registry_that_lies_on_it() -> None:
    there = "git@git.acme.example:acme/models.git"
    compared = f"https://git.acme.example:8443/acme/models/compare/{A}...{B}"
    assert SERVER.compare(code(there), code(there, B)) == compared
    assert DOT_COM.compare(code(there), code(there, B)) is None
    public = "https://github.com/acme/models"
    assert SERVER.commit(code(public)) == f"https://github.com/acme/models/commit/{A}"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (code("https://github.com/acme/models"), code("https://github.com/acme/other", B)),
        (code("https://github.com/acme/models"), code("https://github.com/acme/models")),
        (code("https://github.com/acme/models", None), code("https://github.com/acme/models", B)),
        (code(None), code(None, B)),
        *((code(bad), code(bad, B)) for bad in ("https://gitlab.com/acme/models", "https://evil.example/acme/models")),
        *((code(bad), code(bad, B)) for bad in ("javascript:alert(1)//acme/models", "https://github.com/acme/..")),
        *((code(bad), code(bad, B)) for bad in ("https://github.com/acme/models)](x", "https://github.com/a c/m")),
        *((code(bad), code(bad, B)) for bad in ("https://github.com@evil.example/acme/models", "/srv/acme/models")),
    ],
)
def test_nothing_else_is_compared(left: Code, right: Code) -> None:
    assert DOT_COM.compare(left, right) is None


def test_a_commit_that_is_no_commit_has_no_page() -> None:
    odd = code("https://github.com/acme/models").model_copy(update={"commit": "../../evil"})
    assert DOT_COM.commit(odd) is None
    assert DOT_COM.compare(odd, code("https://github.com/acme/models", B)) is None


def test_the_run_of_a_job_has_a_page_if_the_job_ran_on_github() -> None:
    assert DOT_COM.run("github:acme/models/42/train") == "https://github.com/acme/models/actions/runs/42"
    for job in ("local:host/1/2", "github:acme/models/x/train", "github:a)(/b/42/train", "github:acme/../42/train"):
        assert DOT_COM.run(job) is None


def test_a_line_of_a_file_has_a_page_and_odd_names_stay_in_their_place() -> None:
    assert DOT_COM.line(A, "registry/policy.yaml", 7).endswith(f"/acme/registry/blob/{A}/registry/policy.yaml#L7")
    assert DOT_COM.line(A, "a b)](x)/é", None).endswith("/a%20b%29%5D%28x%29/%C3%A9")


@pytest.mark.parametrize("server", ["javascript:alert(1)", "https://x y", "https://a/b", ""])
def test_a_server_is_an_address_and_nothing_else(server: str) -> None:
    with pytest.raises(ValueError, match="no repository on GitHub"):
        GitHubPage(server, "acme/registry")
