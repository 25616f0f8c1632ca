"""The requirements file of a run: what wrote it may be hostile, and pip obeys options in it."""

import json

import pytest
from pydantic import ValidationError

from modelbook.core.policy import ReproductionRule
from modelbook.errors import BadInput
from modelbook.training.installed import Installed, installable, installed, requirements

SOURCES = ("git+https://example.org/", "https://example.org/theirs/")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_what_was_written_is_taken() -> None:
    direct = [
        f"mine @ git+https://example.org/mine.git@{COMMIT}#subdirectory=libs/mine",
        "theirs @ https://example.org/theirs/theirs-1.0-py3-none-any.whl#sha256=" + "0" * 64,
    ]
    found = [Installed("mine", "1.0", direct[0]), Installed("lost", "1.0+cpu\n-r x", None)]
    lock = requirements(
        [*found, Installed("theirs", "1.0", direct[1]), Installed("other", "1!2.0+cpu", "other==1!2.0")]
    )
    assert installable(lock, "requirements.txt", SOURCES).decode().splitlines() == [*direct, "other==1!2.0"]
    own = [each for each in installed() if " @ " not in (each.requirement or "")]
    lines = installable(requirements(own), "requirements.txt", ()).decode().splitlines()
    assert lines == [each.requirement for each in own if each.requirement]


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.org/simple",
        "-r /etc/passwd",
        "-e .",
        "./local",
        "/somewhere/package.whl",
        "https://example.org/package.whl",
        "package",
        "package>=1.0",
        "package==1.0 --config-settings=x=y",
        "package==1.0 \\",
        "package==$VERSION",
        "package @ https://example.org/$AWS_SECRET_ACCESS_KEY.whl",
        "# a comment\x0b--index-url https://example.org/simple",
        "# a comment\x1e--index-url https://example.org/simple",
        "pack\N{LATIN SMALL LETTER A WITH DIAERESIS}ge==1.0",
        "==1.0",
    ],
)
def test_any_other_line_is_refused(line: str) -> None:
    with pytest.raises(BadInput, match="no exact line for one package") as refused:
        installable(f"# What was installed\nother==1.0\n{line}\n".encode(), "requirements.txt", SOURCES)
    assert refused.value.line in {3, 4}


def test_bytes_that_pip_would_decode_by_their_mark_are_refused() -> None:
    with pytest.raises(BadInput, match="no exact line"):
        installable("\N{ZERO WIDTH NO-BREAK SPACE}--index-url https://example.org\n".encode("utf-16"), "r.txt", SOURCES)


@pytest.mark.parametrize(
    "url",
    [
        "file:///somewhere",
        "git+file:///somewhere@" + COMMIT,
        "https://example.org/package.whl",
        "https://example.org.elsewhere.org/theirs/package.whl",
        "https://example.org@elsewhere.org/theirs/package.whl",
        "https://example.org/theirs/../package.whl",
        "https://example.org/theirs/%2E%2e/package.whl",
        "http://example.org/theirs/package.whl",
    ],
)
def test_what_comes_from_elsewhere_than_the_policy_says_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match=r"which policy\.yaml does not allow") as refused:
        installable(f"package @ {url}\n".encode(), "requirements.txt", SOURCES)
    assert f"sources: [{url.rpartition('/')[0]}/]" in str(refused.value)


@pytest.mark.parametrize("source", ["https://example.org", "file:///", "example.org/", "https:///", "https://"])
def test_a_source_is_the_whole_name_of_a_place(source: str) -> None:
    with pytest.raises(ValidationError):
        ReproductionRule.model_validate_json(json.dumps({"sources": [source]}))
    for good in SOURCES:
        assert ReproductionRule.model_validate_json(json.dumps({"sources": [good]})).sources == (good,)
