"""People approve a promotion with their SSH keys; until enough of them have, nothing of it can be merged."""

import json
import os
import pty
import subprocess
import sys

import pytest

from tests.made import POLICY
from tests.parts.desks import Desk, made_for_people, trust_of_people, write
from tests.parts.ssh_keys import accepts, ssh_key

BRANCH = "promote/digits-1-to-staging"
POINTER = "registry/models/digits/stages/staging.yaml"
ALICE, ALICE_TOKEN, BOB, CAROL, MALLORY = (
    str(ssh_key(name, kind).file)
    for name, kind in (
        ("alice", "ed25519"),
        ("alice", "ecdsa"),
        ("bob", "ed25519"),
        ("carol", "ed25519"),
        ("mallory", "ed25519"),
    )
)


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    empty_desk.commit(made_for_people())
    return empty_desk


def promote(desk: Desk, version: int = 1) -> str:
    return desk.ok("promote", f"digits@{version}", "--to", "staging", "--signer", desk.signer("promoter"))


def approve(desk: Desk, key: str, *more: str) -> tuple[int, str]:
    return desk.run("approve", "digits@1", "--to", "staging", "--key", key, "--yes", *more)


def codes(desk: Desk, rev: str = BRANCH) -> list[str]:
    return [one["code"] for one in desk.json("verify", "--change", "main", "--rev", rev)["findings"]]


def test_a_promotion_waits_until_enough_people_have_signed(desk: Desk) -> None:
    said = promote(desk)
    waits = "modelbook approve digits@1 --to staging   (1 of 3 people have signed (promoter); it waits for 2 of alice,"
    assert waits in " ".join(said.split("\n"))
    assert codes(desk) == ["too-few-signers"]
    code, text = desk.run("verify", "--change", "main", "--rev", BRANCH)
    assert (code, "the one gate lets it through, and it waits for signatures" in text) == (1, True), text
    head, tip = desk.git("rev-parse", "HEAD"), desk.git("rev-parse", BRANCH)

    code, text = approve(desk, ALICE)
    assert code == 0, text
    assert "the one gate lets digits@1 into staging" in text, "the report is shown before the signature"
    assert "signed as alice; 2 of 3 people have signed (alice, promoter); it waits for 1 of bob, carol, deputy" in text
    assert desk.git("rev-parse", f"{BRANCH}^") == tip
    added = desk.git("diff", "--name-status", tip, BRANCH)
    assert added == f"A\t{POINTER.removesuffix('.yaml')}.alice.sshsig"
    assert (desk.git("rev-parse", "HEAD"), desk.git("status", "--porcelain")) == (head, "")
    assert codes(desk) == ["too-few-signers"]

    once = desk.git("rev-parse", BRANCH)
    for key in (ALICE, ALICE_TOKEN):  # again, and with another key of hers: one person is one
        code, text = approve(desk, key)
        assert (code, "alice has signed it already: nothing to do; 2 of 3" in text) == (0, True), text
    assert desk.git("rev-parse", BRANCH) == once
    assert "(1 of 3" in promote(desk), "promoting again keeps what stands"
    assert desk.git("rev-parse", BRANCH) == once

    told = json.loads(desk.ok("approve", "digits", "--key", BOB, "--yes", "--json"))
    assert (told["signed"], told["needed"], told["lacking"]) == (["alice", "bob", "promoter"], 3, 0)
    assert codes(desk) == []
    desk.git("merge", "-q", BRANCH)
    listed = desk.ok("trust", "show", "--format", "allowed-signers")
    assert desk.run("trust", "show", "--format", "allowed-signers", "--json")[0] == 2
    pointer = (desk.root / POINTER).read_bytes()
    for name in ("alice", "bob"):  # as anybody checks it who has no Modelbook
        signature = (desk.root / POINTER.replace(".yaml", f".{name}.sshsig")).read_bytes()
        assert accepts(listed, name, "modelbook/stages/staging", signature, pointer)
    assert "promoted by: alice, bob, promoter" in desk.ok("verify", "digits@staging")
    assert desk.run("approve", "digits", "--key", BOB, "--yes")[0] == 2, "what is merged waits for nobody"


