"""The real language server: silent about sound files, and each planted error is found in its line."""

from pathlib import Path

import pytest

from tests.lint import workflow_language
from tests.lint.workflow_language import ServerStopped, diagnose

CALLEE = """\
on:
  workflow_call:
    inputs:
      model: {type: string, required: true}
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - run: echo "$MODEL"
        env:
          MODEL: ${{ inputs.model }}
"""
CALLER = """\
on: push
jobs:
  first:
    uses: ./.github/workflows/callee.yml
    with:
      model: fraud
  second:
    needs: first
    runs-on: ubuntu-latest
    steps:
      - id: one
        run: echo
"""


@pytest.fixture(autouse=True)
def needs_node() -> None:
    if not workflow_language.SERVER.exists():
        pytest.skip("the language server is not installed: make install")


def findings(tmp_path: Path, caller: str) -> list[str]:
    directory = tmp_path / ".github/workflows"
    directory.mkdir(parents=True)
    (directory / "callee.yml").write_text(CALLEE)
    (directory / "caller.yml").write_text(caller)
    return diagnose(sorted(directory.iterdir()), root=tmp_path)


def test_a_sound_workflow_has_no_finding(tmp_path: Path) -> None:
    assert findings(tmp_path, CALLER) == []


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("needs: first", "needs: frist", 8),
        ("runs-on:", "run-on:", 9),
        ("model: fraud", "modle: fraud", 6),
        ("run: echo", "run: echo ${{ steps.two.outputs.x }}", 12),
        ("run: echo", "run: echo ${{ github.actor == }}", 12),
    ],
)
def test_a_planted_error_is_found(tmp_path: Path, old: str, new: str, line: int) -> None:
    found = findings(tmp_path, CALLER.replace(old, new))
    assert any(finding.startswith(f".github/workflows/caller.yml:{line}: ") for finding in found), found


def test_a_server_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mute = tmp_path / "server.js"
    mute.write_text("setInterval(() => {}, 1000)")
    monkeypatch.setattr(workflow_language, "SERVER", mute)
    monkeypatch.setattr(workflow_language, "DEADLINE_S", 0.3)
    with pytest.raises(ServerStopped, match="stopped before"):
        diagnose([])
