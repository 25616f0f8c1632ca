"""Which machine and which software a run has, found without importing a training framework."""

import importlib.metadata
import importlib.util
import platform
import re
import sys
from pathlib import Path

from modelbook.core.run_record import Environment

_GPUS = Path("/proc/driver/nvidia/gpus")


def capture() -> Environment:
    """The environment of this interpreter on this machine. What cannot be found is left out."""
    return Environment(
        python=platform.python_version(),
        platform=platform.platform(),
        cpu=_cpu(),
        gpus=_gpus(),
        cuda=_cuda(),
        packages=_packages(),
    )


def _cpu() -> str | None:
    try:
        text = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return (found.group(1).strip() if found else platform.processor() or platform.machine()) or None


def _gpus() -> tuple[str, ...]:
    """The NVIDIA GPUs by name, as the driver lists them; what an imported torch sees where it does not."""
    names = []
    for information in sorted(_GPUS.glob("*/information")):
        try:
            found = re.search(r"^Model:\s*(.+)$", information.read_text(errors="replace"), re.MULTILINE)
        except OSError:
            continue
        if found:
            names.append(found.group(1).strip())
    torch = sys.modules.get("torch")
    if not names and torch is not None and torch.cuda.is_available():
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return tuple(names)


def _cuda() -> str | None:
    """The CUDA version that torch was built for, read from its version file: an import takes seconds."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        text = Path(spec.origin).with_name("version.py").read_text()
    except OSError:
        return None
    found = re.search(r"^cuda[^=\n]*=\s*['\"]([^'\"]+)['\"]", text, re.MULTILINE)
    return found.group(1) if found else None


def _packages() -> dict[str, str]:
    """Every installed distribution by its normalised name (PEP 503), sorted; the first on the path counts."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name, version = distribution.metadata["Name"], distribution.version
        # A broken installation leaves folders without a name; they are no distribution.
        if name and version:
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return dict(sorted(found.items()))
