"""A file that a person wrote is changed where its data change, and nowhere else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core import strict_yaml
from modelbook.core.yaml_edit import rewrite

FILE = """\
# Whom we trust.
version: 1   # goes up

signers:
# the lead
- name: alice   # since 2024
  key: |
    AAA
    BBB
- name: 'bob'
  tags: [a, b]
# Who may what:
rules:   # in order
  # the special one
  - models: fraud
    signers:
    - alice   # she
  # the general one
  - models: '*'
    signers: [alice, bob]

# the end
"""


def changed(change: Any) -> str:
    data = strict_yaml.read(FILE.encode()).data
    change(data)
    written = rewrite(FILE.encode(), data)
    assert strict_yaml.read(written).data == data
    return written.decode()


def test_nothing_changes_where_nothing_changed() -> None:
    assert changed(lambda data: None) == FILE


def test_a_scalar_changes_in_its_line_and_keeps_its_comment() -> None:
    assert changed(lambda data: data.update(version=2)) == FILE.replace("version: 1 ", "version: 2 ")


def test_what_is_new_stands_at_the_end_of_its_part_and_above_the_next_ones_comment() -> None:
    added = changed(lambda data: data["signers"].append({"name": "carol", "key": "A\nB\n"}))
    assert added == FILE.replace("# Who may what", "- name: carol\n  key: |\n    A\n    B\n# Who may what")
    rule = changed(lambda data: data["rules"].insert(1, {"models": "spam", "signers": ["bob"]}))
    assert rule == FILE.replace(
        "    - alice   # she\n  # the general one\n",
        "    - alice   # she\n  # the general one\n  - models: spam\n    signers:\n    - bob\n",
    )
    key = changed(lambda data: data["signers"][0].update(expires="2027-01-01T00:00:00Z"))
    assert key == FILE.replace("    BBB\n", "    BBB\n  expires: '2027-01-01T00:00:00Z'\n")
    top = changed(lambda data: data.update(root={"threshold": 1}))
    assert top == FILE.replace("bob]\n", "bob]\nroot:\n  threshold: 1\n")


def test_a_list_in_brackets_is_written_anew_and_one_by_line_is_not() -> None:
    wide = changed(lambda data: data["rules"][1]["signers"].append("carol"))
    assert wide == FILE.replace("signers: [alice, bob]\n", "signers:\n    - alice\n    - bob\n    - carol\n")
    long = changed(lambda data: data["rules"][0]["signers"].append("bob"))
    assert long == FILE.replace("# she\n", "# she\n    - bob\n")


def test_what_goes_takes_its_lines_along() -> None:
    gone = changed(lambda data: data["signers"].pop())
    assert gone == FILE.replace("- name: 'bob'\n  tags: [a, b]\n", "")
    assert "special one" in changed(lambda data: data.pop("signers"))
    assert "tags" not in changed(lambda data: data["signers"][1].pop("tags"))
    assert "alice" not in changed(lambda data: data["signers"][0].pop("name")).partition("rules:")[0]


_TEXT = st.text(st.sampled_from("ab #:-'\"\n|"), max_size=6)
_TREES = st.recursive(
    st.one_of(_TEXT, st.integers(0, 9), st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "c", "d e"]), inner, max_size=3)
    ),
    max_leaves=12,
)
_DOCUMENTS = st.dictionaries(st.sampled_from(["x", "y", "z"]), _TREES, min_size=1, max_size=3)


@given(_DOCUMENTS, _DOCUMENTS)
def test_the_file_always_holds_what_it_is_to_hold(before: dict[str, Any], after: dict[str, Any]) -> None:
    old = strict_yaml.write(before)
    assert strict_yaml.read(rewrite(old, after)).data == after
    assert rewrite(old, before) == old


@pytest.mark.parametrize("text", ["{a: 1, b: [1]}\n", "a:\n  - \n    b: 1\n", '"a": 1\n', "a: 1"])
def test_any_style_is_changed_somehow(text: str) -> None:
    assert strict_yaml.read(rewrite(text.encode(), {"a": 2, "c": ["x"]})).data == {"a": 2, "c": ["x"]}