def test_a_person_is_asked_before_anything_is_signed(desk: Desk) -> None:
    promote(desk)
    tip = desk.git("rev-parse", BRANCH)
    for answer, code in (("n", 1), ("y", 0)):
        terminal, side = pty.openpty()
        os.write(terminal, f"{answer}\n".encode())
        command = [sys.executable, "-m", "modelbook", "approve", "digits", "--key", ALICE]
        done = subprocess.run(command, stdin=side, capture_output=True, text=True, check=False)
        os.close(terminal)
        os.close(side)
        assert done.returncode == code, done.stderr
        said = done.stdout
        assert said.index("the one gate lets digits@1 into staging") < said.index(
            "Promote digits@1 to staging: sign as alice?"
        )
        assert (desk.git("rev-parse", BRANCH) == tip) == ("nothing was signed" in said) == bool(code)


def test_a_key_in_a_file_approves_as_well(desk: Desk) -> None:
    promote(desk)
    assert approve(desk, BOB)[0] == 0
    text = desk.ok("approve", "digits", "--signer", desk.signer("deputy"), "--yes")
    assert "signed as deputy; 3 of 3 people have signed (bob, deputy, promoter)\n  next: git merge" in text
    assert desk.git("show", "--format=", "--name-only", BRANCH) == POINTER.replace(".yaml", ".deputy.sigstore.json")
    assert codes(desk) == []


def test_what_is_proposed_anew_waits_for_signatures_anew(desk: Desk) -> None:
    """An approval is of one pointer's bytes: it goes with them, and fits no other."""
    promote(desk)
    assert approve(desk, ALICE)[0] == 0
    path = POINTER.replace(".yaml", ".alice.sshsig")
    old = desk.git("show", f"{BRANCH}:{path}") + "\n"
    desk.commit(made_for_people().evaluation("digits", 1, {"recall": 0.99}, suite="second"))
    code, text = approve(desk, BOB)
    assert (code, "the evidence it was judged by is not the present one" in text) == (1, True), text
    promote(desk)
    assert path not in desk.git("ls-tree", "-r", "--name-only", BRANCH)
    assert codes(desk) == ["too-few-signers"]

    desk.git("switch", "-q", BRANCH)
    (desk.root / path).write_text(old)
    desk.git("add", "-A")
    desk.git("commit", "-q", "-m", "Carry it over")
    desk.git("switch", "-q", "main")
    assert codes(desk) == ["bad-signature", "too-few-signers"]
    code, text = approve(desk, BOB)
    assert (code, "not what this key makes of these bytes" in text) == (1, True), text


def test_a_verdict_that_fails_or_is_stale_is_not_signed(desk: Desk) -> None:
    promote(desk)
    tip = desk.git("rev-parse", BRANCH)
    write(desk.root, made_for_people())
    policy = desk.root / "registry/policy.yaml"
    policy.write_text(policy.read_text().replace(">= 0.90", ">= 0.96"))
    desk.git("commit", "-q", "-am", "Stricter")
    code, text = approve(desk, ALICE)
    assert code == 1, text
    for said in ("1 of 1 gates refuse digits@1", "the policy it was judged by is not the present one"):
        assert said in text, text
    assert desk.git("rev-parse", BRANCH) == tip


def test_a_branch_that_is_called_after_another_version_is_not_signed(desk: Desk) -> None:
    promote(desk, 2)
    desk.git("branch", "-m", "promote/digits-2-to-staging", BRANCH)
    code, text = approve(desk, ALICE)
    assert (code, "moves staging to digits@2" in text) == (1, True), text


