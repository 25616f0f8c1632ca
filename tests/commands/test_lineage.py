"""What a version was made from, what was made from it, and many versions side by side."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from modelbook.core import layout
from modelbook.core.digests import digest_of
from modelbook.core.queries.ancestry import upstream
from modelbook.core.queries.lineage import downstream, in_stages, tree_lines
from modelbook.core.registry import Registry
from modelbook.core.revocation import revocation_path
from modelbook.errors import BadInput
from tests.commands.test_diff import committed
from tests.commands.test_finding import modelbook
from tests.made import Made
from tests.made_fields import card_fields


def family() -> Made:
    """transactions@1 → base@1 → fraud@1 (in production) → fraud@2; other@1 was only measured on transactions@1."""
    made = Made().dataset("transactions", source="the bank").dataset("digits")
    made.version("base", 1, None, data="transactions")
    child(made, "fraud", 1, ("base", 1))
    made.evaluation("fraud", 1).pointer("fraud", "staging", 1).pointer("fraud", "production", 1)
    child(made, "fraud", 2, ("fraud", 1))
    made.evaluation("fraud", 2, {"accuracy": {"value": 0.5, "n": 1000}})
    made.version("other", 1, None).evaluation("other", 1, {"accuracy": 0.5}, data="transactions")
    return made


def child(made: Made, model: str, version: int, parent: tuple[str, int]) -> None:
    card = digest_of(made.files[f"{layout.version_folder(*parent)}/card.yaml"])
    lineage = card_fields()["lineage"] | {"datasets": [made.use("digits", 1)]}
    lineage["parents"] = [{"model": parent[0], "version": parent[1], "card": card}]
    made.version(model, version, None, lineage=lineage, run=card_fields()["run"] | {"params": {"lr": version / 10}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return committed(tmp_path_factory.mktemp("registry"), family())


def asked(folder: Path, *arguments: str) -> Any:
    done = modelbook(folder, *arguments, "--json")
    assert not done.exception, done.output
    return json.loads(done.stdout)


def names(tree: Any) -> dict[str, Any]:
    return {one["name"]: names(one) for one in tree.get("below", [])}


def test_a_version_is_told_with_all_that_it_was_made_from(folder: Path) -> None:
    tree = asked(folder, "lineage", "fraud@production")
    assert (tree["name"], tree["stages"]) == ("fraud@1", ["staging", "production"])
    assert [(one["role"], one["kind"]) for one in tree["below"]] == [
        ("run", "run"),
        ("code", "code"),
        ("train", "dataset"),
        ("environment", "environment"),
        ("parent", "model"),
    ]
    parent = tree["below"][-1]
    assert (parent["name"], list(names(parent))) == (
        "base@1",
        ["run-base-1", "c" * 12, "transactions@1", "Python 3.11.7"],
    )
    assert "source: the bank" in parent["below"][2]["says"]


def test_poisoned_data_is_followed_to_what_serves(folder: Path) -> None:
    tree = asked(folder, "lineage", "transactions@1", "--downstream")
    assert names(tree) == {"base@1": {"fraud@1": {"fraud@2": {}}}, "other@1": {}}
    assert tree["in_stages"] == {"production": ["fraud@1"], "staging": ["fraud@1"]}
    text = modelbook(folder, "lineage", "transactions@1", "--downstream").stdout
    assert text == (
        "transactions@1\n"
        "├─ trained on it: base@1\n"
        "│  └─ made from it: fraud@1 [production, staging]\n"
        "│     └─ made from it: fraud@2\n"
        "└─ measured on it: other@1\n"
        "\n"
        "in production: fraud@1\n"
        "in staging: fraud@1\n"
    )
    assert "Nothing here was made from it." in modelbook(folder, "lineage", "fraud@2", "--downstream").stdout


def test_a_parent_that_is_not_here_or_not_the_same_is_said(tmp_path: Path) -> None:
    made = family()
    made.version("base", 1, None, data="transactions", description="another")
    made.drop(*[path for path in made.files if path.startswith("datasets/digits/")])
    tree = asked(committed(tmp_path, made), "lineage", "fraud@1")
    said = {one["name"]: one["says"] for one in tree["below"] if one["kind"] == "missing"}
    assert said == {
        "digits@1": ["not in this registry"],
        "base@1": ["not the one that was used: its card has another digest"],
    }


def test_what_was_made_from_a_revoked_version_says_so(tmp_path: Path) -> None:
    folder = committed(tmp_path, family().put(revocation_path("base", 1), "by: ann\n"))
    assert modelbook(folder, "lineage", "fraud@2").stdout.endswith("\n\nIt was made from what was revoked: base@1\n")
    assert asked(folder, "lineage", "fraud@2")["revoked_below"] == ["base@1"]
    assert asked(folder, "lineage", "other@1")["revoked_below"] == []


def test_a_version_that_is_made_from_the_last_one_each_night_is_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def uses(name: str, field: str) -> list[dict[str, Any]]:
        number = int(name.partition("@")[2])
        stages = ["production"] if number + 1 == 5000 else []
        return [{"ref": f"m@{number + 1}", "stages": stages}] if number < 5000 and field != "tested" else []

    tree = downstream("data@0", "dataset", uses)
    assert len(list(tree.all())) == 5001
    assert in_stages(tree) == {"production": ["m@5000"]}
    assert len(json.dumps(tree.as_json(), indent=2)) + len(list(tree_lines(tree))) > 5000

    monkeypatch.setattr("modelbook.core.queries.ancestry.DEEPEST", 1)
    registry = Registry(family().files, "registry")
    made = [one for one in upstream(registry, "fraud", 2).below if one.kind == "model"]
    assert [(one.role, one.name) for one in made] == [("parent", "fraud@1"), ("ancestor", "base@1")]


def test_a_circle_of_hostile_cards_ends() -> None:
    def uses(name: str, field: str) -> list[dict[str, Any]]:
        made = {"a@1": ["b@1", "c@1"], "b@1": ["d@1"], "c@1": ["d@1"], "d@1": ["a@1"]}
        return [{"ref": ref} for ref in made[name]] if field == "parents" else []

    tree = downstream("a@1", "model", uses)
    assert names(tree.as_json()) == {"b@1": {"d@1": {"a@1": {}}}, "c@1": {"d@1": {}}}


def test_a_graph_has_each_thing_once_and_no_word_of_a_card_as_mermaids_own(folder: Path) -> None:
    lines = modelbook(folder, "lineage", "transactions@1", "--downstream", "--format", "mermaid").stdout.splitlines()
    assert lines[:2] == ["```mermaid", "flowchart LR"]
    labels = [found[1] for line in lines if (found := re.fullmatch(r'    n\d+\["([^"]*)"\]', line))]
    assert labels == ["dataset transactions#64;1", "base#64;1", "other#64;1", "fraud#64;1", "fraud#64;2"]
    assert '    n0 -->|"trained on it"| n1' in lines


def test_what_is_not_there_is_refused_with_what_is(folder: Path) -> None:
    for reference, says in (("nobody@1", "no registered model"), ("digits@7", "its latest is digits@1"), ("a/b", "")):
        done = modelbook(folder, "lineage", reference)
        assert isinstance(done.exception, BadInput)
        assert says.lower() in str(done.exception).lower()
    assert isinstance(modelbook(folder, "lineage", "fraud@1", "--dataset").exception, BadInput)


def test_many_versions_stand_side_by_side_with_what_is_beyond_noise(tmp_path: Path) -> None:
    made = Made().dataset()
    for version, (value, lr) in enumerate([(0.8, 0.1), (0.81, 0.1), (0.95, 0.2)], 1):
        run = card_fields()["run"] | {"params": {"lr": lr}}
        made.version("fraud", version, {"accuracy": {"value": value, "n": 1000}}, run=run)
    folder = committed(tmp_path, made)
    told = asked(folder, "compare", "fraud@1", "fraud@2", "fraud@3")
    assert told["versions"] == ["fraud@1", "fraud@2", "fraud@3"]
    assert {"kind": "parameters", "name": "lr", "values": ["0.1", "0.1", "0.2"]} in told["differences"]
    [metric] = told["metrics"]
    assert metric["noise"] == [None, False, True]
    assert "0.95 *" in modelbook(folder, "compare", "fraud@1", "fraud@2", "fraud@3").stdout
    assert isinstance(modelbook(folder, "compare", "fraud@1", "fraud@latest", "fraud@3").exception, BadInput)
    [pair] = asked(folder, "diff", "fraud@1", "fraud@3")["metrics"]
    low, high = pair["interval"]
    assert 0 < low < 0.15 < high
    assert pair["beyond_noise"] is True
