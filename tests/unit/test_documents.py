"""From bytes to a checked record and back: everything that is wrong, each with its line and what to do."""

from typing import Any

import pytest

from modelbook.core.card import ModelCard
from modelbook.core.documents import DocumentError, dump, load, repeated
from modelbook.core.policy import Policy
from modelbook.core.records import Frozen
from modelbook.core.registered_model import RegisteredModel
from modelbook.core.revocation import Revocation
from modelbook.core.run_record import RunRecord
from modelbook.core.schemas import DOCUMENTS
from modelbook.core.trust import Trust
from modelbook.errors import BadInput, Exit
from tests.made import POLICY, Made, record
from tests.made_fields import NOW, card_fields, digest
from tests.unit.sweeps import sweep

MODEL = """\
model: digits
owners: [alice]
suites:
  default:
    entry_point: examples/digits/evaluate.py
    dataset: digits@1
gates:
  production:
  - metrics.accuracy >= 0.95
  - name: fast
    require: metrics.latency_ms < 20.0
"""


def problems(kind: type[Frozen], text: str) -> list[tuple[int | None, str, str, str | None]]:
    with pytest.raises(DocumentError) as caught:
        load(kind, text.encode(), "registry/file.yaml")
    assert all(finding.path == "registry/file.yaml" for finding in caught.value.findings)
    return [(one.line, one.code, one.message, one.remedy) for one in caught.value.findings]


def test_every_problem_of_a_document_is_reported_with_its_line_not_only_the_first() -> None:
    text = (
        POLICY.replace("format: modelbook/policy/v1", "format: modelbook/policy/v9")
        .replace("auto: true", "auto: 'yes'")
        .replace("first: accept", "first: maybe")
        .replace("name: production", "name: Production")
    )
    found = problems(Policy, text)
    assert [(line, code) for line, code, _, _ in found] == [
        (1, "format"),
        (5, "invalid"),
        (8, "invalid"),
        (9, "invalid"),
    ]
    assert "'modelbook/policy/v9'" in found[0][2]
    assert "stages.0.auto" in found[1][2]
    assert '(it is "yes")' in found[1][2]
    assert "stages.1.name" in found[2][2]


def test_the_error_itself_says_everything_and_is_bad_input() -> None:
    with pytest.raises(DocumentError) as caught:
        load(Policy, b"stores: x\nstages: []\n", "registry/policy.yaml")
    assert caught.value.exit_code == Exit.BAD_INPUT
    text = str(caught.value)
    assert text.count("registry/policy.yaml:") == 3
    assert "registry/policy.yaml:1: unknown key 'stores'\n  Did you mean 'store'?" in text
    assert (caught.value.where, caught.value.line) == ("registry/policy.yaml", 1)


