"""What cannot be promoted, and what was meant for a shell or for Markdown: told, with nothing made on GitHub."""

from typing import Any

import pytest
import yaml

from tests.made import POLICY
from tests.parts.desks import made_for_people
from tests.parts.office import Office

NASTY = {
    "a shell's": '$(touch pwned) `id` "; exit 1 #',
    "an expression": "${{ github.token }}",
    "lines": "one\n::error::two\r\nthree",
    "an option's": "--to=production",
    "unicode": "naïve ☃ \u202e日本 \x1b[31m",
    "Markdown's": "@everyone #1 [here](https://example.org) <img src=x>",
    "long": "x" * 20_000,
}
nasty = pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)


def run(office: Office, *arguments: str, verb: str = "promote") -> tuple[int, str]:
    code, text = office.desk.run(verb, "--signer", office.desk.signer("promoter"), *arguments)
    assert "unexpected" not in text, text
    return int(code), text


@nasty
def test_nothing_that_should_be_a_name_is_anything_else(office: Office, text: str) -> None:
    office.open("names")
    office.server.clear_log()
    for arguments in (
        ("--to=staging", "--", text),
        ("--to=staging", "--", f"digits@{text}"),
        (f"--to={text}", "--", "digits@1"),
        ("--to=staging", f"--override-freeze={text}", "--reason=x", "--", "digits@1"),
    ):
        assert run(office, *arguments)[0] == 2
    assert office.desk.run("approve", "--yes", "--", text)[0] == 2
    assert office.desk.run("verify", f"--change={text}")[0] == 2
    assert office.desk.run("evaluate", f"--suite={text}", "--", "digits@1")[0] == 2
    assert office.visible_writes() == []
    assert not list(office.desk.root.glob("pwned*"))


@nasty
def test_a_reason_is_kept_as_it_is_and_shown_as_plain_words(office: Office, text: str) -> None:
    office.open("reasons")
    code, said = run(office, "--to=staging", f"--reason={text}", "--", "digits@1")
    if text == NASTY["long"]:
        assert (code, "it has 20,000 characters, and the record takes 10,000" in " ".join(said.split())) == (2, True), (
            said
        )
        return
    assert code == 0, said
    report = office.verify(1)
    assert report["passed"], report
    office.desk.ok("revoke", f"--reason={text}", "--", "digits@2")
    shown = [pull["issue"]["body"] for pull in office.state["pulls"]]
    shown += [comment["body"] for comment in office.state["comments"]]
    for active in ("[here](", "<img", "@everyone", "$(touch", "\u202e", "\x1b"):
        assert not any(active in one for one in shown), shown
    pointer = office.desk.git("show", "refs/pull/1/head:registry/models/digits/stages/staging.yaml")
    assert yaml.safe_load(pointer)["reason"].split() == text.split()


def changed_policy(office: Office) -> None:
    office.desk.commit(made_for_people(threshold=1).put("policy.yaml", POLICY.replace(">= 0.90", ">= best")))


def changed_card(office: Office) -> None:
    card = office.desk.root / "registry/models/digits/versions/1/card.yaml"
    card.write_bytes(card.read_bytes() + b"# a note\n")
    office.desk.git("commit", "-q", "-am", "A note")


def not_evaluated(office: Office) -> None:
    office.desk.git("rm", "-rq", "registry/models/digits/versions/1/evaluations")
    office.desk.git("commit", "-q", "-m", "Measure it anew")


def evaluation_of_another(office: Office) -> None:
    there = office.desk.root / "registry/models/digits/versions"
    for name in ("default.yaml", "default.sigstore.json"):
        (there / "1/evaluations" / name).write_bytes((there / "2/evaluations" / name).read_bytes())
    office.desk.git("commit", "-q", "-am", "The better numbers")


@pytest.mark.parametrize(
    ("spoil", "reference", "stage", "code", "says"),
    [
        (None, "nothing@1", "staging", 2, "no registered model 'nothing'"),
        (None, "digits@7", "staging", 2, "digits"),
        (None, "digits@1", "nowhere", 2, "Its stages: staging, production"),
        (None, "digits@1", "production", 1, "is not in staging, the stage before production"),
        (changed_policy, "digits@1", "staging", 1, "it cannot be judged"),
        (changed_card, "digits@1", "staging", 1, "differs from the card of digits@1"),
        (not_evaluated, "digits@1", "staging", 1, "has no evaluation that verifies"),
        (evaluation_of_another, "digits@1", "staging", 1, "evaluations/default.yaml"),
    ],
)  # fmt: skip
def test_what_cannot_be_promoted_is_told_and_nothing_is_made(
    office: Office, spoil: Any, reference: str, stage: str, code: int, says: str
) -> None:
    if spoil:
        spoil(office)
    office.open("spoilt")
    office.server.clear_log()
    told, text = run(office, f"--to={stage}", "--", reference)
    assert (told, says in " ".join(text.split())) == (code, True), text
    assert office.visible_writes() == []


def test_a_policy_that_became_invalid_on_the_branch_is_red(office: Office) -> None:
    office.open("invalid-policy")
    assert run(office, "--to=staging", "--", "digits@1")[0] == 0
    office.desk.git("fetch", "-q", "origin")
    office.desk.git("switch", "-q", "-c", "edit", "origin/promote/digits-1-to-staging")
    (office.desk.root / "registry/policy.yaml").write_text("format: modelbook/policy/v1\nstages: []\n")
    office.desk.git("commit", "-q", "-am", "Edit")
    office.desk.git("push", "-q", "origin", "HEAD:promote/digits-1-to-staging")
    office.desk.git("switch", "-q", "main")
    report = office.verify(1)
    assert (report["passed"], office.statuses(1)) == (False, ["failure"])
    assert any("policy.yaml" in finding["path"] for finding in report["findings"])


def test_a_registry_in_a_folder_of_a_larger_repository(office: Office) -> None:
    (office.desk.root / "ml").mkdir()
    office.desk.git("mv", "registry", "ml/registry")
    office.desk.git("commit", "-q", "-m", "Into ml/")
    office.open("monorepo")
    office.patch.setenv("MODELBOOK_REGISTRY", "ml/registry")
    assert run(office, "--to=staging", "--", "digits@1")[0] == 0
    assert office.verify(1)["passed"]
    office.merge(1)
    assert "nothing to do" in run(office, "--to=staging", "--", "digits@1")[1]
    assert office.desk.json("plan")["promote"]
