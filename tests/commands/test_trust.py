"""A team and whom it trusts: from one key to two people, by the command line and with real git."""

from pathlib import Path

import pytest

from modelbook.core.layout import trust_signature_path
from modelbook.core.signing.statements import trust_statement
from tests.made import Made, key, trust_yaml
from tests.parts.desks import Desk
from tests.parts.github.client import GitHubServer
from tests.parts.ssh_keys import accepts, ssh_key

TRUST = "registry/trust.yaml"
CARD = "registry/datasets/numbers/versions/1/card.yaml"
RULE = {"models": "*", "statements": ["model", "dataset"], "stages": ["*"], "signers": ["owner"]}
TOKEN = "ghp_" + "a" * 36


@pytest.fixture
def desk(empty_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A registry with one dataset, one key, and a root of it, as `modelbook init` makes them."""
    monkeypatch.setenv("MODELBOOK_SIGNER", empty_desk.signer("owner"))
    files = Made(trust=trust_yaml((RULE,), {"owner": {}}, root={"signers": ["owner"]})).dataset(
        "numbers", signer="owner"
    )
    statement = trust_statement(files.registry.trust, files.files["trust.yaml"])
    empty_desk.commit(files.sign(trust_signature_path("owner"), statement, "owner"))
    return empty_desk


def merge(desk: Desk, version: int) -> None:
    desk.git("merge", "--quiet", "--ff-only", f"trust/{version}")


def errors(desk: Desk, *args: str) -> set[str]:
    found = desk.json("verify", *args)
    codes = {one["code"] for one in found["findings"] if one["level"] == "error"}
    assert found["passed"] == (not codes)
    return codes


def proposed(desk: Desk, version: int) -> set[str]:
    return errors(desk, "--change", "main", "--rev", f"trust/{version}")


def pem(desk: Desk, name: str) -> str:
    """The file of somebody's private key."""
    return desk.signer(name).removeprefix("file:")


def test_a_new_registry_has_a_root_of_its_one_key(desk: Desk, tmp_path: Path) -> None:
    desk.ok("init", str(tmp_path / "new"), "--key", str(tmp_path / "new.pem"))
    told = desk.json("trust", "show", "--registry", str(tmp_path / "new/registry"))
    assert (told["signed_by"], told["root"]) == (["owner"], {"signers": ["owner"], "threshold": 1})
    assert errors(desk, "--registry", str(tmp_path / "new/registry")) == set()


def test_three_rotations_keep_what_was_signed_and_let_no_old_trust_come_back(desk: Desk) -> None:
    begin = desk.git("rev-parse", "HEAD")
    name = "owner"
    for number in (2, 3, 4):
        new = f"key-{number}"
        said = desk.ok("trust", "rotate", name, "--key", pem(desk, new), "--overlap", "1d", "--signer",
                       desk.signer("owner" if number == 2 else f"key-{number - 1}"))  # fmt: skip
        assert f"signed by {name} and owner-{number}" in said
        name = f"owner-{number}"
        assert proposed(desk, number) == set()
        merge(desk, number)
    assert errors(desk) == set()
    signers = desk.json("trust", "show")["signers"]
    assert [one["name"] for one in signers] == ["owner", "owner-2", "owner-3", "owner-4"]
    assert {one["person"] for one in signers} == {"owner"}
    assert [one["expires_soon"] for one in signers] == [True, True, True, False]
    assert "warning: owner-3 expires on" in desk.ok("trust", "show")
    # The first trust.yaml comes back, signature and all.
    desk.git("rm", "--quiet", "registry/trust*")
    desk.git("checkout", begin, "--", TRUST, "registry/trust.owner.sigstore.json")
    desk.git("commit", "--quiet", "-m", "As it was")
    assert errors(desk) == errors(desk, "--change", "HEAD^") == {"trust-version"}
    # Putting the newest one back puts it right.
    desk.git("revert", "--no-edit", "HEAD")
    assert errors(desk) == set()


def test_nobody_without_a_key_of_the_root_changes_trust_by_a_mere_merge(desk: Desk) -> None:
    stranger = ("--signer", desk.signer("mallory"))
    grab = ("trust", "add", "mallory", "--key", pem(desk, "mallory"), "--may-promote", "*", "--root", *stranger)
    assert "It waits for 1 of owner: `modelbook trust sign`" in desk.ok(*grab)
    assert proposed(desk, 2) == {"too-few-root-signers"}
    tip = desk.git("rev-parse", "trust/2")
    assert "It waits for 1 of owner" in desk.ok(*grab)  # the same again is the same proposal
    code, said = desk.run("trust", "add", "eve", "--key", pem(desk, "eve"))
    assert (code, "another version 2 is proposed already" in said) == (2, True)
    code, said = desk.run("trust", "sign", "--yes", "--signer", desk.signer("eve"))
    assert (code, "These may sign it: mallory, owner." in said) == (1, True)
    assert desk.git("rev-parse", "trust/2") == tip
    merge(desk, 2)
    assert errors(desk) == {"too-few-root-signers"}
    # Unless whoever asks vouches for it: a team that lost all its keys begins anew, and says from where.
    assert errors(desk, "--trust-from", "HEAD~1") == {"too-few-root-signers"}
    assert errors(desk, "--trust-from", "HEAD") == set()


def test_two_people_set_up_a_root_and_one_of_them_signs_by_ssh(desk: Desk) -> None:
    anna = ssh_key("anna")
    added = desk.ok("trust", "add", "anna", "--ssh", f"{anna.file}.pub", "--person", "anna-smith",
                    "--may-promote", "production", "--root", "--expires", "365d")  # fmt: skip
    assert "the key of 'anna' is new in the root and has signed nothing yet" in added
    merge(desk, 2)
    said = desk.ok("trust", "init", "owner", "anna", "--threshold", "2")
    assert "1 of 2 people of the new root have signed this version: owner. It waits for 1 of anna-smith" in said
    code, said = desk.run("verify", "--change", "main", "--rev", "trust/3")
    assert (code, "It waits for 1 of anna-smith: `modelbook trust sign`." in said) == (1, True)
    assert desk.run("trust", "sign", "--key", str(anna.file))[0] == 2  # nobody here to ask
    said = desk.ok("trust", "sign", "--key", str(anna.file), "--yes")
    assert "+  threshold: 2" in said
    assert "signed by anna and owner" in said
    tip = desk.git("rev-parse", "trust/3")
    desk.ok("trust", "sign", "--key", str(anna.file), "--yes")
    assert desk.git("rev-parse", "trust/3") == tip  # what is signed is not signed again
    assert proposed(desk, 3) == set()
    merge(desk, 3)
    assert errors(desk) == set()
    signature = (desk.root / "registry/trust.anna.sshsig").read_bytes()
    assert accepts(f"anna {anna.line}", "anna", "modelbook/trust", signature, (desk.root / TRUST).read_bytes())
    # From now on neither can do it alone.
    desk.ok("trust", "revoke", "--identity", "anna-smith", "--reason", "I want it all")
    assert proposed(desk, 4) == {"too-few-root-signers"}
    shown = desk.ok("trust", "show", "--rev", "trust/4")
    assert "Root: 2 people of owner and anna must sign each next version of trust.yaml" in shown
    assert "Revoked: anna-smith: I want it all" in shown


def test_what_a_revocation_names_is_found_by_name_and_by_path(desk: Desk) -> None:
    desk.ok("trust", "revoke", "--payload", CARD, "--reason", "signed by mistake")
    merge(desk, 2)
    assert errors(desk) == {"revoked-signature"}
    digest = desk.json("trust", "show")["signers"][0]["key"]
    said = desk.ok("trust", "revoke", "--key", "owner", "--since", "2026-01-01", "--reason", "stolen", "--dry-run")
    assert f"revoked: the key {digest} since 2026-01-01T00:00:00Z: stolen" in said
    desk.ok("trust", "revoke", "--key", digest, "--reason", "stolen")
    assert proposed(desk, 3) == {"too-few-root-signers"}  # it would lock the team out


def test_comments_stay_where_they_are(desk: Desk) -> None:
    text = "# Ask Anna before you change this.\nversion: 2\nsigners:\n# the one key\n- name: owner\n  key: |\n"
    text += "".join(f"    {line}\n" for line in key("owner").public_pem.splitlines())
    text += "rules:\n- {models: '*', statements: [dataset], signers: [owner]}  # all of it\n"
    text += "root: {signers: [owner]}  # since March\n"
    made = Made(trust=text.encode()).dataset("numbers", signer="owner")
    desk.commit(made.sign(trust_signature_path("owner"), trust_statement(made.registry.trust, text.encode()), "owner"))
    desk.ok("trust", "add", "ben", "--key", pem(desk, "ben"), "--may-sign", "model")
    merge(desk, 3)
    told = (desk.root / TRUST).read_text()
    for comment in ("# Ask Anna before you change this.", "# the one key", "# all of it", "# since March"):
        assert comment in told
    assert errors(desk) == set()


def test_on_github_a_change_of_trust_is_a_pull_request_that_people_sign(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, anna = "acme/registry", ssh_key("anna")
    with GitHubServer(tmp_path / "github") as server:
        server.add_token(TOKEN, "alice")
        desk.git("remote", "add", "origin", str(server.add_repository(name, from_worktree=desk.root)))
        for variable, value in {
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_REPOSITORY": name,
            "GITHUB_API_URL": server.api_url,
            "MODELBOOK_GITHUB_PAUSE": "0",
            "MODELBOOK_FORGE": "github",
        }.items():
            monkeypatch.setenv(variable, value)
        added = ("trust", "add", "anna", "--ssh", anna.line, "--root", "--may-promote", "production")
        assert f"{server.url}/{name}/pull/1" in desk.ok(*added)
        assert "signed by anna and owner" in desk.ok("trust", "sign", "--key", str(anna.file), "--yes")
        desk.git("fetch", "-q", "origin")
        assert errors(desk, "--change", "origin/main", "--rev", "origin/trust/2") == set()
        assert len(server.state()["repositories"][name]["pulls"]) == 1


def test_bad_input_changes_nothing(desk: Desk) -> None:
    bob, anna = pem(desk, "bob"), ssh_key("anna")
    workflow = ["--workflow", "https://github.com/acme/*", "--repository-id", "1", "--ref", "refs/heads/main"]
    for wrong in (
        ["add", "owner", "--key", bob], ["add", "Bob", "--key", bob], ["add", "bob"], ["add", "bob", "--key", "none"],
        ["add", "bob", "--key", bob, "--expires", "soon"], ["add", "bob", "--key", bob, "--may-sign", "everything"],
        ["add", "bob", "--ssh", str(anna.file), "--may-promote", "*"], ["add", "bob", "--ssh", "ssh-dss AAA"],
        ["add", "bob", "--ssh", anna.line, "--may-sign", "model"], ["rotate", "bob", "--key", bob],
        ["add", "ci", *workflow], ["rotate", "owner", "--key", pem(desk, "owner")],
        ["init", "bob"], ["init", "owner", "--threshold", "2"], ["sign", "--yes"],
        ["revoke", "--key", "nobody", "--reason", "x"], ["revoke", "--identity", "x", "--reason", "x"],
        ["revoke", "--payload", "registry/none", "--reason", "x"], ["revoke", "--key", "owner", "--reason", " "],
        ["revoke", "--payload", "registry/policy.yaml", "--reason", "x"],
    ):  # fmt: skip
        code, said = desk.run("trust", *wrong)
        assert (code in {1, 2}, "rror: " in said, "unexpected" in said) == (True, True, False), (wrong, said)
    assert desk.git("branch", "--list", "trust/*") == ""
