"""The repository's own workflows and actions keep every rule and hold the permissions agreed upon."""

import pytest
import yaml

from tests.lint.documents import ROOT, permissions, read_tree
from tests.lint.rules import RULES, Rule, breaches

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
