"""The repository's own workflows and actions keep every rule and hold the permissions agreed upon."""

import re
from pathlib import Path

import pytest
import yaml

from modelbook.commands._workflows import Pin, plan_workflows
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
    """What `modelbook init --github` writes, as if it called the workflows of this tree."""
    callers = {}
    for template in TEMPLATES.glob("*.yml"):
        path, text = f"{WORKFLOW_DIRECTORY}/of-a-team-{template.name}", template.read_text()
        callers[path] = Document(path, re.sub(r"uses: \S+/([a-z]+\.yml)\S+", rf"uses: $/{WORKFLOW_DIRECTORY}/\1", text))
    return callers


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_init_writes_for_a_team_fits_what_it_calls(rule: Rule) -> None:
    if rule is signers_are_chosen_alike:  # a team hands on secrets: that is how it chooses
        return
    assert [breach for breach in breaches(read_tree() | of_a_team(), rule) if "of-a-team" in breach] == []


def test_a_team_gives_each_workflow_what_its_jobs_ask_for_and_no_more() -> None:
    assert len(of_a_team()) == 12
    for path, document in of_a_team().items():
        (caller,) = document.jobs.values()
        called = local_target(caller["uses"], read_tree())
        assert called is not None, path
        asked: dict[str, str] = {}
        for job in called.jobs.values():
            asked |= {scope: level for scope, level in job["permissions"].items() if asked.get(scope) != "write"}
        assert caller["permissions"] == asked, path


def test_the_readme_shows_the_three_workflows_of_a_team_as_init_writes_them(tmp_path: Path) -> None:
    """So that whoever copies them has what the other tests hold, and what `init` would leave as it is."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    written = plan_workflows(tmp_path, Pin("OWNER/modelbook", commit), "main", "registry", ()).contents
    readme = (ROOT / "README.md").read_text()
    shown = re.findall(
        r"<summary><code>(\S+)</code>.*?</summary>\n\n```yaml\n(.*?)```\n\n</details>", readme, re.DOTALL
    )
    assert [path.rpartition("/")[2] for path, _ in shown] == ["train.yml", "verify.yml", "promote.yml"]
    for path, text in shown:
        assert text.replace("@COMMIT\n", f"@{commit}\n") == written[path].decode(), path
