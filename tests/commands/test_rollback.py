"""`rollback`, `hold` and `release` as a person uses them: on plain git, and as pull requests on GitHub."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.made import POLICY, Made
from tests.parts.desks import Desk, made_for_people, onto_github
from tests.parts.github.client import GitHubServer
from tests.parts.ssh_keys import ssh_key

AUTO = POLICY.replace("- name: production\n", "- name: production\n  auto: true\n")
POINTER = "registry/models/digits/stages/production.yaml"
BACK = "rollback/digits-1-to-production"
WHY = ("--reason", "it declines Spain")


def served() -> Made:
    """Production held digits@1; digits@2 serves now. Both stages take what passes by themselves."""
    made = Made(policy=AUTO).dataset().version("digits", 1)
    made.version("digits", 2, {"accuracy": 0.97, "latency_ms": 10.0})
    return made.pointer("digits", "staging", 1).pointer("digits", "production", 1)


@pytest.fixture
def empty(empty_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("MODELBOOK_SIGNER", empty_desk.signer("promoter"))
    return empty_desk


@pytest.fixture
def desk(empty: Desk) -> Desk:
    made = served()
    empty.commit(made)
    empty.commit(made.pointer("digits", "staging", 2).pointer("digits", "production", 2))
    return empty


def merged(desk: Desk, branch: str) -> None:
    """Judged as a pull request is, and merged."""
    report = desk.json("verify", "--change", "main", "--rev", branch)
    assert (report["passed"], report["findings"]) == (True, [])
    desk.git("merge", "-q", "--no-ff", "-m", f"Merge {branch}", branch)


def listed(desk: Desk) -> dict[str, Any]:
    (row,) = json.loads(desk.ok("list", "--json"))
    found: dict[str, Any] = row
    return found


def test_at_three_in_the_morning_one_step_puts_back_what_served_before(desk: Desk) -> None:
    said = desk.ok("rollback", "digits", "--stage", "production", *WHY)
    assert said.startswith("Roll back digits production to digits@1\n")
    assert f"next: git merge {BACK}" in said
    assert "away from: digits@2" in said
    once = desk.git("rev-parse", BACK)
    desk.ok("rollback", "digits", "--stage", "production", *WHY)
    assert desk.git("rev-parse", BACK) == once, "asked twice it is proposed once"
    assert desk.git("show", "-s", "--format=%s", BACK) == "Roll back digits production to digits@1"
    merged(desk, BACK)
    assert desk.json("verify")["passed"] is True
    assert desk.json("verify", "digits@production")["facts"]["version"] == "digits@1"

    code, said = desk.run("rollback", "digits", "--stage", "production", "--to", "1", *WHY)
    assert (code, "digits@1: is in production already; nothing to do" in said) == (0, True)
    code, said = desk.run("rollback", "digits", "--stage", "production", *WHY)
    assert (code, "production held no version of digits before digits@1" in said) == (2, True), said


def test_a_held_stage_is_left_alone_and_everybody_is_told_why(desk: Desk) -> None:
    desk.ok("rollback", "digits", "--stage", "production", *WHY)
    merged(desk, BACK)
    planned = desk.json("plan")
    (back,) = planned.pop("taken-back")
    assert planned == {"evaluate": [], "promote": [], "verify": [], "later": [], "held": []}
    assert (back["version"], back["stage"], back["reason"]) == ("digits@2", "production", "it declines Spain")
    said = desk.ok("plan")
    assert said.startswith("modelbook promote digits@2 --to production  # by hand alone: ")
    assert "rolled back from it on " in said
    code, said = desk.run("promote", "digits@2", "--to", "production", "--reason", "now")
    assert (code, "holds production at digits@1 since" in said, "it declines Spain" in said) == (1, True, True), said
    assert "`modelbook release digits --stage production`" in said
    (hold,) = listed(desk)["held"].items()
    assert (hold[0], hold[1]["reason"]) == ("production", "it declines Spain")
    assert "production: it declines Spain" in desk.ok("list")
    assert "production" in desk.ok("list", "digits")
    assert desk.json("show", "digits@1")["held"]["production"]["reason"] == "it declines Spain"
    assert "held" not in desk.json("show", "digits@2")

    code, said = desk.run("hold", "digits", "--stage", "production", *WHY)
    assert (code, "digits@production: is held already; nothing to do" in said) == (0, True)
    desk.ok("release", "digits", "--stage", "production", "--reason", "Spain is known")
    merged(desk, "release/digits-1-to-production")
    assert listed(desk)["held"] == {}
    planned = desk.json("plan")
    assert (planned["promote"], planned["held"], planned["taken-back"]) == ([], [], [back])
    code, said = desk.run("release", "digits", "--stage", "production")
    assert (code, "is not held; nothing to do" in said) == (0, True)
    desk.ok("promote", "digits@2", "--to", "production")
    merged(desk, "promote/digits-2-to-production")
    assert desk.json("verify")["passed"] is True


def test_it_is_the_way_out_where_an_older_promotion_came_back(desk: Desk) -> None:
    desk.git("checkout", "-q", "HEAD~1", "--", "registry/models/digits/stages")
    desk.git("commit", "-q", "-m", "The old one again, signatures and all")
    assert desk.json("verify", "digits@production")["passed"] is False
    desk.ok("rollback", "digits", "--stage", "production", "--to", "2", *WHY)
    branch = "rollback/digits-2-to-production"
    report = desk.json("verify", "--change", "main", "--rev", branch)
    found = [(one["code"], one["level"]) for one in report["findings"]]
    assert (report["passed"], found) == (True, [("serial-went-back", "warning")])
    desk.git("merge", "-q", branch)
    assert desk.json("verify", "digits@production")["passed"] is True


def test_what_may_enter_once_a_stage_is_released_is_told(empty: Desk) -> None:
    empty.commit(served().pointer("digits", "staging", 2))
    empty.ok("hold", "digits", "--stage", "production", "--reason", "the audit")
    merged(empty, "hold/digits-1-to-production")
    said = empty.ok("plan")
    assert said.startswith("modelbook release digits --stage production  # held by ")
    assert "the audit, then digits@2 may enter" in said
    (held,) = empty.json("plan")["held"]
    assert (held["version"], held["stage"], held["reason"]) == ("digits@2", "production", "the audit")
    empty.ok("release", "digits", "--stage", "production", "--reason", "it is over")
    merged(empty, "release/digits-1-to-production")
    assert empty.json("plan")["promote"] == [{"version": "digits@2", "stage": "production"}]


def test_a_stage_is_held_where_it_stands(desk: Desk) -> None:
    before = (desk.root / POINTER).read_text()
    said = desk.ok("hold", "digits", "--stage", "production", "--reason", "the audit")
    assert "Hold digits production at digits@2" in said
    merged(desk, "hold/digits-2-to-production")
    after = (desk.root / POINTER).read_text()
    moved = {line.partition(":")[0] for line in set(before.splitlines()) ^ set(after.splitlines())}
    assert moved == {"serial", "kind", "decided", "by", "reason"}
    desk.ok("rollback", "digits", "--stage", "production", *WHY)
    merged(desk, BACK)
    assert listed(desk)["production"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rollback", "digits", "--stage", "production", "--reason", " "], "Say why"),
        (["rollback", "digits", "--stage", "production"], "Missing option '--reason'"),
        (["hold", "digits", "--stage", "production", "--reason", ""], "Say why"),
        (["rollback", "digits", "--stage", "production", "--to", "9", *WHY], "digits has no version 9"),
        (["rollback", "digits", "--stage", "canary", *WHY], "no stage is named 'canary'"),
        (["release", "nothing", "--stage", "production"], "no registered model 'nothing'"),
    ],
)
def test_what_means_nothing_is_refused_and_makes_nothing(desk: Desk, arguments: list[str], words: str) -> None:
    code, said = desk.run(*arguments)
    assert (code, words in said) == (2, True), said
    assert desk.git("branch", "--format=%(refname:short)") == "main"


def test_a_stage_that_takes_two_people_takes_them_at_night_too(empty: Desk) -> None:
    """And the one who approves is told what it is that he signs."""
    desk = empty
    alice = str(ssh_key("alice").file)
    made = made_for_people(threshold=2)
    made.pointer("digits", "staging", 1)
    made.approve("digits", "staging", "deputy")
    desk.commit(made)
    made.pointer("digits", "staging", 2)
    made.approve("digits", "staging", "deputy")
    desk.commit(made)
    said = desk.ok("rollback", "digits", "--stage", "staging", *WHY)
    assert "modelbook approve digits@1 --to staging" in said
    branch = "rollback/digits-1-to-staging"
    assert desk.json("verify", "--change", "main", "--rev", branch)["passed"] is False
    said = desk.ok("approve", "digits@1", "--to", "staging", "--key", alice, "--yes")
    assert "Roll back digits staging to digits@1" in said
    merged(desk, branch)
    # Of two proposals for one version each has a name of its own.
    desk.ok("release", "digits", "--stage", "staging")
    desk.git("branch", "-q", "hold/digits-1-to-staging", "release/digits-1-to-staging")
    code, said = desk.run("approve", "digits", "--key", alice, "--yes")
    assert (code, "`modelbook approve release/digits-1-to-staging`" in said) == (2, True), said
    assert "signed as alice" in desk.ok("approve", "release/digits-1-to-staging", "--key", alice, "--yes")
    merged(desk, "release/digits-1-to-staging")


def test_on_github_it_is_one_pull_request_that_says_what_it_is(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "acme/registry"
    with GitHubServer(tmp_path / "github") as server:
        onto_github(desk, server, name, monkeypatch)
        for _ in range(2):
            said = desk.ok("rollback", "digits", "--stage", "production", *WHY)
            assert f"next: {server.url}/{name}/pull/1" in said
        (pull,) = server.state()["repositories"][name]["pulls"]
        assert pull["issue"]["title"] == "Roll back digits production to digits@1"
        assert "it declines Spain" in pull["issue"]["body"]
        assert {"modelbook", "rollback"} == set(pull["issue"]["labels"])
        desk.git("fetch", "-q", "origin")
        report = desk.json("verify", "--change", "origin/main", "--rev", f"origin/{BACK}", "--pull-request", "1")
        assert report["passed"] is True
        (comment,) = server.state()["repositories"][name]["comments"]
        assert "rolls production of digits back to digits" in comment["body"]
        assert [entry for entry in server.log() if "failure" in entry] == []
