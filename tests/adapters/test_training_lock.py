"""The requirements file of a run: what wrote it may be hostile, and pip obeys options in it."""

import pytest

from modelbook.errors import BadInput
from modelbook.training.installed import Installed, installable, installed, requirements

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_what_was_written_is_taken() -> None:
    direct = [
        f"mine @ git+https://example.org/mine.git@{COMMIT}#subdirectory=libs/mine",
        "theirs @ https://example.org/theirs-1.0-py3-none-any.whl#sha256=" + "0" * 64,
    ]
    found = [Installed("mine", "1.0", direct[0]), Installed("lost", "1.0+cpu\n-r x", None)]
    lock = requirements(
        [*found, Installed("theirs", "1.0", direct[1]), Installed("other", "1!2.0+cpu", "other==1!2.0")]
    )
    assert installable(lock, "requirements.txt").decode().splitlines() == [*direct, "other==1!2.0"]
    own = installed()
    lines = installable(requirements(own), "requirements.txt").decode().splitlines()
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
        "package @ file:///somewhere",
        "package @ git+file:///somewhere@" + COMMIT,
        "package @ https://example.org/$AWS_SECRET_ACCESS_KEY.whl",
        "# a comment\x0b--index-url https://example.org/simple",
        "# a comment\x1e--index-url https://example.org/simple",
        "pack\N{LATIN SMALL LETTER A WITH DIAERESIS}ge==1.0",
        "==1.0",
    ],
)
def test_any_other_line_is_refused(line: str) -> None:
    with pytest.raises(BadInput, match="no exact line for one package") as refused:
        installable(f"# What was installed\nother==1.0\n{line}\n".encode(), "requirements.txt")
    assert refused.value.line in {3, 4}


def test_bytes_that_pip_would_decode_by_their_mark_are_refused() -> None:
    with pytest.raises(BadInput, match="no exact line"):
        installable("\N{ZERO WIDTH NO-BREAK SPACE}--index-url https://example.org\n".encode("utf-16"), "r.txt")
