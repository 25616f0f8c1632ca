"""One seed for every generator that a training draws from."""

import os
import random
import sys
from dataclasses import dataclass, replace

from modelbook.errors import BadInput

CUBLAS, CUBLAS_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
_CUBLAS_FIXED = {":4096:8", ":16:8"}  # the two that NVIDIA documents as repeating their result
MAX_SEED = 2**32 - 1  # NumPy's legacy generator and PYTHONHASHSEED take no more


@dataclass(frozen=True)
class Seeded:
    """What came of it: what now follows the seed, and why the rest does not.

    The names are python, hash (of texts), numpy, torch, cuda, kernels (deterministic ones), cublas (its workspace) and
    loaders.
    """

    seed: int
    held: tuple[str, ...]
    not_held: dict[str, str]

    def and_held(self, name: str) -> "Seeded":
        """The same, and `name` held as well."""
        missed = {each: why for each, why in self.not_held.items() if each != name}
        return replace(self, held=tuple(dict.fromkeys([*self.held, name])), not_held=missed)


def check_seed(seed: int) -> int:
    """`seed` itself, if every generator takes it. Raises BadInput otherwise."""
    if type(seed) is not int or not 0 <= seed <= MAX_SEED:
        raise BadInput(f"{seed!r} is no seed", remedy=f"Give a whole number from 0 to {MAX_SEED}.")
    return seed


def seed_everything(seed: int, *, deterministic: bool = False) -> Seeded:
    """Seed Python, and NumPy, torch and CUDA where they are imported already.

    What is imported later is not reached, and says so in the result: import first, then seed. String hashing
    (`hash("a")`, the order of sets) is fixed when Python starts, so it holds only under `modelbook train`. With
    `deterministic`, torch refuses kernels that do not repeat their result (torch.use_deterministic_algorithms).
    """
    check_seed(seed)
    held, not_held = ["python"], {}
    random.seed(seed)
    if os.environ.get("PYTHONHASHSEED") == str(seed):
        held.append("hash")
    else:
        not_held["hash"] = "PYTHONHASHSEED was not this seed when Python started"
    for name, module, seeder in (("numpy", "numpy", _numpy), ("torch", "torch", _torch)):
        if module in sys.modules:
            seeder(seed)
            held.append(name)
        else:
            not_held[name] = f"{module} was not imported when the seed was set"
    not_held["loaders"] = "no data loader was made by run.loader(...)"
    if "torch" in held:
        cuda = sys.modules["torch"].cuda.is_available()
        held += ["cuda"] if cuda else []
        _kernels(deterministic, cuda, held, not_held)
    return Seeded(seed, tuple(held), not_held)


def _kernels(deterministic: bool, cuda: bool, held: list[str], not_held: dict[str, str]) -> None:
    if not deterministic:
        not_held["kernels"] = "deterministic kernels were not asked for"
        return
    torch = sys.modules["torch"]
    fixed = os.environ.get(CUBLAS) in _CUBLAS_FIXED
    if cuda and not fixed and not torch.cuda.is_initialized():
        os.environ[CUBLAS], fixed = CUBLAS_WORKSPACE, True  # read when CUDA starts
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    held.append("kernels")
    if cuda and fixed:
        held.append("cublas")
    elif cuda:
        not_held["cublas"] = f"{CUBLAS} was not {CUBLAS_WORKSPACE} when CUDA started"


def _numpy(seed: int) -> None:
    # The legacy global generator: what `np.random.shuffle` and most libraries draw from.
    sys.modules["numpy"].random.seed(seed)


def _torch(seed: int) -> None:
    # Seeds the CPU's generator and, at once or when it is first used, that of every CUDA device.
    sys.modules["torch"].manual_seed(seed)
