"""People approve a promotion on GitHub: each approval is a commit on the pull request, red until the last of them."""

import subprocess
from pathlib import Path

import pytest

from tests.parts.desks import Desk, made_for_people, onto_github
from tests.parts.github.client import GitHubServer
from tests.parts.ssh_keys import ssh_key

BRANCH = "promote/digits-1-to-staging"
ALICE, BOB = (str(ssh_key(name).file) for name in ("alice", "bob"))
PROMOTE = ("promote", "digits@1", "--to", "staging")


def test_on_github_an_approval_is_a_commit_on_the_pull_request(
    empty_desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = empty_desk
    desk.commit(made_for_people())
    name = "acme/registry"
    with GitHubServer(tmp_path / "github") as server:
        bare = onto_github(desk, server, name, monkeypatch)

        def verified() -> tuple[bool, str, str]:
            """Passed, the comment on the pull request, the state of its head."""
            desk.git("fetch", "-q", "origin")
            rev = ["--rev", f"origin/{BRANCH}", "--pull-request", "1"]
            passed = desk.json("verify", "--change", "origin/main", *rev)["passed"]
            state = server.state()["repositories"][name]
            (comment,) = state["comments"]
            (pull,) = state["pulls"]
            states = [one["state"] for one in state["statuses"] if one["sha"] == pull["head_sha"]]
            return passed, comment["body"], states[-1]

        assert "modelbook approve digits@1 --to staging" in desk.ok(*PROMOTE, "--signer", desk.signer("promoter"))
        passed, comment, state = verified()
        assert (passed, state) == (False, "failure")
        for said in ("1 of 3 people have signed", "alice, bob", "modelbook approve digits --to staging"):
            assert said in comment, comment

        before = server.state()["repositories"][name]["pulls"][0]["head_sha"]
        text = desk.ok("approve", "--pull-request", "1", "--key", ALICE, "--yes")
        assert "signed as alice; 2 of 3" in text
        assert desk.ok("approve", "--pull-request", "1", "--key", ALICE, "--yes").count("nothing to do") == 1
        assert verified()[::2] == (False, "failure")
        # He is at work on something else: it is judged by the rules of the branch that it would be merged into.
        desk.git("switch", "-q", "-c", "elsewhere")
        desk.commit(made_for_people(signers=["promoter"], threshold=1))
        text = desk.ok("approve", "digits", "--key", BOB, "--yes")
        assert f"next: {server.url}/{name}/pull/1" in text
        assert verified()[::2] == (True, "success")
        assert desk.git("rev-list", "--count", f"{before}..origin/{BRANCH}") == "2"
        assert len(server.state()["repositories"][name]["pulls"]) == 1

        other = tmp_path / "other"
        subprocess.run(["git", "clone", "-q", str(bare), str(other)], check=True)
        subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "Move on"], cwd=other, check=True)
        subprocess.run(["git", "push", "-q", "origin", "HEAD:main"], cwd=other, check=True)
        code, text = desk.run("approve", "digits", "--key", BOB, "--yes")
        assert (code, "Bring it: `git fetch`." in text) == (2, True), text
        assert [entry for entry in server.log() if "failure" in entry] == []
