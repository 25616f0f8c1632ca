"""The one YAML reader and writer: what is refused, with its line, and what survives being written and read."""

import math
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelbook.core.strict_yaml import MAX_BYTES, MAX_DEPTH, MAX_NODES, Parsed, YamlError, read, write
from modelbook.core.unseen import UNSEEN

QUIET = settings(max_examples=150, derandomize=True, deadline=None)
LARGEST = 2**53 - 1


def refused(text: str | bytes) -> YamlError:
    with pytest.raises(YamlError) as caught:
        read(text.encode() if isinstance(text, str) else text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "the key 'a' stands twice (first on line 1)"),
        ("a: 1\n'a': 3\n", 2, "stands twice"),
        ("x:\n  a: 1\n  b:\n    c: 1\n    c: 1\n", 5, "the key 'c' stands twice (first on line 4)"),
        ("a: &x 1\nb: *x\n", 1, "anchors and aliases"),
        ("a: 1\nb:\n- *x\n", 3, "anchors and aliases"),
        ("a: 1\nb: &x [1]\n", 2, "anchors and aliases"),
        ("a: 1\n*x : 1\n", 2, "a key must be a plain word"),
        ("a: 1\n&x b: 1\n", 2, "a key must be a plain word"),
        ("a: 1\n!!str b: 1\n", 2, "a key must be a plain word"),
        ("a: 1\n? [b]\n: 1\n", 2, "a key must be a plain word"),
        ("a: 1\nb: !!str 1\n", 2, "tag"),
        ("a: 1\nb: !!python/object/apply:os.system [id]\n", 2, "tag"),
        ("a: 1\nb: ! 1\n", 2, "tag"),
        ("!!map\na: 1\n", 1, "tag"),
        ("a: 1\n---\nb: 2\n", 2, "a second document begins here"),
        ("a: 1\n...\n---\nb: 2\n", 3, "a second document begins here"),
        ("\ufeffa: 1\n", 1, "byte order mark"),
        ("a: 1\n\ufeffb: 1\n", 2, "byte order mark"),
        ("a: 1\r\nb: 2\n", 1, "carriage return"),
        ("a: 1\nb: x\ry\n", 2, "carriage return"),
        ("a: 1\nb: 9007199254740993\n", 2, "larger than 2^53 - 1"),
        ("a: 1\nb: -9007199254740992\n", 2, "larger than 2^53 - 1"),
        ("a: 1\nb: " + "9" * 5000 + "\n", 2, "larger than 2^53 - 1"),
        ("a: 1\nb: 1e999\n", 2, "too large for a number"),
        ("a: 1\nb: [1\n", 3, "expected"),
        ("a: 1\nb: c: d\n", 2, "mapping values are not allowed"),
        ("a: [\n\t@b]\n", 2, "cannot start any token"),
        ("a: 1\nb: @x\n", 2, "cannot start any token"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_with_its_line(text: str, line: int, message: str) -> None:
    error = refused(text)
    assert (error.line, message in error.message) == (line, True), error
    assert str(error).startswith(f"line {line}: ")


@pytest.mark.parametrize(
    "character",
    [
        *("\x00", "\x07", "\x08", "\x0b", "\x0c", "\x1b", "\x7f", "\x80", "\x9f"),
        *("\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069"),
        *("\u200b", "\u2028", "\u2029", "\u2060", "\u2064", "\ufffe", "\uffff", "\U000e0041"),
        "\x85",  # libyaml breaks the line here: `a: x<NEL>b: y` would be two keys, on one line of a diff
    ],
    ids=lambda character: f"U+{ord(character):04X}",
)
def test_characters_that_a_reviewer_cannot_see_are_refused_with_their_line(character: str) -> None:
    error = refused(f"a: 1\nb: x{character}y\n")
    assert (error.line, f"U+{ord(character):04X}" in error.message) == (2, True), error


def test_what_is_not_utf_8_is_refused_with_its_line() -> None:
    assert (refused(b"a: 1\nb: \xff\n").line, refused(b"a: 1\nb: \xff\n").message) == (2, "not UTF-8")
    assert refused("a: 1\n".encode("utf-16")).message == "not UTF-8"


def test_ten_megabytes_are_refused_before_they_are_parsed() -> None:
    assert "10,000,000 bytes is more than" in refused(b"[" * 10_000_000).message
    assert read(b"#" * MAX_BYTES).data is None


@pytest.mark.parametrize("text", ["[" * 10_000, "{a: " * 10_000, "- " * 10_000 + "x", "? " * 10_000])
def test_nesting_ten_thousand_deep_is_refused_and_costs_nothing(text: str) -> None:
    """No recursion that the input controls."""
    error = refused(text)
    assert error.line == 1
    assert "nested" in error.message or "plain word" in error.message


def test_depth_and_number_of_values_are_bounded() -> None:
    assert read(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH).data
    assert "nested more than" in refused("\n".join(["["] * (MAX_DEPTH + 1))).message
    assert refused("\n".join(["["] * (MAX_DEPTH + 1))).line == MAX_DEPTH + 1
    assert f"more than {MAX_NODES:,} values" in refused("[" + "0," * MAX_NODES + "]").message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("1:30", "1:30"), ("010", "010"), ("0x1F", "0x1F"),
        ("0o17", "0o17"), ("1_000", "1_000"), ("+1", "+1"), (".5", ".5"), ("5.", "5."), ("2026-03-02", "2026-03-02"),
        (".nan", ".nan"), ("NaN", "NaN"), (".inf", ".inf"), ("-.inf", "-.inf"), ("Infinity", "Infinity"),
        ("0" * 64, "0" * 64), ("=", "="), ("<<", "<<"),
        ("'1'", "1"), ('"true"', "true"), ("''", ""),
        ("1.10", 1.1), ("1e3", 1000.0), ("-0.5E-2", -0.005), ("12", 12), ("-3", -3), (str(LARGEST), LARGEST),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
    ],
)  # fmt: skip
def test_a_scalar_means_what_json_would_mean_by_it_and_else_itself(text: str, value: Any) -> None:
    """No country becomes false, no digest a number, no time of day a sum; NaN and infinity are words, not numbers."""
    found = read(f"a: {text}\n".encode()).data["a"]
    assert (found, type(found)) == (value, type(value))


