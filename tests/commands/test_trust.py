"""A team and whom it trusts: from one key to two people, by the command line and with real git."""

import json
from pathlib import Path

import pytest

from modelbook.adapters.key_signer import create_key
from modelbook.cli import run
from tests.commands.workbench import Workbench
from tests.parts.ssh_keys import accepts, ssh_key

TRUST = "registry/trust.yaml"


def merge(bench: Workbench, version: int) -> None:
    bench.git("merge", "--quiet", "--ff-only", f"trust/{version}")


def errors(bench: Workbench, *args: str) -> set[str]:
    done = bench.run("verify", *args, "--json")
    found = {one["code"] for one in json.loads(done.out)["findings"] if one["level"] == "error"}
    assert done.code == bool(found)
    return found


def new_key(bench: Workbench, name: str) -> Path:
    path = bench.root.parent / f"{name}.pem"
    create_key(path)
    return path


def test_three_rotations_keep_what_was_signed_and_let_no_old_trust_come_back(bench: Workbench) -> None:
    begin = bench.git("rev-parse", "HEAD").strip()
    name, signer = "owner", bench.env["MODELBOOK_SIGNER"]
    for number in (2, 3, 4):
        key = new_key(bench, f"key-{number}")
        said = bench.ok("trust", "rotate", name, "--key", str(key), "--signer", signer, "--overlap", "1d")
        name, signer = f"owner-{number}", f"file:{key}"
        assert name in said.partition("signed by ")[2]
        assert errors(bench, "--change", "main", "--rev", f"trust/{number}") == set()
        merge(bench, number)
    assert errors(bench) == set()
    shown = json.loads(bench.ok("trust", "show", "--json"))
    assert [one["name"] for one in shown["signers"]] == ["owner", "owner-2", "owner-3", "owner-4"]
    assert {one["person"] for one in shown["signers"]} == {"owner"}
    assert [one["expires"] is None for one in shown["signers"]] == [False, False, False, True]
    assert "expires on" in bench.ok("trust", "show")
    # What the first key signed is as good as ever, and the fourth key signs.
    bench.ok("data", "add", "more", "train.py", "--signer", signer)
    assert errors(bench) == set()
    # The first trust.yaml comes back, signature and all.
    bench.git("rm", "--quiet", "registry/trust*")
    bench.git("checkout", begin, "--", TRUST, "registry/trust.owner.sigstore.json")
    bench.git("commit", "--quiet", "-m", "As it was")
    assert errors(bench) == {"trust-version", "bad-signature"}  # it knows nothing of the fourth key either
    assert errors(bench, "--change", "HEAD^") == {"trust-version"}
    # Putting the newest one back puts it right.
    bench.git("revert", "--no-edit", "HEAD")
    assert errors(bench) == set()


def test_nobody_without_a_key_of_the_root_changes_trust_by_a_mere_merge(bench: Workbench) -> None:
    stranger = {"MODELBOOK_SIGNER": f"file:{new_key(bench, 'mallory')}"}
    added = bench.run("trust", "add", "mallory", "--key", str(bench.root.parent / "mallory.pem"), "--may-promote", "*",
                      "--root", env=stranger)  # fmt: skip
    assert added.code == 0, added.text
    assert "It waits for 1 of owner: `modelbook trust sign`" in added.out
    assert errors(bench, "--change", "main", "--rev", "trust/2") == {"too-few-root-signers"}
    again = bench.run("trust", "add", "eve", "--key", str(new_key(bench, "eve")), env=stranger)
    assert (again.code, "another version 2 is proposed already" in again.err) == (2, True)
    merge(bench, 2)
    assert errors(bench) == {"too-few-root-signers"}
    # Unless whoever asks vouches for it: a team that lost all its keys begins anew, and says from where.
    assert errors(bench, "--trust-from", "HEAD~1") == {"too-few-root-signers"}
    assert errors(bench, "--trust-from", "HEAD") == set()
    refused = bench.run("trust", "sign", env={"MODELBOOK_SIGNER": f"file:{new_key(bench, 'nobody')}"})
    assert refused.code == 2  # nothing is proposed after it


