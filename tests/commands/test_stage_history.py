"""`modelbook history` on real git: what held a stage, however the branches that brought it were merged."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.made import Made
from tests.parts.desks import Desk

DAYS = {day: f"2026-10-0{day}T12:00:00Z" for day in range(1, 8)}


@pytest.fixture
def desk(empty_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("MODELBOOK_SIGNER", empty_desk.signer("promoter"))
    at(monkeypatch, 1)
    empty_desk.git("commit", "-q", "--amend", "--reset-author", "--no-edit")  # no commit counts as older than this one
    empty_desk.commit(Made().dataset().version("digits", 1).version("digits", 2).version("digits", 3))
    return empty_desk


def at(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    """From now on git's clock shows noon of that day in October 2026."""
    monkeypatch.setenv("GIT_AUTHOR_DATE", DAYS[day])
    monkeypatch.setenv("GIT_COMMITTER_DATE", DAYS[day])


def propose(desk: Desk, version: int) -> str:
    desk.ok("promote", f"digits@{version}", "--to", "staging", "--reason", f"number {version}")
    return f"promote/digits-{version}-to-staging"


def merge(desk: Desk, how: str, branch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As GitHub's three buttons do it: somebody else commits than whoever made the branch."""
    monkeypatch.setenv("GIT_COMMITTER_NAME", "GitHub")
    if how == "merge":
        desk.git("merge", "-q", "--no-ff", "-m", f"Merge {branch}", branch)
    elif how == "squash":
        desk.git("merge", "-q", "--squash", branch)
        desk.git("commit", "-q", "-m", f"{branch} (#1)")
    else:
        desk.git("commit", "-q", "--allow-empty", "-m", "Something else came first")
        desk.git("cherry-pick", f"HEAD~1..{branch}")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "t")


def staging(desk: Desk, *more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.json("history", "digits", "--stage", "staging", *more)["stages"]["staging"]
    return found


def spans(desk: Desk, *more: str) -> list[tuple[str, str | None, str | None]]:
    return [(one["version"], one.get("since"), one.get("until")) for one in staging(desk, *more)]


@pytest.mark.parametrize("how", ["merge", "squash", "rebase"])
def test_a_version_holds_a_stage_from_the_commit_that_merged_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """And not from the day on which it was proposed."""
    for version, merged in ((1, 2), (2, 4)):
        branch = propose(desk, version)
        at(monkeypatch, merged)
        merge(desk, how, branch, monkeypatch)
        at(monkeypatch, merged + 1)
        desk.git("commit", "-q", "--allow-empty", "-m", "Meanwhile")
    expected = [("digits@2", DAYS[4], None), ("digits@1", DAYS[2], DAYS[4])]
    assert spans(desk) == expected
    first = staging(desk)[1]
    assert (first["lasted"], first["seconds"], first["held"]) == ("2d", 2 * 86400, False)
    (step,) = first["steps"]
    pointer = desk.git("show", f"{step['commit']['id']}:registry/models/digits/stages/staging.yaml")
    assert f"decided: '{step['decided']}'" in pointer
    assert (step["does"], step["serial"], step["reason"]) == ("promotion", 1, "number 1")
    assert (step["signed_by"], step["not_believed"], step["commit"]["committer"]) == (["promoter"], [], "GitHub")
    assert step["policy"] in pointer
    assert sorted(step["evidence"]) == [
        "evaluations/default.sigstore.json",
        "evaluations/default.yaml",
        "model.sig",
        "provenance.sigstore.json",
    ]
    # The name of the branch is none of its business, nor what is checked out.
    desk.git("branch", "-q", "-m", "trunk")
    assert spans(desk) == expected
    desk.git("checkout", "-q", "--detach")
    assert spans(desk, "--rev", "trunk") == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-10-02T11:59:59", []),
        ("2026-10-02T12:00:00Z", ["digits@1"]),
        ("2026-10-04T11:59:59.9Z", ["digits@1"]),
        ("2026-10-04T14:00:00+02:00", ["digits@2"]),
        ("2026-10-04T12:00:00+02:00", ["digits@1"]),
        ("2026-10-01", []),
        ("2026-10-02", ["digits@1"]),
        ("2026-10-04", ["digits@2", "digits@1"]),  # both, on that day
        ("2026-10-05", ["digits@2"]),
    ],
)
def test_what_held_it_then(desk: Desk, monkeypatch: pytest.MonkeyPatch, when: str, expected: list[str]) -> None:
    for version, merged in ((1, 2), (2, 4)):
        branch = propose(desk, version)
        at(monkeypatch, merged)
        merge(desk, "squash", branch, monkeypatch)
    assert [one["version"] for one in staging(desk, "--at", when)] == expected
    said = desk.ok("history", "digits", "--stage", "staging", "--at", when)
    assert said.startswith(f"staging: {expected[0] if expected else 'no version'}\n")


