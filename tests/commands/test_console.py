"""What is printed obeys nobody but us."""

import pytest

from modelbook.commands._console import plain, print_table, say
from tests.commands.workbench import Workbench


def test_what_a_terminal_would_obey_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    say("\x1b[2Jgone\u202e\nnext")
    print_table([{"name": "\x1b]0;title\x07"}], as_json=False, empty="")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[U+001B]" in out
    assert plain("a\nb") == "a\nb"


def test_output_to_no_terminal_has_no_colour(bench: Workbench) -> None:
    assert "\x1b" not in bench.run("verify").text
    assert "\x1b" not in bench.run("verify", "nothing@1").text


def test_a_table_breaks_no_word_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"run": "20261124t033008-2d00586f", "status": "completed", "by": "New User", "branch": None, "loss": "0.08"}
    monkeypatch.setenv("COLUMNS", "80")
    print_table([row], as_json=False, empty="")
    assert len(capsys.readouterr().out.splitlines()) == 2
    monkeypatch.setenv("COLUMNS", "40")
    print_table([row], as_json=False, empty="")
    assert capsys.readouterr().out.splitlines() == [
        "run                       status",
        "20261124t033008-2d00586f  completed",
        "    by: New User  loss: 0.08",
    ]