def test_who_may_not_sign_is_told_who_may(desk: Desk) -> None:
    promote(desk)
    code, text = approve(desk, MALLORY)
    assert (code, "These may, by SSH: alice, alice-token (alice), bob, carol." in text) == (1, True), text
    code, text = approve(desk, CAROL)
    assert (code, "the key of 'carol' expired" in text) == (1, True), text
    code, text = desk.run("approve", "digits", "--signer", desk.signer("grader"), "--yes")
    assert (code, "does not allow the key" in text) == (1, True), text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Give a REF or --pull-request N"),
        (("digits", "--pull-request", "1"), "Give a REF or --pull-request N"),
        (("digits", "--key", "a", "--signer", "file:b"), "give one of them"),
        (("digits", "--key", ALICE), "no terminal to ask on"),
        (("digits", "--to", "nowhere", "--yes"), "no stage is named 'nowhere'"),
        (("nothing@3", "--yes"), "no registered model 'nothing'"),
        (("digits@2", "--yes"), "no promotion of digits@2 is proposed"),
    ],
)
def test_what_cannot_be_meant_is_said_so(desk: Desk, arguments: tuple[str, ...], says: str) -> None:
    code, text = desk.run("approve", *arguments)
    assert (code, says in text) == (2, True), text


def test_of_several_promotions_one_has_to_be_named(desk: Desk) -> None:
    promote(desk, 1)
    promote(desk, 2)
    code, text = desk.run("approve", "digits", "--key", ALICE, "--yes")
    assert (code, "`modelbook approve digits@1 --to staging`" in text) == (2, True), text
    desk.git("switch", "-q", BRANCH)
    code, text = approve(desk, ALICE)
    assert (code, "git switch main" in text) == (2, True), text
    desk.git("switch", "-q", "main")
    assert "signed as bob" in desk.ok("approve", "digits@2", "--key", BOB, "--yes")


def test_a_revoked_key_approves_nothing(desk: Desk) -> None:
    trust = json.loads(trust_of_people())
    trust["version"] = 2
    trust["revocations"] = [{"identity": "alice", "reason": "left"}]
    made = made_for_people()
    desk.commit(made.put("trust.yaml", json.dumps(trust)))
    promote(desk)
    tip = desk.git("rev-parse", BRANCH)
    code, text = approve(desk, ALICE)
    assert (code, "trust.yaml revokes what 'alice' signs: left" in text) == (1, True), text
    assert desk.git("rev-parse", BRANCH) == tip


def test_what_comes_along_with_a_promotion_is_told(desk: Desk) -> None:
    """Whoever may push to its branch can put other files beside a pointer that people are asked to sign."""
    promote(desk)
    assert codes(desk) == ["too-few-signers"]
    desk.git("switch", "-q", BRANCH)
    (desk.root / "evil.py").write_text("import os\n")
    desk.git("add", "-A")
    desk.git("commit", "-q", "-m", "Nothing to see")
    desk.git("switch", "-q", "main")
    (desk.root / "README.md").write_text("of others, who came meanwhile\n")
    desk.git("commit", "-q", "-a", "-m", "Go on")
    found = desk.json("verify", "--change", "main", "--rev", BRANCH)["findings"]
    told = [one["message"].rpartition(": ")[2] for one in found if one["code"] == "brings-along"]
    assert told == ["evil.py"]


def test_an_automatic_stage_with_a_threshold_is_proposed_and_waits(desk: Desk) -> None:
    assert {"version": "digits@2", "stage": "staging"} in desk.json("plan")["promote"]
    promote(desk, 2)
    assert codes(desk, "promote/digits-2-to-staging") == ["too-few-signers"]


def test_a_freeze_is_overridden_once_a_person_whom_it_names_has_signed(desk: Desk) -> None:
    shut = "freeze:\n- {name: audit, begins: 2001-01-01T00:00, ends: 9000-01-01T00:00, override: [alice]}\n"
    made = made_for_people(threshold=1).edit("trust.yaml", '"version": 1', '"version": 2')
    desk.commit(made.put("policy.yaml", POLICY + shut))
    override = ("--override-freeze", "audit", "--reason", "the old host is going")
    said = desk.ok("promote", "digits@1", "--to", "staging", "--signer", desk.signer("promoter"), *override)
    assert "It waits for a signature of alice: `modelbook approve digits --to staging`" in " ".join(said.split())
    assert codes(desk) == ["override-not-signed"]
    assert approve(desk, BOB)[0] == 0
    assert codes(desk) == ["override-not-signed"]
    assert approve(desk, ALICE)[0] == 0
    report = desk.json("verify", "--change", "main", "--rev", BRANCH)
    assert (report["passed"], report["findings"]) == (True, [])
    assert report["facts"]["staging: frozen by audit"].endswith("overridden by alice")
