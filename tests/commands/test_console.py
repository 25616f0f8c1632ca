"""What is printed obeys nobody but us."""

import json
import os

import pytest

from modelbook.cli import run
from modelbook.commands._console import print_json, print_table, say
from modelbook.core.unseen import plain
from tests.commands.workbench import Workbench


def test_what_a_terminal_would_obey_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    say("\x1b[2Jgone\u202e\nnext")
    print_table([{"name": "\x1b]0;title\x07"}], as_json=False, empty="")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[U+001B]" in out
    assert plain("a\nb") == "a\nb"
    hostile = "\x1b[2J\x9b2J\u202e\U000e0041é😀"  # escapes of eight bits too, and what reorders or hides
    print_json([hostile])
    out = capsys.readouterr().out
    assert out == '[\n  "\\u001b[2J\\u009b2J\\u202e\\udb40\\udc41é😀"\n]\n'
    assert json.loads(out) == [hostile]


def test_no_text_is_a_command_to_githubs_runner(capsys: pytest.CaptureFixture[str]) -> None:
    """It obeys a line that begins with two colons, and what follows ##[ anywhere, on both streams."""
    hostile = "x\n ::set-output name=passed::true ##[stop-commands]y\udcff"
    assert plain(hostile) == "x\n [U+003A]:set-output name=passed::true [U+0023]#[stop-commands]y[U+DCFF]"
    print_json({"a": hostile})
    out = capsys.readouterr().out
    assert "##[" not in out
    assert json.loads(out) == {"a": hostile}
    assert run(["show", "\n::warning::x"]) == 2
    assert "\n::warning" not in capsys.readouterr().err


def test_a_file_that_is_called_as_a_command_is_told_and_not_obeyed(bench: Workbench) -> None:
    """A pull request may bring a file of any name, in any bytes."""
    for name in (b"\n::set-output name=passed::true", b"a\xff"):
        (bench.root / "registry" / os.fsdecode(name)).write_text("x")
    bench.git("add", "-A")
    bench.git("commit", "-q", "-m", "Names")
    summary = bench.root.parent / "summary.md"
    workflow = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "LC_ALL": "C.UTF-8"}
    done = bench.run("verify", "--change", "HEAD^", env=workflow)
    assert done.code == 1, done.text
    commands = [line for line in done.text.splitlines() if line.startswith("::")]
    assert len(commands) == 2, done.text
    assert all(line.startswith("::error file=registry/") for line in commands), done.text
    assert "a&#91;U+DCFF&#93;" in summary.read_text()


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
