"""Names and references: what may be called what, and what a person may write to mean a version."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from modelbook.core.names import Name, Reference, check_name, parse_reference
from modelbook.core.policy import Policy
from modelbook.errors import BadInput, Exit
from tests.made_fields import digest

HOSTILE = [
    *("", " ", "..", ".", "../digits", "digits/..", "a/b", "/digits", "digits/", "a\\b", "a.b", ".hidden"),
    *("Digits", "DIGITS", "digits\n", "\ndigits", "digits ", "a b", "a\tb", "a\x00b", "-digits", "digits-", "-", "--"),
    *("a_b", "a@b", "a:b", "a#b", "a%2eb", "a*", "$HOME", "$(id)", "`id`", "a;b", "a'b", "é", "\uff41", "\u0661", "²"),
    *("\u0430pple", "\u0440ay\u0440al", "digi\u200bts", "digits\u202e", "a" * 64, "a" * 300),
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_name_has_no_case_no_dots_no_slashes_and_no_letters_that_look_like_others(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_name(text, "registered model")
    assert caught.value.exit_code == Exit.BAD_INPUT
    assert "is not a name for a registered model" in caught.value.message
    assert caught.value.remedy
    assert "1 to 63 of a-z, 0-9 and '-'" in caught.value.remedy
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("text", ["a", "7", "digits", "fraud-detector", "a-b-c", "a--b", "0" * 63, "x" * 63])
def test_names_that_are_accepted(text: str) -> None:
    assert check_name(text, "stage") == text


def test_latest_is_reserved() -> None:
    with pytest.raises(BadInput, match="'latest' is reserved and cannot name a stage"):
        check_name("latest", "stage")


@given(st.text(max_size=70) | st.sampled_from(HOSTILE) | st.text("abz09-", max_size=66))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_a_person_and_a_document_may_use_the_same_names(text: str) -> None:
    try:
        by_record = bool(TypeAdapter(Name).validate_python(text))
    except ValidationError:
        by_record = False
    try:
        by_command = bool(check_name(text, "model"))
    except BadInput:
        by_command = text == "latest"
    assert by_record == by_command


SOME = digest("x")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("fraud", Reference("fraud")),
        ("fraud@latest", Reference("fraud")),
        ("fraud@5", Reference("fraud", version=5)),
        ("fraud@2147483648", Reference("fraud", version=2**31)),
        ("fraud@production", Reference("fraud", stage="production")),
        ("fraud@eu-production", Reference("fraud", stage="eu-production")),
        (f"fraud@{SOME}", Reference("fraud", digest=SOME)),
    ],
)
def test_a_reference_says_what_it_looks_like_and_is_written_back_the_same(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    [
        *("@5", "@", "fraud@", "fraud@0", "fraud@05", "fraud@-1", "fraud@+1", "fraud@1.0", "fraud@5\n", "fraud@ 5"),
        *("fraud@5@6", "fraud@production@5", "fraud@Production", "fraud@..", "fraud@a/b", "fraud@99999999999"),
        *("fraud@sha256:abc", f"fraud@{SOME.upper()}", f"fraud@{SOME}0", f"fraud@{SOME}\n", "fraud@md5:" + "0" * 32),
        *("fraud@\u0661", "Fraud@5", "latest@5", "fraud@" + "a" * 64),
    ],
)
def test_what_is_no_reference_is_refused_with_the_forms_that_exist(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_reference(text)
    assert caught.value.remedy


def test_the_error_shows_the_forms_with_the_name_that_was_meant() -> None:
    with pytest.raises(BadInput) as caught:
        parse_reference("fraud@0")
    remedy = "Write fraud@5, fraud@production, fraud@latest or fraud@sha256:<64 hex digits>."
    assert caught.value.remedy == remedy


@given(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_every_stage_that_a_policy_may_have_can_be_referred_to(stage: str) -> None:
    """A stage named by a number would be taken for a version, so no policy may have one."""
    made = {"store": "file:x", "stages": [{"name": stage, "gates": ["metrics.a > 0.0"]}]}
    try:
        Policy.model_validate(made, strict=False)
    except ValidationError:
        assert stage.isdigit() or stage == "latest"
        return
    assert parse_reference(f"fraud@{stage}") == Reference("fraud", stage=stage)
