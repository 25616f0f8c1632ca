"""A job whose token lacks a right: it says which and where to grant it, and the next job completes what it began.

Call by call, one layer below: tests/adapters/github/test_rights.py.
"""

from collections.abc import Sequence

from tests.commands.workbench import Workbench
from tests.parts.github.client import dispatched
from tests.parts.office import BOT, Office

ALL = {"contents": "write", "pull_requests": "write", "actions": "write"}
WORDS = {"contents": "contents: write", "pull_requests": "pull-requests: write", "actions": "actions: write"}


def refused_for_each_and_completed(office: Office, branch: str, command: Sequence[str]) -> None:
    main = office.desk.git("rev-parse", "HEAD")
    for scope, words in WORDS.items():
        weak = f"ghs_{scope}_{office.name.partition('/')[2]}"
        office.server.add_token(weak, "github-actions[bot]", ALL | {scope: "read"})
        office.patch.setenv("GITHUB_TOKEN", weak)
        code, text = office.desk.run(*command)
        assert (code, f"(a job's own token) lacks `{words}`" in text) == (3, True), text
        assert f"Write `{words}` under `permissions:` of the job" in text
        refs = {name: sha for name, sha in office.state["refs"].items() if name.startswith("refs/heads/")}
        assert refs.pop("refs/heads/main") == main
        assert set(refs) <= {f"refs/heads/{branch}"}
        assert dispatched(office.state) == []
    office.patch.setenv("GITHUB_TOKEN", BOT)
    office.desk.ok(*command)
    (pull,) = office.state["pulls"]
    assert (pull["head_ref"], bool(pull["issue"]["labels"])) == (branch, True)
    assert [run["inputs"]["head"] for run in dispatched(office.state)] == [pull["head_sha"]]


def test_a_promotion(office: Office) -> None:
    signer = office.desk.signer("promoter")
    command = ("promote", "digits@1", "--to", "staging", "--signer", signer)
    refused_for_each_and_completed(office.open("weak"), "promote/digits-1-to-staging", command)


def test_a_rollback(night: Office) -> None:
    signer = night.desk.signer("promoter")
    command = ("rollback", "digits", "--stage", "production", "--reason", "it is slow", "--signer", signer)
    refused_for_each_and_completed(night, "rollback/digits-1-to-production", command)


def test_a_registration(workshop: Office, bench: Workbench) -> None:
    command = ("register", "toy", "--run", bench.train(0.8))
    refused_for_each_and_completed(workshop.open("weak"), "register/toy-1", command)