def test_a_key_is_the_text_it_looks_like() -> None:
    assert read(b"1: a\nno: b\nnull: c\n<<: d\n").data == {"1": "a", "no": "b", "null": "c", "<<": "d"}


def test_every_key_and_item_knows_its_line() -> None:
    parsed = read(b"a: 1\nb:\n  c:\n  - x\n  - y: 1\n    z: 2\n# comment\nd: 2\n")
    lines = {(): 1, ("a",): 1, ("b",): 2, ("b", "c"): 3, ("b", "c", 0): 4, ("b", "c", 1): 5, ("d",): 8}
    assert lines.items() <= parsed.lines.items()
    assert parsed.lines[("b", "c", 1, "z")] == 6
    assert parsed.line_of(("b", "c", 1, "z", "deeper", 3)) == 6
    assert Parsed(None, "").line_of(("a",)) is None


AWKWARD = (
    *("", " ", "\n", "a\n", "a\nb", "a\n\nb\n\n", " a\n b", "a \nb", "\ta", "- a", "a: b", "a #b", "#", "'", '"', "\\"),
    *("|", ">", "%a", "@a", "`", "---", "...", "no", "1e5", "1.", "0x1", "1:30", "null", "~", "=", "<<", "!a", "*a"),
    *("[a", "{a", "? a", "\x85", "a\x85b", "\u2028", "\ufeff", "\x00", "\u202e", "a\r\nb", "a" * 200, "\U0001f600"),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(AWKWARD)
NUMBER = st.integers(-LARGEST, LARGEST) | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Equal, with types and the sign of zero."""
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return type(b) is list and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b) and (type(a) is not float or math.copysign(1, a) == math.copysign(1, b))


@given(st.dictionaries(TEXT, ANYTHING, max_size=5))
@example({"a": 1e-07, "b": 1e16, "c": 1e300, "d": -0.0})
@example({"a": "1e5", "b": "1.5e3", "c": "-0", "d": "0.5E2", "e": "010"})
@QUIET
def test_what_is_written_is_read_back_the_same_keys_in_order(data: dict[str, Any]) -> None:
    assert same(data, read(write(data)).data)


@given(st.dictionaries(TEXT, TEXT | NUMBER | st.booleans() | st.none(), max_size=5))
@example({"a": 1e-07, "b": 1e16, "1e5": "1e5", "c": "1.5e3"})
@QUIET
def test_another_yaml_reader_takes_no_text_for_a_number_and_no_number_for_text(data: dict[str, Any]) -> None:
    assert same(data, yaml.safe_load(write(data)))


def test_what_cannot_be_seen_is_written_as_an_escape() -> None:
    for character in ("\x85", "\u202e", "\u200b", "\u2028", "\x1b", "\ufeff"):
        written = write({"a": f"x{character}y"})
        assert character.encode() not in written
        assert read(written).data == {"a": f"x{character}y"}


def test_text_of_several_lines_is_written_as_a_person_would() -> None:
    assert write({"a": "one\ntwo\n", "b": "x"}) == b"a: |\n  one\n  two\nb: x\n"
    assert write({"b": 1, "a": "é"}) == "b: 1\na: é\n".encode()


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, [math.nan], 2**53, -(2**53), 2**64, "\ud800", "x" * (MAX_BYTES + 1)],
    ids=lambda value: str(value)[:20].encode("ascii", "replace").decode(),
)
def test_nothing_is_written_that_could_not_be_read(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        write({"a": value})


def test_nothing_is_written_deeper_than_is_read() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(YamlError, match="nested more than"):
        write({"a": deep})


def test_what_is_printable_to_python_is_nothing_unseen() -> None:
    assert not [code for code in range(0x110000) if UNSEEN.match(chr(code)) and chr(code).isprintable()]
