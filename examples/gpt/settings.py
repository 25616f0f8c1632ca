"""The parameters of a training, and the two sizes that they come in."""

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from modelbook.training.run import Run


@dataclass(frozen=True)
class Settings:
    """Every parameter but the corpus and the seed, with the defaults of the tiny size."""

    layers: int = 2
    heads: int = 2
    width: int = 64
    block: int = 64  # tokens that the model reads at once
    vocabulary: int = 256
    batch: int = 16  # windows of `block` tokens that a process takes at once, `accumulate` times a step
    accumulate: int = 1
    steps: int = 400
    warm_up: int = 20
    lr: float = 3e-3
    weight_decay: float = 0.1
    clip: float = 1.0  # the largest norm of a gradient
    log_every: int = 20
    checkpoint_every: int = 100
    validation_batches: int = 8
    parallel: str = "ddp"  # or fsdp; either takes effect under torchrun
    compile: bool = torch.cuda.is_available()
    peak_tflops: float = 0.0  # of one device, for the utilisation; 0: as the table in devices.py has it

    @property
    def shape(self) -> dict[str, int]:
        """What the model is made of: its config.json."""
        return {name: getattr(self, name) for name in ("layers", "heads", "width", "block", "vocabulary")}


SIZES: dict[str, dict[str, Any]] = {
    "tiny": {},
    "124M": {
        **{"layers": 12, "heads": 12, "width": 768, "block": 1024, "vocabulary": 50304},
        **{"batch": 32, "accumulate": 16, "steps": 2000, "warm_up": 100, "lr": 6e-4, "log_every": 10},
    },
}


def read_settings(run: Run) -> tuple[Settings, Path, int]:
    """What the run was given, as parameters, the folder of the corpus, and the seed.

    Ends the program if a parameter is none that the code knows what to do with.
    """
    size = run.param("size", "tiny")
    if size not in SIZES:
        sys.exit(f"size={size}: the sizes are {', '.join(SIZES)}")
    defaults: dict[str, Any] = {field.name: field.default for field in fields(Settings)} | SIZES[size]
    settings = Settings(**{name: run.param(name, value) for name, value in defaults.items()})
    if settings.parallel not in {"ddp", "fsdp"}:
        sys.exit(f"parallel={settings.parallel}: it is ddp or fsdp")
    if settings.width % settings.heads:
        sys.exit(f"width={settings.width}: it is no multiple of heads={settings.heads}")
    folder = run.param("folder", "")  # for a run by hand, which has no datasets
    return settings, Path(folder) if folder else run.dataset(run.param("dataset", "python-text")), run.seed or 0
