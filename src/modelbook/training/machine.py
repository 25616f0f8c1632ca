"""The machine that a run has: its processor, its GPUs, its system, and the container around it."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CONTAINER = "MODELBOOK_CONTAINER"
"""The variable that names the container's image by digest: nothing inside a container knows it."""
UNKNOWN = "unknown"
IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,254}@sha256:[0-9a-f]{64}")
_PATIENCE = 20.0  # seconds; the tool waits for a driver that hangs
_ENGINES = re.compile(r"docker|kubepods|containerd|libpod|lxc|crio")


def cpu(root: Path = Path("/")) -> str | None:
    """The processor's name."""
    found = _find(root / "proc/cpuinfo", r"^model name\s*:\s*(.+)$")
    return found or platform.processor() or platform.machine() or None


def cores() -> int | None:
    """How many of the machine's cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(allowed(0)) if allowed else os.cpu_count()


def peak_memory(root: Path = Path("/")) -> int:
    """The most bytes of memory that this process has had at once."""
    # Linux counts in getrusage also what the parent had until it became this process.
    if found := _find(root / "proc/self/status", r"^VmHWM:\s*([0-9]+) kB"):
        return int(found) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def gpus(root: Path = Path("/")) -> tuple[str, ...]:
    """The NVIDIA GPUs by name, as the driver lists them."""
    files = sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
    return tuple(name for file in files if (name := _find(file, r"^Model:\s*(.+)$")))


def driver(root: Path = Path("/")) -> str | None:
    """The version of the NVIDIA driver."""
    return _find(root / "proc/driver/nvidia/version", r"Kernel Module\s+(?:for \S+\s+)?([0-9]+(?:\.[0-9]+)+)")


def asked_nvidia() -> tuple[tuple[str, ...], str | None]:
    """The GPUs by name and the driver's version, from NVIDIA's own tool: some systems list neither below /proc."""
    fields = ["--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(["nvidia-smi", *fields], capture_output=True, text=True, timeout=_PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return (), None
    rows = [line.rpartition(",") for line in done.stdout.splitlines() if "," in line]
    return tuple(name.strip() for name, _, _ in rows), rows[0][2].strip() if rows else None


def system(root: Path = Path("/")) -> str:
    """The operating system, as in `Debian GNU/Linux 12 (bookworm)`."""
    found = _find(root / "etc/os-release", r"""^PRETTY_NAME=["']?([^"'\n]+)""")
    return found or f"{platform.system()} {platform.release()}"


def system_cudnn(root: Path = Path("/")) -> str | None:
    """The cuDNN that the system has, by the name of its library: `libcudnn.so.9.1.0`."""
    for place in ("usr/lib/*", "usr/lib64", "usr/local/cuda/lib64", "usr/local/cuda/targets/*/lib"):
        for library in sorted(root.glob(f"{place}/libcudnn.so.*.*"), reverse=True):
            return library.name.removeprefix("libcudnn.so.")
    return None


def container(environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> str | None:
    """The image of the container around this process, `unknown` where nobody named it, None outside of one."""
    named = environ.get(CONTAINER, "")
    if IMAGE.fullmatch(named):
        return named
    signs = (root / ".dockerenv").exists() or (root / "run/.containerenv").exists()
    signs = signs or bool(environ.get("container") or environ.get("KUBERNETES_SERVICE_HOST") or named)
    return UNKNOWN if signs or _ENGINES.search(_read(root / "proc/1/cgroup")) else None


def _find(file: Path, pattern: str) -> str | None:
    found = re.search(pattern, _read(file), re.MULTILINE)
    return found.group(1).strip() if found else None


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
