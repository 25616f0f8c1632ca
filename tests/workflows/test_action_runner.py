"""The script behind every action: it runs the modelbook of its own checkout, and installs it where another one is."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.workflows.founding import lay_out

HERE = Path(sysconfig.get_path("purelib"))
# Installs the checkout with what is on this machine: its dependencies and its build backend are there already.
# (pip reads the variable of a `--no-…` option as the value of what it switches off.)
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1", "PIP_CONFIG_FILE": os.devnull}


def python_without_modelbook(folder: Path, *, hidden: str | None = None) -> Path:
    """A Python that has all that this one has, save modelbook, which an editable install does not carry over.

    What begins with `hidden` is left out as well.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    others = HERE
    if hidden:
        others = folder / "others"
        others.mkdir()
        for each in HERE.iterdir():
            if not each.name.startswith(hidden):
                (others / each.name).symlink_to(each)
    (site / "others.pth").write_text(f"{others}\n")
    return folder / "bin" / "python"


def run(python: Path, checkout: Path, *, cwd: Path, verb: str = "plan", **env: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(cwd), "LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}
    command = [str(python), str(checkout / "actions/run.py"), verb]
    return subprocess.run(command, cwd=cwd, env=clean | OFFLINE | env, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    lay_out(tmp_path / "checkout")
    return tmp_path / "checkout"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A caller's workspace that tries to be run: nothing of it may be imported."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for name in ("pip", "click", "modelbook", "hashlib", "venv", "logging"):
        (folder / f"{name}.py").write_text(f"open('ran-{name}', 'w').close()\nraise SystemExit(99)\n")
    return folder


def test_it_installs_its_own_checkout_once_and_keeps_secrets_from_pip(
    checkout: Path, workspace: Path, tmp_path: Path
) -> None:
    python = python_without_modelbook(tmp_path / "venv")
    # Whatever pip runs while it installs would see what this build hook sees.
    spy = "import json, os\nfrom hatchling.builders.hooks.plugin.interface import BuildHookInterface\n\n\n"
    spy += "class Spy(BuildHookInterface):\n    def initialize(self, version, build_data):\n"
    spy += f"        open({str(tmp_path / 'seen.json')!r}, 'w').write(json.dumps(dict(os.environ)))\n"
    (checkout / "hatch_build.py").write_text(spy)
    with (checkout / "pyproject.toml").open("a") as project:
        project.write("\n[tool.hatch.build.targets.wheel.hooks.custom]\n")
    (checkout / "src/modelbook/mark.txt").write_text("this checkout")
    secrets = {"AWS_SECRET_ACCESS_KEY": "s3cret-1", "MODELBOOK_SIGNING_KEY": "s3cret-2", "GITHUB_TOKEN": "s3cret-3"}

    first = run(python, checkout, cwd=workspace, **secrets)
    assert "there is no registry here" in first.stderr, first.stdout + first.stderr
    assert first.returncode == 2
    (installed,) = (tmp_path / "venv").glob("lib/python*/site-packages/modelbook/mark.txt")
    assert installed.read_text() == "this checkout"
    assert "s3cret" not in (tmp_path / "seen.json").read_text()
    assert not list(workspace.glob("ran-*"))

    (tmp_path / "seen.json").unlink()
    second = run(python, checkout, cwd=workspace, **secrets)
    assert (second.returncode, second.stdout) == (2, first.stdout)
    assert not (tmp_path / "seen.json").exists(), "what is there already is not installed again"

    installed.write_text("somebody changed it")
    run(python, checkout, cwd=workspace)
    assert installed.read_text() == "this checkout"


def test_a_failed_install_is_an_error_that_names_it(checkout: Path, workspace: Path, tmp_path: Path) -> None:
    python = python_without_modelbook(tmp_path / "venv")
    (checkout / "pyproject.toml").write_text("[project")
    done = run(python, checkout, cwd=workspace)
    assert done.returncode == 2
    assert "::error::installing modelbook failed with exit status 2" in done.stdout


def test_the_systems_own_python_is_left_alone(checkout: Path, workspace: Path, tmp_path: Path) -> None:
    python = Path("/usr/bin/python3")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not Path(f"/usr/lib/python{version}/EXTERNALLY-MANAGED").exists() or not python.exists():
        pytest.skip(f"platform: no Python {version} of the system's own that keeps pip out")
    # The tests' own packages, so that nothing has to be fetched.
    more = {"RUNNER_TEMP": str(tmp_path), "PYTHONPATH": str(HERE)}
    first = run(python, checkout, cwd=workspace, **more)
    assert "there is no registry here" in first.stderr, first.stdout + first.stderr
    venv = tmp_path / "modelbook-venv"
    assert "include-system-site-packages = true" in (venv / "pyvenv.cfg").read_text()
    (installed,) = venv.glob("lib/python*/site-packages/modelbook/__init__.py")
    before = installed.stat().st_mtime_ns
    assert run(python, checkout, cwd=workspace, **more).stderr == first.stderr
    assert installed.stat().st_mtime_ns == before
    assert not list(workspace.glob("ran-*"))


def test_sigstore_is_installed_where_something_is_keyless_and_nowhere_else(
    checkout: Path, workspace: Path, tmp_path: Path
) -> None:
    """pip may install no dependency here, so that an extra is asked for shows in its absence."""
    python = python_without_modelbook(tmp_path / "venv", hidden="sigstore")
    told = "::error::pip did not install sigstore"
    assert told in run(python, checkout, cwd=workspace, MODELBOOK_INPUT_SIGNER="sigstore:").stdout
    done = run(python, checkout, cwd=workspace)
    assert "there is no registry here" in done.stderr, done.stdout + done.stderr
    (workspace / "registry").mkdir()
    (workspace / "registry/trusted_root.json").write_text("{}")
    assert told not in run(python, checkout, cwd=workspace, MODELBOOK_INPUT_REGISTRY="other").stdout
    assert told in run(python, checkout, cwd=workspace).stdout
