"""What a registry answers, from its files alone."""

import pytest

from modelbook.core.documents import DocumentError
from modelbook.core.names import parse_reference
from modelbook.core.registry import Registry
from modelbook.errors import BadInput
from tests.made import POLICY, Made


def full() -> Made:
    made = (
        Made().dataset().dataset("digits", 2).version().version("digits", 2).version("digits", 10).version("fraud", 3)
    )
    made.put("models/empty/model.yaml", "model: empty\n").put("notes.txt", "x").put("models/Upper/model.yaml", "x")
    return made.pointer("digits", "staging", 2).evaluation("digits", 2, suite="slow")


def resolved(text: str) -> int:
    return full().registry.resolve(parse_reference(text))


def test_models_datasets_and_versions_are_listed_in_order_and_strange_files_are_not() -> None:
    registry = full().registry
    assert registry.models() == ["digits", "empty", "fraud"]
    assert (registry.versions("digits"), registry.versions("empty"), registry.versions("none")) == ([1, 2, 10], [], [])
    assert (registry.datasets(), registry.dataset_versions("digits")) == (["digits"], [1, 2])


def test_evaluations_belong_to_one_version() -> None:
    registry = full().registry
    folder = "models/digits/versions/2/evaluations"
    assert registry.evaluation_paths("digits", 2) == {
        "default": f"{folder}/default.yaml",
        "slow": f"{folder}/slow.yaml",
    }
    assert list(registry.evaluation_paths("digits", 10)) == ["default"]
    assert registry.evaluation_paths("digits", 3) == {}


def test_a_reference_leads_to_a_version() -> None:
    registry = full().registry
    assert (resolved("digits@1"), resolved("digits"), resolved("digits@latest"), resolved("digits@staging")) == (
        1,
        10,
        10,
        2,
    )
    assert resolved("digits@" + registry.digest("models/digits/versions/2/card.yaml")) == 2


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("none@1", "no registered model 'none' has a version here", "modelbook list"),
        ("empty", "no registered model 'empty' has a version here", "modelbook list"),
        ("digits@3", "digits has no version 3", "Its latest is digits@10."),
        ("digits@canary", "no stage is named 'canary'", "Its stages: staging, production."),
        ("digits@production", "no version of digits is in production", "modelbook promote digits@10 --to production"),
        ("digits@sha256:" + "0" * 64, "no card of digits has the digest", "modelbook list digits"),
    ],
)
def test_a_reference_that_leads_nowhere_says_what_there_is_instead(text: str, message: str, remedy: str) -> None:
    with pytest.raises(BadInput) as caught:
        resolved(text)
    assert message in caught.value.message
    assert remedy in str(caught.value.remedy)


def test_stages_come_in_the_order_of_the_policy() -> None:
    made = full().pointer("digits", "production", 2)
    assert list(made.registry.stages_of("digits")) == ["staging", "production"]
    assert made.registry.stages_of("fraud") == {}


def test_gates_know_the_line_that_they_are_written_on() -> None:
    own = "model: digits\ngates:\n  production:\n  - name: fast\n    require: metrics.latency_ms < 20.0\n"
    registry = full().put("models/digits/model.yaml", own).registry
    gates = registry.gates("digits", registry.stage("production"))
    assert [(gate.gate.name, gate.path, gate.line) for gate in gates] == [
        ("better than what serves now", "registry/policy.yaml", 11),
        ("metrics.latency_ms < 50.0", "registry/policy.yaml", 13),
        ("fast", "registry/models/digits/model.yaml", 4),
    ]


def test_an_error_names_the_file_from_the_top_of_the_repository() -> None:
    for prefix, shown in (("registry", "registry/policy.yaml"), ("ml/reg", "ml/reg/policy.yaml"), ("", "policy.yaml")):
        with pytest.raises(DocumentError) as caught:
            _ = Registry({"policy.yaml": POLICY.replace("auto", "outo").encode()}, prefix).policy
        assert (caught.value.where, caught.value.line) == (shown, 5)
    with pytest.raises(BadInput) as missing:
        _ = Registry({}).trust
    assert missing.value.where == "registry/trust.yaml"


def test_what_is_asked_of_a_file_that_is_not_here_is_bad_input() -> None:
    registry = Made().registry
    assert (registry.pointer("digits", "staging"), registry.model("digits")) == (None, None)
    with pytest.raises(BadInput, match="no such file"):
        registry.card("digits", 1)
    with pytest.raises(BadInput, match="no such file"):
        registry.digest("x")
