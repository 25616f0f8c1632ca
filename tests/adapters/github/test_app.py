"""The token of a GitHub App: how it is made, what it may do, when it ends, and what is said where it cannot be made."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from modelbook.adapters.git import Repository
from modelbook.adapters.github_api import GitHubApi
from modelbook.adapters.github_app import App, AppToken
from modelbook.adapters.github_forge import open_github_forge
from modelbook.adapters.open_github import PROPOSES, open_api
from modelbook.errors import BadInput, ForgeError
from tests.adapters.github.place import FILES
from tests.parts.app_key import app_key
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer

NAME, OTHER = "acme/registry", "acme/serving"
ID, KEY = "MODELBOOK_APP_ID", "MODELBOOK_APP_PRIVATE_KEY"
JOB, GIVEN = "ghs_" + "j" * 36, "ghs_" + "g" * 36
GRANTED = {"contents": "write", "pull_requests": "write", "deployments": "write"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubServer]:
    folder = tmp_path_factory.mktemp("github")
    with GitHubServer(folder) as server:
        for name in (NAME, OTHER):
            server.add_repository(name, from_worktree=make_worktree(folder / name, FILES))
        server.add_token(JOB, "github-actions[bot]", {"contents": "write", "pull_requests": "write"})
        server.add_token(GIVEN, "helper[bot]", {"contents": "write", "pull_requests": "write"})
        yield server
        assert [entry for entry in server.log() if "failure" in entry] == []


@pytest.fixture
def number(server: GitHubServer) -> Iterator[int]:
    """The App `models`, as it should be."""
    yield server.add_app("models", app_key("models")[1], GRANTED, (NAME, OTHER))
    server.set_clock()
    server.clear_faults()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.find(make_worktree(tmp_path / "clone", {"a": "a"}))


@pytest.fixture
def job(
    server: GitHubServer, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> pytest.MonkeyPatch:
    """The environment of a job that has an App, a token that somebody gave, and its own."""
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": NAME, "GITHUB_API_URL": server.api_url}
    environment |= {"GITHUB_TOKEN": JOB, "MODELBOOK_TOKEN": GIVEN, ID: str(number), KEY: app_key("models")[0]}
    for name, value in (environment | {"MODELBOOK_GITHUB_PAUSE": "0"}).items():
        monkeypatch.setenv(name, value)
    server.clear_log()
    return monkeypatch


def token(server: GitHubServer, number: int | str, key: str = "models", name: str = NAME) -> AppToken:
    return AppToken(App(str(number), app_key(key)[0]), name, server.api_url, PROPOSES, pause=0)


def held(server: GitHubServer) -> list[dict[str, object]]:
    """The tokens of the App that are good now."""
    return [each for each in server.state()["tokens"] if each["login"] == "models[bot]"]


def test_it_is_made_at_the_first_call_for_one_repository_and_no_more_than_is_needed(
    server: GitHubServer, number: int
) -> None:
    server.clear_log()
    made = token(server, number)
    api = GitHubApi(NAME, server.api_url, made, token_name=KEY, pause=0)
    assert server.log() == [], "nothing needed one yet"
    for _ in range(2):
        assert api.get("read it", "")["full_name"] == NAME
    (one,) = held(server)
    assert (one["permissions"], one["repositories"]) == (PROPOSES, [NAME]), "the App may do more, and in two places"
    calls = [(entry["method"], entry["path"].rpartition("/")[2]) for entry in server.log()]
    assert calls == [("GET", "installation"), ("POST", "access_tokens"), ("GET", "registry"), ("GET", "registry")]
    with pytest.raises(ForgeError, match="may not see it"):
        GitHubApi(OTHER, server.api_url, made, token_name=KEY, pause=0).get("read it", "")
    with pytest.raises(ForgeError, match="lacks `deployments: write`") as error:
        api.post("deploy", "/deployments", {"ref": "main"}, find=lambda: None)
    assert "Grant `deployments: write` to the App" in str(error.value)
    made.revoke()
    assert held(server) == []


def test_it_is_made_anew_before_it_ends_by_itself(server: GitHubServer, number: int) -> None:
    made = token(server, number)
    first = made.token
    assert made.token == first
    made.revoke()
    server.set_clock(tokens_last=290)  # a call may take a while
    seen = {made.token, made.token, made.token}
    assert (len(seen), first in seen) == (3, False)
    assert len(held(server)) == 1, "that which went before is ended"
    made.revoke()
    made.revoke()
    assert held(server) == []


def test_a_process_that_ends_leaves_no_token_and_shows_none(
    server: GitHubServer, number: int, repository: Repository, job: pytest.MonkeyPatch
) -> None:
    """In a process of its own, since that is what has to end; also where it ends with an error."""
    import os
    import sys

    for end in ("", "; raise KeyboardInterrupt"):
        code = (
            "from pathlib import Path; from modelbook.adapters.git import Repository;"
            "from modelbook.adapters.open_github import open_api;"
            "api = open_api(Repository.find(Path('.')), permissions={'contents': 'write'});"
            "print(api.get('read it', '')['full_name'])" + end
        )
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=repository.root, env=dict(os.environ), capture_output=True, text=True)
        assert done.stdout == f"{NAME}\n", done.stderr
        masked, told = done.stderr.splitlines()[:2]
        secret = masked.removeprefix("::add-mask::")
        assert secret.startswith("ghs_")
        assert done.stderr.count(secret) == 1, "it is said once: to the runner, that it be hidden"
        assert told == f"GitHub: by a token of the App models, for {NAME} alone (contents: write)"
        assert held(server) == []


def test_who_needs_no_app_asks_by_none(server: GitHubServer, repository: Repository, job: pytest.MonkeyPatch) -> None:
    open_api(repository, tokens=["GITHUB_TOKEN"]).get("read it", "")
    assert [entry["who"] for entry in server.log()] == ["github-actions[bot]"]


def test_what_is_wrong_with_an_app_is_named_with_where_to_mend_it(server: GitHubServer, number: int) -> None:
    public = app_key("models")[1]

    def refused(number: int | str = number, key: str = "models", name: str = NAME) -> str:
        with pytest.raises(ForgeError) as error:
            token(server, number, key, name).authentication({})
        return str(error.value)

    assert "$MODELBOOK_APP_PRIVATE_KEY: GitHub does not take the key for the App" in refused(key="another")
    assert "one of the private keys in the settings of the App that MODELBOOK_APP_ID names" in refused(key="another")
    assert "$MODELBOOK_APP_ID: there is no App 7" in refused(7)
    assert "$MODELBOOK_APP_ID: there is no App Iv1.lost" in refused("Iv1.lost")
    server.add_app("models", public, GRANTED, (OTHER,))
    assert f"the App {number} is not installed on {NAME}" in refused()
    assert "Install App; and let it see this repository" in refused()
    server.add_app("models", public, GRANTED | {"contents": "read"}, (NAME,))
    assert "the App models lacks `contents: write` here" in refused()
    assert "accept it at http://127.0.0.1" in refused()
    server.add_app("models", public, {}, (NAME,))
    assert "lacks `contents: write`, `pull-requests: write` here" in refused()
    server.add_app("models", public, GRANTED, (NAME,), suspended=True)
    assert "is suspended" in refused()
    server.add_app("models", public, GRANTED, (NAME,))
    for ahead, words in ((-120, "2 min ahead of"), (1200, "20 min behind")):
        server.set_clock(ahead)
        assert f"this machine's clock is {words} GitHub's" in refused()
        assert "Set the clock" in refused()
    assert held(server) == []


def test_github_that_is_down_or_odd_is_told_as_that(server: GitHubServer, number: int) -> None:
    for path, more, words in (
        ("/installation$", {"status": 503, "times": 9}, "did not say whether it would find the App's installation"),
        ("/access_tokens$", {"status": 502, "times": 9}, "did not say whether it would make a token of the App"),
        ("/access_tokens$", {"status": 200, "body": {"token": 1}}, "has no expires_at"),
        ("/access_tokens$", {"status": 403, "body": {"message": "No"}}, "would not make a token of the App: No"),
    ):
        server.fail("*", path, **more)
        with pytest.raises(ForgeError, match=words):
            token(server, number).authentication({})
        server.clear_faults()


def test_a_token_that_cannot_be_ended_is_no_error(
    server: GitHubServer, job: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = token(server, str(server.add_app("models", app_key("models")[1], GRANTED, (NAME,))))
    assert made.token
    server.fail("DELETE", "/installation/token$", status=503)
    made.revoke()
    assert "ends by itself within an hour" in capsys.readouterr().err


def test_an_app_goes_before_a_token_that_was_given_and_that_before_the_jobs_own(
    server: GitHubServer, repository: Repository, job: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked() -> str:
        """As whom the forge asks."""
        forge = open_github_forge(repository)
        server.clear_log()
        forge.target()
        return str(server.log()[-1]["who"])

    assert asked() == "models[bot]"
    assert "by a token of the App models" in capsys.readouterr().err
    for name in (ID, KEY):
        job.setenv(name, "")
    assert asked() == "helper[bot]"
    assert "GitHub: by the token in MODELBOOK_TOKEN (an App's token)" in capsys.readouterr().err
    job.setenv("MODELBOOK_TOKEN", "")
    assert asked() == "github-actions[bot]"
    assert "GitHub: by the token in GITHUB_TOKEN (a job's own token)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({ID: "7"}, "MODELBOOK_APP_ID is set, and MODELBOOK_APP_PRIVATE_KEY is not"),
        ({KEY: "x"}, "MODELBOOK_APP_PRIVATE_KEY is set, and MODELBOOK_APP_ID is not"),
        ({ID: "7", KEY: "x"}, "no RSA private key in PEM"),
        ({ID: "7", KEY: app_key("models")[1]}, "no RSA private key in PEM"),
    ],
)
def test_half_an_app_is_no_app(environment: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        App.of(environment)


def test_a_key_of_another_kind_or_with_a_passphrase_is_refused() -> None:
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(pem, form, serialization.NoEncryption())
    locked = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for key in (elliptic, locked.private_bytes(pem, form, serialization.BestAvailableEncryption(b"secret"))):
        with pytest.raises(BadInput, match="without a passphrase"):
            App.of({ID: "7", KEY: key.decode()})


def test_a_key_in_one_line_is_taken_and_never_shown() -> None:
    private = app_key("models")[0].strip()
    app = App.of({ID: " 7 ", KEY: private.replace("\n", "\\n")})
    assert app == App("7", private)
    assert "PRIVATE" not in repr(app)
    assert App.of({ID: "", KEY: " "}) is None
