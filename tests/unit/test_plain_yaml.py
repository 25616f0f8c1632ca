"""The quick reader and libyaml never read one text as two things: what it is not sure of, it leaves."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelbook.core import plain_yaml
from modelbook.core.strict_yaml import _Builder, _word, write

ROOT = Path(__file__).parents[2]
WORDS = st.text("aB0-_.:/ '\"#&*!?|>%@,[]{}=<()~+\n\té", max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)
# Lines as YAML has them, whole or nearly so, at indents that fit and that do not.
PIECES = [
    "- ",
    "-",
    "a: ",
    "b: ",
    "key: ",
    "a:",
    "b:",
    "'x y'",
    "''",
    "'a''b'",
    "1",
    "-1.5",
    "1e5",
    "010",
    "no",
    "null",
]
PIECES += [
    "true",
    "word",
    "two words",
    "a:b",
    "a: b",
    "a #b",
    "#",
    "---",
    "...",
    "[]",
    "{}",
    "[a]",
    "|",
    ">",
    "&a",
    "*a",
]
PIECES += [
    "!t",
    "? ",
    "9" * 18,
    '"x"',
    "%",
    "@",
    "<<: ",
    "é",
    "x" * 30,
    " ",
    ": ",
    "-a",
    "- - ",
    "key",
    "2026-11-25T00:00:00Z",
]
LINES = st.builds(
    lambda indent, parts: " " * indent + "".join(parts),
    st.sampled_from([0, 0, 2, 2, 4, 1, 6]),
    st.lists(st.sampled_from(PIECES), max_size=3),
)


def both(text: str) -> tuple[Any, Any]:
    return plain_yaml.read(text, _word), _Builder(text).document()


def agree(text: str) -> None:
    quick = plain_yaml.read(text, _word)
    if quick is not None:  # then libyaml takes it too, as the very same
        slow = _Builder(text).document()
        assert repr(quick) == repr(slow), text


@given(st.dictionaries(WORDS, VALUES, min_size=1, max_size=4))
def test_what_the_registry_writes_is_read_alike(data: dict[str, Any]) -> None:
    try:
        agree(write(data).decode())
    except ValueError:
        return  # no document at all


@settings(max_examples=2000)
@given(st.lists(LINES, min_size=1, max_size=6))
@example(["a: b", "  c: d"])
@example(["a: b", "  - c"])
@example(["- a", "- b"])
@example(["a:", "- b:", "  - c", "  d: e", "f: g"])
@example(["a:", "b: c"])
@example(["a:", "  b: c", " d: e"])
@example(["a: b", "a: c"])
@example(["a:", "  - b", "c:", "- d"])
def test_any_lines_are_read_alike_or_left(lines: list[str]) -> None:
    agree("\n".join(lines) + "\n")


@given(
    st.integers(0, 10_000), st.sampled_from([" ", "\n", ":", "- ", "'", "#", "  ", "&", "x", "\t", ""]), st.booleans()
)
def test_a_card_with_one_thing_changed_is_read_alike_or_left(at: int, new: str, insert: bool) -> None:
    text = (ROOT / "registry/models/digits/versions/2/card.yaml").read_text()
    at %= len(text)
    agree(text[:at] + new + text[at + (0 if insert else 1) :])


@pytest.mark.parametrize("name", ["card.yaml", "evaluations/default.yaml"])
def test_what_verifying_reads_most_takes_the_quick_way(name: str) -> None:
    quick, slow = both((ROOT / "registry/models/digits/versions/2" / name).read_text())
    assert quick == slow


def test_what_is_hard_is_left_to_libyaml() -> None:
    for text in ("", "a: b", "a: b\n# c\n", "a: |\n  b\n", "a: " + "9" * 18 + "\n", "a: 1e999\n", f"{'k' * 1025}: a\n"):
        assert plain_yaml.read(text, _word) is None, text
    deep = "".join("  " * depth + "a:\n" for depth in range(30)) + "  " * 30 + "a: b\n"
    assert plain_yaml.read(deep, _word) is None


@given(
    environment=st.dictionaries(WORDS, st.one_of(WORDS, st.dictionaries(WORDS, WORDS, max_size=3)), max_size=3),
    where=st.sampled_from(["top", "lineage", "run", "both"]),
    beside=VALUES,
)
def test_an_environment_means_the_same_wherever_it_stands(environment: Any, where: str, beside: Any) -> None:
    """It is read by itself and kept for the next document, so it must not depend on what is around it."""
    documents = {
        "top": {"beside": beside, "environment": environment},
        "lineage": {"beside": beside, "lineage": {"environment": environment}},
        "run": {"run": {"environment": environment}, "lineage": {"environment": {}, "beside": beside}},
        "both": {"run": {"environment": environment}, "lineage": {"a": beside, "environment": environment}},
    }
    text = write(json.loads(json.dumps(documents[where]))).decode()  # no part twice: YAML would make an alias of it
    for _ in range(2):
        found = plain_yaml.read(text, _word)
        assert found is None or found == _Builder(text).document()
        for one in (found or {}).values():
            if isinstance(one, dict):
                one.clear()  # what a reader does with its own must not reach the next one
