"""What is recorded of the machine and of the software on it, and the lock that installs the software again."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from modelbook.core.digests import digest_of
from modelbook.training import machine
from modelbook.training.environment import capture
from modelbook.training.installed import Installed, installed, requirements
from modelbook.training.provenance import locked_environment
from tests.adapters.training_scripts import ENVIRON

COMMIT, DIGITS = "c" * 40, "d" * 64
IMAGE = f"ghcr.io/acme/train@sha256:{DIGITS}"
GPU = "Model: \t\t NVIDIA H200\nIRQ:   \t\t 57\n"
NVRM = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Tue Aug  6 05:18:45 UTC 2024\nGCC version: 12\n"
NVRM_OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build  (root)\n"


def test_the_environment_is_this_one() -> None:
    environment = capture()
    assert environment.python == platform.python_version()
    assert environment.implementation == platform.python_implementation()
    assert environment.packages["torch"] == torch.__version__
    assert list(environment.packages) == sorted(environment.packages)
    assert environment.cuda == torch.version.cuda
    assert len(environment.gpus) == torch.cuda.device_count()
    assert environment.torch is not None
    assert (environment.torch.version, environment.torch.git) == (torch.__version__, torch.version.git_version)
    assert environment.torch.debug == torch.version.debug


def test_a_run_is_opened_and_its_environment_found_without_torch_and_without_the_gates() -> None:
    code = "import sys; from modelbook import run; from modelbook.training.provenance import locked_environment; "
    code += "locked_environment(None); "
    code += (
        "print({'torch', 'boto3', 'modelbook.core.judging.gates', 'modelbook.core.pages.report'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRON, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("version", [NVRM, NVRM_OPEN])
def test_what_the_driver_and_the_system_tell(tmp_path: Path, version: str) -> None:
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        write(tmp_path / "proc/driver/nvidia/gpus" / bus / "information", GPU)
    write(tmp_path / "proc/driver/nvidia/version", version.format("570.86.15"))
    write(tmp_path / "proc/cpuinfo", "processor : 0\nmodel name\t: AMD EPYC 9654\n")
    write(tmp_path / "etc/os-release", 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    write(tmp_path / "usr/lib/x86_64-linux-gnu/libcudnn.so.9", "")
    write(tmp_path / "usr/lib/x86_64-linux-gnu/libcudnn.so.9.5.1", "")
    assert machine.gpus(tmp_path) == ("NVIDIA H200", "NVIDIA H200")
    assert machine.driver(tmp_path) == "570.86.15"
    assert machine.cpu(tmp_path) == "AMD EPYC 9654"
    assert machine.system(tmp_path) == "Debian GNU/Linux 12 (bookworm)"
    assert machine.system_cudnn(tmp_path) == "9.5.1"


def test_nvidia_s_tool_is_asked_where_the_system_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for said, wanted in (
        ("NVIDIA H200, 570.86.15\nNVIDIA A10, rev 2, 570.86.15", (("NVIDIA H200", "NVIDIA A10, rev 2"), "570.86.15")),
        ("No devices were found", ((), None)),
    ):
        write(tool, f"#!/bin/sh\nprintf '%s\\n' '{said}'\n")
        tool.chmod(0o755)
        assert machine.asked_nvidia() == wanted
    write(tool, "#!/bin/sh\necho 'NVIDIA-SMI has failed, because it could not talk to the driver'\nexit 9\n")
    assert machine.asked_nvidia() == ((), None)
    tool.unlink()
    assert machine.asked_nvidia() == ((), None)


def test_a_machine_that_tells_nothing_is_no_error(tmp_path: Path) -> None:
    assert machine.gpus(tmp_path) == ()
    assert machine.driver(tmp_path) is None
    assert machine.system_cudnn(tmp_path) is None
    assert machine.system(tmp_path)
    assert machine.container({}, tmp_path) is None


@pytest.mark.parametrize(
    ("environ", "file", "text", "wanted"),
    [
        ({"MODELBOOK_CONTAINER": IMAGE}, "x", "", IMAGE),
        ({"MODELBOOK_CONTAINER": "acme/train:latest"}, "x", "", "unknown"),
        ({"MODELBOOK_CONTAINER": ""}, "x", "", None),
        ({}, ".dockerenv", "", "unknown"),
        ({}, "run/.containerenv", "", "unknown"),
        ({}, "proc/1/cgroup", "0::/kubepods/besteffort/pod1\n", "unknown"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "proc/1/cgroup", "0::/\n", "unknown"),
        ({}, "proc/1/cgroup", "0::/init.scope\n", None),
    ],
)
def test_a_container_is_named_by_digest_or_unknown(
    tmp_path: Path, environ: dict[str, str], file: str, text: str, wanted: str | None
) -> None:
    write(tmp_path / file, text)
    assert machine.container(environ, tmp_path) == wanted


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def distribution(
    site: Path, name: str, version: str, url: dict[str, Any] | None = None, installer: str = "pip"
) -> None:
    """What an installer leaves behind for one distribution."""
    folder = site / f"{name}-{version}.dist-info"
    write(folder / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    write(folder / "INSTALLER", f"{installer}\n")
    if url is not None:
        write(folder / "direct_url.json", json.dumps(url))


def line(tmp_path: Path, url: dict[str, Any] | None, **more: str) -> str | None:
    distribution(tmp_path, "Some_Package", "1.0", url, **more)
    (found,) = installed([str(tmp_path)])
    assert (found.name, found.version) == ("some-package", "1.0")
    return found.requirement


GIT = {"vcs": "git", "commit_id": COMMIT}


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (None, "some-package==1.0"),
        ({"url": "https://host.org/a.git", "vcs_info": GIT}, f"git+https://host.org/a.git@{COMMIT}"),
        (
            {"url": "https://user:token@host.org/a.git", "vcs_info": GIT, "subdirectory": "python"},
            f"git+https://host.org/a.git@{COMMIT}#subdirectory=python",
        ),
        ({"url": "ssh://git@host.org/a.git", "vcs_info": GIT}, f"git+ssh://git@host.org/a.git@{COMMIT}"),
        ({"url": "https://host.org/a.git", "vcs_info": {"vcs": "git", "commit_id": "main"}}, None),
        ({"url": "https://host.org/a", "vcs_info": {"vcs": "hg", "commit_id": COMMIT}}, None),
        ({"url": "https://host.org/a.git\n--index-url=https://evil.org", "vcs_info": GIT}, None),
        ({"url": "https://host.org/${SECRET}/a.git", "vcs_info": GIT}, None),
        ({"url": "https://host.org/a\\", "archive_info": {}}, None),
        ({"url": "https://${USER}:${TOKEN}@host.org/a.whl", "archive_info": {}}, "https://host.org/a.whl"),
        ({"url": "https://host.org/a.git", "vcs_info": GIT, "subdirectory": "a b\n-r evil"}, None),
        (
            {"url": "https://host.org/a-1.0.whl?token=x", "archive_info": {"hashes": {"sha256": DIGITS}}},
            f"https://host.org/a-1.0.whl#sha256={DIGITS}",
        ),
        (
            {"url": "https://host.org/a.tar.gz", "archive_info": {"hash": f"sha256={DIGITS}"}, "subdirectory": "py"},
            f"https://host.org/a.tar.gz#sha256={DIGITS}&subdirectory=py",
        ),
        ({"url": "https://host.org/a-1.0.whl", "archive_info": {}}, "https://host.org/a-1.0.whl"),
        ({"url": "file:///tmp/a-1.0.whl", "archive_info": {}}, None),
        ({"url": "file:///home/me/a", "dir_info": {"editable": True}}, None),
        ({"url": "file:///home/me/a", "dir_info": {}}, None),
        ({"url": 3}, None),
        ({}, None),
    ],
)
def test_a_distribution_has_a_line_that_installs_it_again(
    tmp_path: Path, url: dict[str, Any] | None, wanted: str | None
) -> None:
    if wanted is not None and "==" not in wanted:
        wanted = f"some-package @ {wanted}"
    assert line(tmp_path, url) == wanted


def test_what_conda_built_is_installed_by_its_version(tmp_path: Path) -> None:
    assert line(tmp_path, {"url": "file:///croot/a", "dir_info": {}}, installer="conda") == "some-package==1.0"


def test_the_lock_is_exact_stable_and_one_line_each(tmp_path: Path) -> None:
    distribution(tmp_path, "torch", "2.13.0+cu130")
    distribution(tmp_path, "Edited.Thing", "0.1", {"url": "file:///home/me/a%20b", "dir_info": {"editable": True}})
    distribution(tmp_path, "numpy", "2.4.6")
    write(tmp_path / "bad-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: bad name\nVersion: 1 -r evil\n")
    write(tmp_path / "empty-1.dist-info/METADATA", "")
    source = tmp_path / "source"
    write(source / "pyproject.toml", "")
    write(source / "old.egg-info/PKG-INFO", "Metadata-Version: 2.1\nName: old\nVersion: 3\n")
    found = installed([str(tmp_path), str(source)])
    assert Installed("edited-thing", "0.1", None, Path("/home/me/a b")) in found
    text = requirements(found).decode("ascii")
    assert requirements(installed([str(source), str(tmp_path)])).decode() == text
    assert [each for each in text.splitlines() if not each.startswith("#")] == ["numpy==2.4.6", "torch==2.13.0+cu130"]
    comments = [each for each in text.splitlines() if each.startswith("# ") and "==" in each]
    assert [each.partition("==")[0] for each in comments] == ["# bad?name", "# edited-thing", "# old"]
    environment = capture(Path("/home/me"), found)
    assert environment.local == {"edited-thing": "a b"}
    assert environment.unlocked == ("bad name", "old")
    assert environment.packages["torch"] == "2.13.0+cu130"


def test_the_cudnn_is_the_one_for_torch_s_cuda() -> None:
    found = [Installed("nvidia-cudnn-cu12", "9.1.0.70", None), Installed("numpy", "2.4.6", None)]
    assert capture(None, found).cudnn == "9.1.0.70"


def test_the_lock_installs_what_is_here(tmp_path: Path) -> None:
    """pip reads the file: with everything here already, it finds nothing to do, and nothing to ask an index for."""
    environment, lock = locked_environment(None)
    assert environment.lock == digest_of(lock)
    assert locked_environment(None)[1] == lock
    file = tmp_path / "requirements.txt"
    file.write_bytes(lock)
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--dry-run", "-r", str(file)]
    done = subprocess.run(command, env=os.environ | {"PIP_CONFIG_FILE": os.devnull}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Would install" not in done.stdout
