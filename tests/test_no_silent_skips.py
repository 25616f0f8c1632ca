"""The plugin is tried on a small suite in a pytest of its own, with and without CI."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lint.documents import ROOT

SUITE = """
import pytest

def test_call():
    pytest.skip("node is not installed")

@pytest.mark.skip(reason="later")
def test_mark():
    pass

@pytest.fixture
def server():
    pytest.importorskip("no_such_module")

def test_setup(server):
    pass

def test_platform():
    pytest.skip("platform: no GPU here")

@pytest.mark.xfail(reason="known")
def test_expected():
    assert False
"""


def run(tmp_path: Path, suite: str, ci: str | None) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_suite.py").write_text(suite)
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment["PYTHONPATH"] = str(ROOT)
    if ci is not None:
        environment["CI"] = ci
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.no_silent_skips", "-c", os.devnull]
    command += ["--rootdir", str(tmp_path), "-p", "no:cacheprovider", "test_suite.py"]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)


def test_without_ci_a_skip_stands(tmp_path: Path) -> None:
    result = run(tmp_path, SUITE, ci=None)
    assert "4 skipped, 1 xfailed" in result.stdout
    assert result.returncode == 0


def test_in_ci_a_missing_part_fails(tmp_path: Path) -> None:
    result = run(tmp_path, SUITE, ci="true")
    assert "1 failed, 1 skipped, 1 xfailed, 2 errors" in result.stdout, result.stdout
    assert "node is not installed" in result.stdout
    assert result.returncode == 1


@pytest.mark.parametrize("how", ["pytest.importorskip('no_such_module')", "pytest.skip('x', allow_module_level=True)"])
def test_in_ci_a_module_that_skips_itself_fails(tmp_path: Path, how: str) -> None:
    result = run(tmp_path, f"import pytest\n{how}\n", ci="true")
    assert "1 error" in result.stdout, result.stdout
    assert result.returncode == 2