def test_two_people_set_up_a_root_and_one_of_them_signs_by_ssh(bench: Workbench) -> None:
    anna = ssh_key("anna")
    added = bench.ok("trust", "add", "anna", "--ssh", str(anna.file) + ".pub", "--person", "anna-smith",
                     "--may-promote", "production", "--root", "--expires", "365d")  # fmt: skip
    assert "the key of 'anna' is new in the root and has signed nothing yet" in added
    merge(bench, 2)
    said = bench.ok("trust", "init", "owner", "anna", "--threshold", "2")
    assert "1 of 2 people of the new root have signed this version: owner. It waits for 1 of anna-smith" in said
    judged = bench.run("verify", "--change", "main", "--rev", "trust/3")
    assert judged.code == 1
    assert "It waits for 1 of anna-smith: `modelbook trust sign`." in judged.out
    # She looks first, and then signs, in her own clone.
    assert "+  threshold: 2" in bench.ok("trust", "sign", "--key", str(anna.file), "--dry-run")
    assert "signed by anna and owner" in bench.ok("trust", "sign", "--key", str(anna.file))
    signature = bench.git("show", "trust/3:registry/trust.anna.sshsig").encode()
    data = bench.git("show", f"trust/3:{TRUST}").encode()
    assert accepts(f"anna {anna.line}", "anna", "modelbook/trust", signature, data)
    before = bench.git("rev-parse", "trust/3")
    bench.ok("trust", "sign", "--key", str(anna.file))
    assert bench.git("rev-parse", "trust/3") == before  # what is signed is not signed again
    assert errors(bench, "--change", "main", "--rev", "trust/3") == set()
    merge(bench, 3)
    assert errors(bench) == set()
    # From now on neither can do it alone.
    bench.ok("trust", "revoke", "--identity", "anna-smith", "--reason", "I want it all")
    assert errors(bench, "--change", "main", "--rev", "trust/4") == {"too-few-root-signers"}
    shown = bench.ok("trust", "show", "--rev", "trust/4")
    assert "Root: 2 people of owner and anna must sign each next version of trust.yaml" in shown
    assert "Revoked: anna-smith: I want it all" in shown


def test_what_a_revocation_names_is_found_by_name_and_by_path(bench: Workbench) -> None:
    card = "registry/datasets/numbers/versions/1/card.yaml"
    bench.ok("trust", "revoke", "--payload", card, "--reason", "signed by mistake")
    merge(bench, 2)
    assert errors(bench) == {"revoked-signature"}
    key = json.loads(bench.ok("trust", "show", "--json"))["signers"][0]["key"]
    said = bench.ok("trust", "revoke", "--key", "owner", "--reason", "stolen")
    assert f"revoked: the key {key}: stolen" in said
    assert "0 of 1 people of the new root" in said  # it would lock the team out, so it cannot be merged
    assert errors(bench, "--change", "main", "--rev", "trust/3") == {"too-few-root-signers"}


def test_bad_input_changes_nothing(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in bench.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(bench.root)
    pem, anna = str(new_key(bench, "x")), ssh_key("anna")
    workflow = ["--workflow", "https://github.com/acme/*", "--repository-id", "1", "--ref", "refs/heads/main"]
    for wrong in (
        ["add", "owner", "--key", pem], ["add", "Bob", "--key", pem], ["add", "bob"], ["add", "bob", "--key", "none"],
        ["add", "bob", "--key", pem, "--expires", "soon"], ["add", "bob", "--key", pem, "--may-sign", "everything"],
        ["add", "bob", "--ssh", str(anna.file), "--may-promote", "*"], ["add", "bob", "--ssh", "ssh-dss AAA"],
        ["add", "bob", "--ssh", anna.line, "--may-sign", "model"], ["rotate", "bob", "--key", pem],
        ["add", "ci", *workflow], ["rotate", "owner", "--key", bench.env["MODELBOOK_SIGNER"].removeprefix("file:")],
        ["init", "bob"], ["init", "owner", "--threshold", "2"], ["sign"],
        ["revoke", "--key", "nobody", "--reason", "x"],
        ["revoke", "--payload", "registry/none", "--reason", "x"], ["revoke", "--identity", "x", "--reason", "x"],
        ["revoke", "--payload", "registry/policy.yaml", "--reason", "x"], ["revoke", "--key", "owner", "--reason", " "],
    ):  # fmt: skip
        assert run(["trust", *wrong]) in {1, 2}, wrong
        assert "rror: " in capsys.readouterr().err, wrong
    assert bench.git("branch", "--list", "trust/*") == ""
