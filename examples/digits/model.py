"""The network: 64 pixels in, one hidden layer, 10 digits out."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


class DigitNet(nn.Module):
    """`forward` takes pixels as float32 of shape (n, 64), from 0 to 16, and gives logits of shape (n, 10)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.layers(pixels / 16)
        return logits


def read_digits(path: Path) -> tuple[Tensor, Tensor]:
    """Pixels, float32 of shape (n, 64), and labels, int64 of shape (n,)."""
    table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32)
    return torch.from_numpy(table[:, :64]), torch.from_numpy(table[:, 64]).long()
