"""Anybody with a clone can check: a bare one, one whose git rewrites line ends, and without what only others need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.workbench import Workbench, clean_environment

ROOT = Path(__file__).parents[2]
HEAVY = {"boto3", "botocore", "torch", "github", "sigstore", "rich", "numpy", "requests", "cel", "multiprocessing"}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir()
    return clean_environment(tmp_path / "home")


def clone(into: Path, env: dict[str, str], *options: str) -> Workbench:
    subprocess.run(["git", "clone", "--quiet", *options, str(ROOT), str(into)], check=True, env=env)
    return Workbench(into, env)


def test_a_bare_clone_is_enough(tmp_path: Path, home: dict[str, str]) -> None:
    bare = clone(tmp_path / "clone.git", home, "--bare")
    assert "MODELBOOK_REGISTRY" not in bare.env
    assert "everything verifies" in bare.ok("verify", "digits@production")
    assert json.loads(bare.ok("verify", "--json"))["passed"] is True
    empty = tmp_path / "empty.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(empty)], check=True, env=home)
    refused = Workbench(empty, home).run("verify")
    assert refused.code == 2
    assert "no commit" in refused.err


def test_line_ends_that_git_rewrites_change_nothing(tmp_path: Path, home: dict[str, str]) -> None:
    there = clone(tmp_path / "clone", home, "--config", "core.autocrlf=true")
    assert b"\r\n" not in (there.root / "registry/policy.yaml").read_bytes()  # .gitattributes has `registry/** -text`
    assert "everything verifies" in there.ok("verify")
    (there.root / ".gitattributes").unlink()
    there.git("rm", "--quiet", "--cached", "-r", "registry", ".gitattributes")
    there.git("reset", "--quiet", "--hard")
    assert "everything verifies" in there.ok("verify", "digits@production")


def test_a_version_that_a_key_signed_is_verified_without_what_only_others_need(home: dict[str, str]) -> None:
    loaded = f"print(sorted({HEAVY!r} & set(sys.modules)))"
    verify = "import sys; from modelbook.cli import run; code = run(['verify', 'digits@production'])"
    command = [sys.executable, "-c", f"{verify}; {loaded}; sys.exit(code)"]
    done = subprocess.run(command, cwd=ROOT, env=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
