"""A Python environment of its own, made from a lock file, and kept for the next time by the lock's digest."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import modelbook
from modelbook.errors import BadInput, ModelbookError

_COMPLETE = "complete"
_LEAKS = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP", "PYTHONUSERBASE"}


def outside(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without what would let this process's own packages into another environment."""
    return {name: value for name, value in environ.items() if name not in _LEAKS} | {"PYTHONNOUSERSITE": "1"}


def make_environment(lock: bytes, folder: Path, version: str, environ: Mapping[str, str]) -> Path:
    """The interpreter of the environment in `folder`, which is made unless it is there and whole.

    `lock` is a requirements file with exact versions, `version` the Python that it was written by ("3.11.7"): one of
    the same minor version is taken. Modelbook joins from where it runs, unless the lock brought one. pip sees
    `environ`. Raises BadInput where there is no such Python, ModelbookError where pip fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "venv" / "bin" / "python"
    with (folder / "lock").open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)  # two that want the same one make it once
        if not (folder / _COMPLETE).exists():
            shutil.rmtree(folder / "venv", ignore_errors=True)
            requirements = folder / "requirements.txt"
            requirements.write_bytes(lock)
            clean = outside(environ)
            _run([_interpreter(version), "-m", "venv", str(folder / "venv")], clean, "making an environment")
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
            _run([*pip, "--no-deps", "--requirement", str(requirements)], clean, "installing what the lock file lists")
            _join_modelbook(python, folder, clean)
            (folder / _COMPLETE).touch()
    return python


def install_folders(python: Path, folders: Sequence[Path], target: Path, environ: Mapping[str, str]) -> None:
    """Install the projects in `folders`, without what they ask for, into the new folder `target`.

    It is for PYTHONPATH: what lies there comes before what the environment has. Raises ModelbookError where pip fails.
    """
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
    _run([*pip, "--target", str(target), *map(str, folders)], outside(environ), "installing the project's own packages")


def minor_version(version: str) -> str:
    """ "3.11" for "3.11.7". Raises BadInput for what is no version of Python."""
    if not (found := re.match(r"(3\.[0-9]{1,3})(?![0-9])", version)):
        raise BadInput(
            f"{version[:40]!r} is no version of Python", remedy="Use what this machine has: --environment machine."
        )
    return found[1]


def _interpreter(version: str) -> str:
    minor = minor_version(version)
    if minor == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    if found := shutil.which(f"python{minor}"):
        return found
    raise BadInput(
        f"it was trained by Python {version}, and there is no python{minor} here",
        remedy="Install one, or use what this machine has: --environment machine.",
    )


def _run(command: list[str], environ: Mapping[str, str], what: str) -> None:
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-20:])
        raise ModelbookError(
            f"{what} failed with exit status {done.returncode}:\n{said}",
            remedy="Mend what pip complains of, or use what this machine has: --environment machine.",
        )


def _join_modelbook(python: Path, folder: Path, environ: Mapping[str, str]) -> None:
    """Let the environment import the modelbook that runs now; alone, without the packages beside it."""
    # Isolated (-I): a folder of that name where the command was given is no package.
    if subprocess.run(
        [python, "-I", "-c", "import modelbook"], env=environ, capture_output=True, check=False
    ).returncode:
        alone = folder / "modelbook"
        alone.mkdir(exist_ok=True)
        link = alone / "modelbook"
        link.unlink(missing_ok=True)
        link.symlink_to(Path(modelbook.__file__).parent)
        asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        site = subprocess.run(asked, env=environ, capture_output=True, text=True, check=True).stdout.strip()
        Path(site, "modelbook-of-this-machine.pth").write_text(f"{os.fspath(alone)}\n")
