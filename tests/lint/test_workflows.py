"""The repository's own workflows and actions keep every rule and hold the permissions agreed upon."""

import re

import pytest
import yaml

from tests.lint.documents import ROOT, WORKFLOW_DIRECTORY, Document, local_target, permissions, read_tree
from tests.lint.rules import RULES, Rule, breaches, signers_are_chosen_alike

TEMPLATES = ROOT / "src/modelbook/templates/github/workflows"
SNAPSHOT = ROOT / "tests/lint/permissions.yaml"


def test_there_is_something_to_check() -> None:
    assert ".github/workflows/ci.yml" in read_tree()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(rule: Rule) -> None:
    assert breaches(read_tree(), rule) == [], rule.__doc__


def test_permissions_are_those_agreed_upon() -> None:
    now = permissions(read_tree())
    assert now == yaml.safe_load(SNAPSHOT.read_text()), (
        f"a permission changed: if that is meant, {SNAPSHOT.name} becomes\n\n{yaml.safe_dump(now)}"
    )


def test_a_merge_queue_is_verified_against_its_own_base_and_gets_the_status() -> None:
    document = read_tree()[".github/workflows/verify.yml"]
    given = [step["with"] for _, step in document.steps if str(step.get("uses")).endswith("actions/verify")]
    assert len(given) == 2
    for one in given:
        assert one["change"] == "${{ github.event.merge_group.base_sha || 'HEAD^1' }}"
        assert one["status"] == "${{ github.event_name == 'merge_group' }}"
    for text in (document.text, (TEMPLATES / "verify.yml").read_text()):
        assert "\n  merge_group:\n    types: [checks_requested]\n" in text


def of_a_team() -> dict[str, Document]:
    """What `modelbook init --github` writes and what the README shows, as if they called the workflows of this tree."""
    texts = {template.name: template.read_text() for template in TEMPLATES.glob("*.yml")}
    (shown,) = re.findall(r"```yaml\n(name: Train\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    texts["readme.yml"] = shown
    callers = {}
    for name, text in texts.items():
        path = f"{WORKFLOW_DIRECTORY}/of-a-team-{name}"
        callers[path] = Document(path, re.sub(r"uses: \S+/([a-z]+\.yml)\S+", rf"uses: $/{WORKFLOW_DIRECTORY}/\1", text))
    return callers


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_init_writes_for_a_team_fits_what_it_calls(rule: Rule) -> None:
    if rule is signers_are_chosen_alike:  # a team hands on secrets: that is how it chooses
        return
    assert [breach for breach in breaches(read_tree() | of_a_team(), rule) if "of-a-team" in breach] == []


def test_a_team_gives_each_workflow_what_its_jobs_ask_for_and_no_more() -> None:
    assert len(of_a_team()) == 9
    for path, document in of_a_team().items():
        (caller,) = document.jobs.values()
        called = local_target(caller["uses"], read_tree())
        assert called is not None, path
        asked: dict[str, str] = {}
        for job in called.jobs.values():
            asked |= {scope: level for scope, level in job["permissions"].items() if asked.get(scope) != "write"}
        assert caller["permissions"] == asked, path
