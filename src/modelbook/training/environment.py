"""Which machine and which software a run has, found without importing a training framework."""

import importlib.util
import platform
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from modelbook.core.run_record import Environment, TorchBuild
from modelbook.training import machine
from modelbook.training.installed import Installed, installed


def capture(repository: Path | None = None, distributions: Sequence[Installed] | None = None) -> Environment:
    """The environment of this interpreter on this machine. What cannot be found is left out.

    `repository` is the folder of the repository whose code runs: what was installed from inside it, its commit holds.
    """
    found = installed() if distributions is None else distributions
    local = {each.name: place for each in found if (place := _inside(each, repository)) is not None}
    packages = {each.name: each.version for each in found}
    torch = _torch_file()
    cuda = _value(torch, "cuda")
    gpus, driver = machine.gpus(), machine.driver()
    if not gpus:
        gpus, told = machine.asked_nvidia()
        driver = driver or told
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=platform.platform(),
        os=machine.system(),
        cpu=machine.cpu(),
        cores=machine.cores(),
        gpus=gpus or _gpus_of_torch(),
        driver=driver,
        cuda=cuda,
        cudnn=_cudnn(packages, cuda),
        torch=_torch_build(torch),
        container=machine.container(),
        local=local,
        unlocked=tuple(each.name for each in found if not each.requirement and each.name not in local),
        packages=packages,
    )


def _inside(each: Installed, repository: Path | None) -> str | None:
    """The folder that it was installed from, relative to the repository, if it lies in it."""
    if each.requirement or each.folder is None or repository is None:
        return None
    folder, root = each.folder.resolve(), repository.resolve()
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else None


def _gpus_of_torch() -> tuple[str, ...]:
    """The GPUs that an imported torch sees, where the driver does not list them."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return ()
    return tuple(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))


def _torch_file() -> str:
    """What torch says of itself in its version file: an import takes seconds. Empty where there is no torch."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return ""
    try:
        return Path(spec.origin).with_name("version.py").read_text()
    except OSError:
        return ""


def _value(file: str, name: str) -> str | None:
    found = re.search(rf"^{name}[^=\n]*=\s*['\"]([^'\"]+)['\"]", file, re.MULTILINE)
    return found.group(1) if found else None


def _torch_build(file: str) -> TorchBuild | None:
    version = _value(file, "__version__")
    debug = re.search(r"^debug\s*=\s*True", file, re.MULTILINE) is not None
    return TorchBuild(version=version, git=_value(file, "git_version"), debug=debug) if version else None


def _cudnn(packages: dict[str, str], cuda: str | None) -> str | None:
    """The cuDNN that torch brought as a distribution, for the CUDA that it was built for; else the system's."""
    brought = [name for name in packages if re.fullmatch(r"nvidia-cudnn(-cu[0-9]+)?", name)]
    wanted = f"nvidia-cudnn-cu{(cuda or '').partition('.')[0]}"
    name = wanted if wanted in brought else brought[0] if brought else None
    return packages[name] if name else machine.system_cudnn()
