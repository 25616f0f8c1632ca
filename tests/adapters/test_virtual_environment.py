"""An environment from a lock file: exactly its packages, made once, and nothing of this machine's own."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from modelbook.adapters.virtual_environment import make_environment, outside
from modelbook.errors import BadInput, ModelbookError

VERSION = ".".join(map(str, sys.version_info[:3]))


def wheel(folder: Path, version: str) -> Path:
    """A real wheel of the package `tiny`."""
    about = f"tiny-{version}.dist-info"
    files = {
        "tiny.py": f"version = {version!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\nRequires-Dist: numpy\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{about}/RECORD,,"]
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(text)}")
    path = folder / f"tiny-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{about}/RECORD", "\n".join([*lines, ""]))
    return path


def asked(python: Path, code: str) -> str:
    done = subprocess.run([python, "-c", code], env=outside(os.environ), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_it_has_what_the_lock_lists_and_nothing_else(tmp_path: Path) -> None:
    lock = f"tiny @ {wheel(tmp_path, '1.0').as_uri()}\n".encode()
    environ = dict(os.environ) | {"PYTHONPATH": str(tmp_path)}
    python = make_environment(lock, tmp_path / "own", VERSION, environ)
    assert asked(python, "import tiny; print(tiny.version)") == "1.0"
    names = "import importlib.metadata as m; print(sorted(d.metadata['Name'] for d in m.distributions()))"
    assert set(eval(asked(python, names))) <= {"pip", "setuptools", "tiny"}  # noqa: S307 - a list that we printed
    find = "import importlib.util as u; print([u.find_spec(n) is not None for n in ('modelbook', 'pydantic', 'numpy')])"
    assert asked(python, find) == "[True, False, False]", "modelbook joins, what lies beside it here does not"

    marker = python.parent / "kept"
    marker.touch()
    assert make_environment(lock, tmp_path / "own", VERSION, environ) == python
    assert marker.exists(), "the second time it is there"


def test_one_that_was_left_half_made_is_made_anew(tmp_path: Path) -> None:
    own = tmp_path / "own"
    with pytest.raises(ModelbookError, match="installing what the lock file lists failed"):
        make_environment(f"tiny @ {(tmp_path / 'gone.whl').as_uri()}\n".encode(), own, VERSION, os.environ)
    assert (own / "venv").is_dir()
    python = make_environment(f"tiny @ {wheel(tmp_path, '2.0').as_uri()}\n".encode(), own, VERSION, os.environ)
    assert asked(python, "import tiny; print(tiny.version)") == "2.0"


def test_another_python_than_there_is_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"trained by Python 3\.1\.4, and there is no python3\.1 here"):
        make_environment(b"", tmp_path / "own", "3.1.4", os.environ)


@pytest.mark.parametrize("version", ["", "3", "../../../tmp/3.1", "3/../x.1", "4.1", "3.1111"])
def test_what_is_no_version_of_python_is_looked_for_nowhere(tmp_path: Path, version: str) -> None:
    with pytest.raises(BadInput, match="is no version of Python"):
        make_environment(b"", tmp_path / "own", version, os.environ)


def test_a_folder_that_is_named_like_modelbook_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "modelbook").mkdir()
    monkeypatch.chdir(tmp_path)
    python = make_environment(b"", tmp_path / "own", VERSION, os.environ)
    assert asked(python, "import os; os.chdir('/'); import importlib.util as u; print(u.find_spec('modelbook').origin)")