@pytest.mark.parametrize(
    ("kind", "text", "line", "key", "hint"),
    [
        (Policy, POLICY.replace("auto:", "autoo:"), 5, "stages.0.autoo", "Did you mean 'auto'?"),
        (Policy, POLICY.replace("require:", "requires:"), 12, "stages.1.gates.0.requires", "Did you mean 'require'?"),
        (RegisteredModel, MODEL.replace("entry_point", "entrypoint"), 5, "suites.default.entrypoint", "'entry_point'?"),
        (RegisteredModel, MODEL.replace("require", "requier"), 11, "gates.production.1.requier", "'require'?"),
        (RegisteredModel, MODEL + "zebra: 1\n", 12, "zebra", "Remove it, or check the spelling."),
        (Trust, "version: 1\nrule: []\n", 2, "rule", "Did you mean 'rules'?"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_key_that_was_meant(
    kind: type[Frozen], text: str, line: int, key: str, hint: str
) -> None:
    found = [(at, message, remedy) for at, code, message, remedy in problems(kind, text) if code == "unknown-key"]
    assert [(at, message) for at, message, _ in found] == [(line, f"unknown key {key!r}")]
    assert hint in str(found[0][2])


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("model: digits\nsuites:\n  default:\n    dataset: digits@1\n", 3, "the key 'entry_point' is missing in"),
        ("description: x\n", 1, "the key 'model' is missing"),
        ("- model\n", 1, "the document"),
        ("model: 7\n", 1, "(it is 7)"),
        ("model: true\n", 1, "(it is true)"),
        ("model: digits\ndescription: [1]\n", 2, "description"),
        ("model: digits\ntags:\n- ok\n- 'not ok'\n", 4, "tags.1"),
        ("model: digits\nsuites:\n  Upper:\n    entry_point: x\n    dataset: a@1\n", 3, "suites.Upper"),
        ("model: ../digits\n", 1, "model"),
        ("model: digits\nmodel: digits\n", 2, "stands twice"),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_line(text: str, line: int, message: str) -> None:
    assert any(at == line and message in said for at, _, said, _ in problems(RegisteredModel, text))


@pytest.mark.parametrize("value", ["'1'", "true", "null", "1.5", "[1]", "-1", "0", "1.0"])
def test_a_version_is_a_whole_number_and_nothing_that_looks_like_one(value: str) -> None:
    assert problems(Trust, f"rules: []\nversion: {value}\n")[0][0] == 2
    text = dump(record(ModelCard, card_fields())).decode().replace("\nversion: 1\n", f"\nversion: {value}\n")
    assert [line for line, _, _, _ in problems(ModelCard, text)] == [3]


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (
            Policy,
            "store: /data",
            "store: a store is s3://bucket/prefix (a bucket has 3 characters or more) or file:folder",
        ),
        (Policy, "reproduce: {margins: {a b: 1}}", "a metric is named by letters, digits and '_'"),
        (RegisteredModel, "model: Digits", "model: a name is of a-z, 0-9 and '-'"),
        (RegisteredModel, MODEL.replace("@1", ""), "dataset: a dataset version is written as in digits@1"),
    ],
)
def test_what_a_pattern_asks_for_is_said_in_words(kind: type[Frozen], text: str, words: str) -> None:
    assert any(words in said for _, _, said, _ in problems(kind, text))
    assert not any("pattern" in said for _, _, said, _ in problems(kind, text))


def test_a_rule_between_fields_is_reported_too() -> None:
    assert problems(Policy, POLICY.replace("name: production", "name: staging"))[0][2].endswith(
        "two stages are named 'staging'"
    )


def examples() -> dict[str, Frozen]:
    made = (
        Made().dataset().version().pointer("digits", "staging", 1).version("digits", 2).pointer("digits", "staging", 2)
    )
    registry = made.reproduction().online().put("models/digits/model.yaml", MODEL).registry
    model = registry.model("digits")
    pointer = registry.pointer("digits", "staging")
    assert model
    assert pointer
    assert pointer.baseline
    card = registry.card("digits", 1)
    run = {name: value for name, value in card.run.model_dump().items() if name != "metrics"}
    return {
        "card": card,
        "dataset": registry.dataset_card("digits", 1),
        "evaluation": registry.evaluation("models/digits/versions/1/evaluations/default.yaml"),
        "model": model,
        "online": registry.online("digits", "spring"),
        "policy": registry.policy,
        "reproduction": registry.reproduction("models/digits/versions/1/reproductions/again.yaml"),
        "revocation": Revocation(
            model="digits", version=1, card=digest("card"), by="alice", revoked=NOW, reason="leaked labels"
        ),
        "stage": pointer,
        "sweep": sweep(),
        "trust": registry.trust,
        "run": record(RunRecord, run | card.lineage.model_dump(exclude={"parents"})),
    }


@pytest.mark.parametrize("document", sorted(DOCUMENTS))
def test_a_record_written_and_read_is_the_same_record_and_the_same_bytes(document: str) -> None:
    kind, made = DOCUMENTS[document], examples()[document]
    assert type(made) is kind
    written = dump(made)
    again = load(kind, written, "x.yaml")
    assert again == made
    assert dump(again) == written


def test_a_parameter_that_is_null_is_still_there_after_writing() -> None:
    """Absent optional values are left out; what a training run recorded is not."""
    fields = card_fields()
    params: dict[str, Any] = {"a": None, "b": [None, {"c": None}], "d": {}, "e": "1e5", "f": 1e-7, "g": True}
    fields["run"]["params"] = params
    card = record(ModelCard, fields)
    assert load(ModelCard, dump(card), "card.yaml").run.params == params
    assert b"cuda" not in dump(card)


@pytest.mark.parametrize(
    "value", [2**53, float("nan"), float("inf"), "\ud800", [[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]
)
def test_a_record_that_no_file_can_hold_is_refused_in_words(value: Any) -> None:
    """A run may have recorded more than the registry's YAML holds: that is told, not a traceback."""
    card = record(ModelCard, card_fields())
    run = card.run.model_copy(update={"params": {"a": value}})
    with pytest.raises(BadInput, match="cannot be written"):
        dump(card.model_copy(update={"run": run}))


def test_records_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        record(ModelCard, card_fields()).version = 2  # type: ignore[misc]  # that is the point


def test_repeated_names_the_first_twin() -> None:
    assert (repeated(["a", "b", "a", "b"]), repeated(["a"]), repeated([])) == ("a", None, None)


def test_every_kind_of_document_has_an_example_here() -> None:
    assert examples().keys() == DOCUMENTS.keys()
