"""The state of every random generator that a training draws from, as a checkpoint holds it."""

import random
import sys
from typing import Any

GENERATORS = "generators"
"""Their name among what a checkpoint holds."""


def generator_states() -> dict[str, Any]:
    """The states of Python's, NumPy's (the global one), torch's and every CUDA device's generator."""
    import torch

    version, words, gauss = random.getstate()
    states: dict[str, Any] = {
        "python": {"version": version, "words": torch.tensor(words), "gauss": gauss},
        "torch": torch.get_rng_state(),
    }
    if "numpy" in sys.modules:
        kind, keys, position, has_gauss, cached = sys.modules["numpy"].random.get_state(legacy=True)
        states["numpy"] = {
            "kind": kind,
            "keys": torch.from_numpy(keys.astype("int64")),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached": float(cached),
        }
    if torch.cuda.is_available():
        states["cuda"] = list(torch.cuda.get_rng_state_all())
    return states


def set_generator_states(states: dict[str, Any]) -> list[str]:
    """Take the states up again; in words, what could not be."""
    import torch

    missed = []
    python = states["python"]
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    torch.set_rng_state(states["torch"])
    if numpy := states.get("numpy"):
        import numpy as np

        np.random.set_state(
            (numpy["kind"], numpy["keys"].numpy().astype("uint32"), *(numpy[each] for each in _NUMPY_REST))
        )
    if cuda := states.get("cuda"):
        there = torch.cuda.device_count()
        if there < len(cuda):
            missed.append(f"{len(cuda)} CUDA generators were saved, and this machine has {there} devices")
        for index, state in enumerate(cuda[:there]):
            torch.cuda.set_rng_state(state, index)
    return missed


_NUMPY_REST = ("position", "has_gauss", "cached")
