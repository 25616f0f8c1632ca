"""What checkpoints cost the training loop, at one a minute, against the same steps with checkpoints off."""

import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measure import Figure

PAIRS = 15
STRETCH = 3.0  # seconds: longer than it takes to write one checkpoint
GOAL = 2.0  # per cent of a step


def measure() -> Iterator[Figure]:
    """The blocking copy, and the whole cost at one checkpoint a minute."""
    import torch

    import modelbook

    torch.manual_seed(1)
    with tempfile.TemporaryDirectory(prefix="modelbook-bench-") as folder:
        before = Path.cwd()
        os.chdir(folder)
        try:
            with modelbook.run("bench", store="file:store", seed=1) as run:
                yield from _pairs(run, _Training(torch))
        finally:
            os.chdir(before)


class _Training:
    """A network of about 12 million weights with AdamW: 144 MB a checkpoint."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        layers = [torch.nn.Linear(1024, 1024) for _ in range(12)]
        self.model = torch.nn.Sequential(*layers).to(self.device)
        self.optimizer = torch.optim.AdamW(self.model.parameters())
        self.data = torch.randn(64, 1024, device=self.device)

    def step(self) -> None:
        """Forward, backward, update; over when it is done on the device."""
        loss = self.model(self.data).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.device == "cuda":
            self._torch.cuda.synchronize()


def _pairs(run: Any, training: _Training) -> Iterator[Figure]:
    # A checkpoint costs the copy, in the loop, and what its writer takes from the steps after it. On a shared machine a
    # minute differs from the next by more than that, so it is measured close up: pairs of short stretches of the same
    # steps, in random order, one of each pair with a checkpoint in it. The extra time, once a minute, is the cost.
    saver = run.checkpoints(model=training.model, optimizer=training.optimizer, every=1)
    for _ in range(5):
        training.step()
    started = time.perf_counter()
    training.step()
    steps = max(10, int(STRETCH / (time.perf_counter() - started)))
    order, done, copies, extra = random.Random(1), 0, [], []  # noqa: S311 - the order of measurements
    saver.step(done)  # allocates its memory
    saver.wait()
    for _ in range(PAIRS):
        cost = {}
        for with_checkpoint in order.sample([True, False], 2):
            begin = time.perf_counter()
            if with_checkpoint:
                done += 1
                saver.step(done)
                copies.append(time.perf_counter() - begin)
            for _ in range(steps):
                training.step()
            cost[with_checkpoint] = time.perf_counter() - begin
            saver.wait()
            settled()
        extra.append(cost[True] - cost[False])
    size = sum(each.numel() * each.element_size() for each in training.model.parameters()) * 3 / 2**20
    how = f"median of {PAIRS} pairs of {steps} steps on the {training.device}, {size:.0f} MiB a checkpoint, to a folder"
    yield Figure("a checkpoint stops the loop for", 1000 * statistics.median(copies), "ms", how)
    yield Figure("a checkpoint costs the training", 1000 * statistics.median(extra), "ms", how)
    low, high = statistics.quantiles(extra, n=4)[0], statistics.quantiles(extra, n=4)[2]
    spread = f"{how}; quartiles {low / 60:.2%} to {high / 60:.2%}"
    yield Figure("at one checkpoint a minute", 100 * statistics.median(extra) / 60, "%", spread, GOAL)


def settled() -> None:
    """Wait until the checkpoint is in the store, so that the next stretch pays for nothing but its own."""
    while any(Path(".modelbook/runs").glob("*/outbox/*")):
        time.sleep(0.01)
