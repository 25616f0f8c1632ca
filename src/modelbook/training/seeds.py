"""One seed for every generator that a training draws from."""

import os
import random
import sys
from dataclasses import dataclass

from modelbook.errors import BadInput

MAX_SEED = 2**32 - 1  # NumPy's legacy generator and PYTHONHASHSEED take no more


@dataclass(frozen=True)
class Seeded:
    """What came of it: the generators that now follow the seed, and why others do not."""

    seed: int
    held: tuple[str, ...]
    not_held: dict[str, str]


def check_seed(seed: int) -> int:
    """`seed` itself, if every generator takes it. Raises BadInput otherwise."""
    if type(seed) is not int or not 0 <= seed <= MAX_SEED:
        raise BadInput(f"{seed!r} is no seed", remedy=f"Give a whole number from 0 to {MAX_SEED}.")
    return seed


def seed_everything(seed: int) -> Seeded:
    """Seed Python, and NumPy, torch and CUDA where they are imported already.

    What is imported later is not reached, and says so in the result: import first, then seed. String hashing
    (`hash("a")`, the order of sets) is fixed when Python starts, so it holds only under `modelbook train`.
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
    if "torch" in held and sys.modules["torch"].cuda.is_available():
        held.append("cuda")
    return Seeded(seed, tuple(held), not_held)


def _numpy(seed: int) -> None:
    # The legacy global generator: what `np.random.shuffle` and most libraries draw from.
    sys.modules["numpy"].random.seed(seed)


def _torch(seed: int) -> None:
    # Seeds the CPU's generator and, at once or when it is first used, that of every CUDA device.
    sys.modules["torch"].manual_seed(seed)