def test_of_two_promotions_in_one_merge_the_last_one_held_the_stage(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.git("switch", "-q", "-c", "both")
    for version in (1, 2):
        desk.git("merge", "-q", "--ff-only", propose(desk, version))
    desk.git("switch", "-q", "main")
    at(monkeypatch, 3)
    merge(desk, "merge", "both", monkeypatch)
    assert spans(desk) == [("digits@2", DAYS[3], None)]
    assert staging(desk)[0]["steps"][0]["serial"] == 2
    code, text = desk.run("rollback", "digits", "--stage", "staging", "--to", "1", "--reason", "x")
    assert (code, "digits@1 never held staging" in text) == (1, True), text


def test_a_rollback_and_what_follows_it_are_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for version, day in ((1, 2), (2, 3)):
        branch = propose(desk, version)
        at(monkeypatch, day)
        merge(desk, "merge", branch, monkeypatch)
    for day, verb, reason in ((4, "rollback", "it declines Spain"), (5, "release", "found it")):
        desk.ok(verb, "digits", "--stage", "staging", "--reason", reason)
        at(monkeypatch, day)
        merge(desk, "merge", f"{verb}/digits-1-to-staging", monkeypatch)
    assert spans(desk) == [
        ("digits@1", DAYS[4], None),
        ("digits@2", DAYS[3], DAYS[4]),
        ("digits@1", DAYS[2], DAYS[3]),
    ]
    back = staging(desk)[0]
    assert [(one["does"], one["at"]) for one in back["steps"]] == [("rollback", DAYS[4]), ("release", DAYS[5])]
    assert back["held"] is False
    (then,) = staging(desk, "--at", "2026-10-04T13:00")
    assert ([one["does"] for one in then["steps"]], then["held"]) == (["rollback"], True)
    said = desk.ok("history", "digits", "--at", "2026-10-06")
    assert said.count("evidence:") == 1, "what a release leaves as it was is told once"
    for width in ("60", "200"):
        monkeypatch.setenv("COLUMNS", width)
        said = desk.ok("history", "digits")
        assert max(map(len, said.splitlines())) <= 200
        for words in ("digits in staging", "rolled back, held, released", "it declines Spain; found it", "promoter"):
            assert words in said, said


def test_whom_trust_yaml_believes_no_more_is_named_as_such(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    merge(desk, "merge", propose(desk, 1), monkeypatch)
    trust = json.loads((desk.root / "registry/trust.yaml").read_text())
    trust |= {"version": 2, "revocations": [{"identity": "promoter", "reason": "lost"}]}
    (desk.root / "registry/trust.yaml").write_text(json.dumps(trust))
    desk.git("commit", "-q", "-am", "Revoke")
    step = staging(desk)[0]["steps"][0]
    assert (step["signed_by"], step["not_believed"]) == ([], ["promoter"])
    assert "promoter (not believed)" in desk.ok("history", "digits")


def test_a_shallow_clone_says_what_it_cannot_know(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version, day in ((1, 2), (2, 4)):
        branch = propose(desk, version)
        at(monkeypatch, day)
        merge(desk, "squash", branch, monkeypatch)
    at(monkeypatch, 5)
    desk.git("commit", "-q", "--allow-empty", "-m", "Meanwhile")
    clone = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{desk.root}", str(clone)], check=True)
    monkeypatch.chdir(clone)
    told = desk.json("history", "digits")
    assert (told["complete"], spans(desk)) == (False, [("digits@2", None, None)])
    said = desk.ok("history", "digits")
    assert "git fetch --unshallow" in said
    assert desk.run("history", "digits", "--at", DAYS[5])[0] == 0
    code, said = desk.run("history", "digits", "--at", "2026-10-03")
    assert (code, "staging: not known" in said) == (1, True), said
    code, said = desk.run("rollback", "digits", "--stage", "staging", "--reason", "x")
    assert (code, "git fetch --unshallow" in said) == (2, True), said
    code, said = desk.run("rollback", "digits", "--stage", "staging", "--to", "1", "--reason", "x")
    assert (code, "nobody knows whether digits@1 held staging before" in said) == (1, True), said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["digits", "--at", "yesterday"], "'yesterday' is no date"),
        (["digits", "--at", "9998-01-01"], "has not come yet"),
        (["digits", "--at", "0001-01-01T00:00+02:00"], "is no date"),
        (["digits", "--stage", "canary"], "no stage is named 'canary'"),
        (["nothing"], "no registered model is named 'nothing'"),
        (["../x"], "is not a name"),
    ],
)
def test_what_nobody_can_answer_is_refused(desk: Desk, arguments: list[str], words: str) -> None:
    code, text = desk.run("history", *arguments)
    assert (code, words in text) == (2, True), text
    assert "No version of digits has held" in desk.ok("history", "digits")
