"""Pull requests that people open by hand: judged by the tool and the rules of main, whoever opened them."""

import subprocess
from pathlib import Path

import pytest
import requests

from tests.parts.act_run import ActRun
from tests.workflows.team import ALICE, CHECK, NAME, Team, team
from tests.workflows.ways import ACTIONS

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(200)]

MALLORY = "ghp_" + "m" * 36
CARD = "registry/datasets/digits/versions/1/card.yaml"


def push_change(acme: Team, name: str, target: Path) -> None:
    """Change a dataset card, and the tool that judges it, on a new branch of the bare repository `target`."""
    work = acme.clone(f"work-{name}")
    card = work / CARD
    card.write_bytes(card.read_bytes().replace(b"files: 3", b"files: 4"))
    (work / "actions/verify/action.yml").write_text(
        "name: says yes\ndescription: to all\nruns: {using: composite, steps: []}\n"
    )
    (work / "src/modelbook/__init__.py").write_text("raise SystemExit(0)\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["switch", "-qc", name], [*identity, "commit", "-qam", name], ["push", "-q", str(target), name]):
        subprocess.run(["git", *command], cwd=work, check=True)


def open_pull(acme: Team, token: str, head: str) -> ActRun:
    """Open a pull request and run what that starts."""
    body = {"title": "Harmless", "head": head, "base": "main"}
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{acme.github.api_url}/repos/{NAME}/pulls"
    answer = requests.post(url, json=body, headers=headers, timeout=10)
    assert answer.status_code == 201, answer.text
    return acme.run(acme.events("pull_request")[-1], "verify.yml")


def test_a_changed_card_is_refused_whoever_changed_it(tmp_path: Path) -> None:
    with team(tmp_path) as acme:
        push_change(acme, "by-alice", acme.bare)
        own = open_pull(acme, ALICE, "by-alice")
        own.assert_jobs({"verify": "failure"})
        finding = "a dataset card was changed; it never changes after registration"
        assert [one.place["file"] for one in own.annotations if one.message.startswith(finding)] == [CARD]
        assert finding.replace(";", "") in own.summary.replace("&#59;", ";").replace(";", "")
        assert acme.checks(1) == [(CHECK, "failure", ACTIONS)]
        assert len(acme.comments(1)) == 1

        acme.github.add_token(MALLORY, "mallory")
        fork = acme.github.add_repository("mallory/registry", fork_of=NAME)
        push_change(acme, "by-mallory", fork)
        acme.writes()
        foreign = open_pull(acme, MALLORY, "mallory:by-mallory")
        foreign.assert_jobs({"verify": "failure"})
        assert finding in "".join(one.message for one in foreign.annotations)
        assert acme.writes() == ["POST /pulls 201"], "a fork's run writes nothing"
        assert [acme.merge(number).status_code for number in (1, 2)] == [405, 405]
        acme.assert_no_secret_in_any_log()
