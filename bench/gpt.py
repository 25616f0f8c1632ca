"""What Modelbook costs a training: a small GPT, by turns without it, with its logging, and with a checkpoint too."""

import io
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Figure

if TYPE_CHECKING:
    from train import Training

EXAMPLE = Path(__file__).parents[1] / "examples/gpt"
GOAL = 1.0  # %
MINUTE = 60.0  # seconds, between two checkpoints
ARMS = ("alone", "logged", "checkpoint")
# Steps in one turn of one arm, a multiple of 2 x log_every; and turns.
TURNS = {"tiny": (40, 60), "124M": (20, 7)}


def measure() -> Iterator[Figure]:
    """Speed, and the cost of logging and of one checkpoint a minute: 124M weights on a GPU, else the tiny size."""
    sys.path.insert(0, str(EXAMPLE))
    import make_dataset
    import torch
    from devices import join
    from settings import SIZES, Settings
    from train import Training

    import modelbook

    device = join()
    size = "124M" if device.type == "cuda" else "tiny"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the tiny size is too small for more, and modelbook's own thread finds a core
    steps, turns = TURNS[size]
    try:
        with tempfile.TemporaryDirectory(prefix="modelbook-bench-") as folder, chdir(folder):
            make_dataset.main(Path("text"))
            # Every turn decides for itself what is saved; the learning rate falls over all of them.
            settings = replace(Settings(**SIZES[size]), steps=2**31, checkpoint_every=2**30)
            with modelbook.run("bench", store=f"file:{folder}/store", seed=0) as run:
                training = Training(settings, Path("text"), 0, device, run)
                seconds = _by_turns(training, steps, turns)
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "one CPU thread"
        yield from _figures(training, size, steps, seconds, f"{name}, torch {torch.__version__}")
    finally:
        torch.set_num_threads(threads)
        sys.path.remove(str(EXAMPLE))


def _by_turns(training: "Training", steps: int, turns: int) -> dict[str, list[float]]:
    """Seconds of each turn of each arm; every arm is first as often as it is second and third."""
    run, done = training.run, 0
    seconds: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for turn in range(-1, turns):  # the first is not counted: it compiles, and makes buffers and files
        for arm in (*ARMS[turn % 3 :], *ARMS[: turn % 3]):
            training.run = None if arm == "alone" else run
            with redirect_stdout(io.StringIO()):
                started = time.perf_counter()
                training.train(range(done + 1, done + steps // 2 + 1))
                if arm == "checkpoint":
                    training.checkpoint(done + steps // 2, 0.0)
                training.train(range(done + steps // 2 + 1, done + steps + 1))
                ended = time.perf_counter()
            done += steps
            if turn >= 0:
                seconds[arm].append(ended - started)
    training.run = run
    return seconds


def _figures(
    training: "Training", size: str, steps: int, seconds: dict[str, list[float]], machine: str
) -> Iterator[Figure]:
    settings = training.settings
    tokens = steps * settings.accumulate * settings.batch * settings.block
    how = f"{machine}; median of {len(seconds['alone'])} turns of {steps} steps"
    speed = tokens / statistics.median(seconds["alone"])
    yield Figure(f"GPT {size}, without modelbook", speed, "tokens/s", how)
    if training.peak:
        used = 100 * speed * training.gpt.flops_per_token / training.peak
        yield Figure(f"GPT {size}, model-FLOPs utilisation", used, "%", f"{how}; 6 N + 12 L H Q T a token")
    logging = [100 * (logged / alone - 1) for alone, logged in zip(seconds["alone"], seconds["logged"], strict=True)]
    saving = [1000 * (saved - logged) for logged, saved in zip(seconds["logged"], seconds["checkpoint"], strict=True)]
    (log, log_error), (save, save_error) = _median(logging), _median(saving)
    yield Figure("cost of logging", log, "%", f"± {log_error:.2g}; {how}")
    yield Figure("one checkpoint, time lost to the loop", save, "ms", f"± {save_error:.2g}; {how}")
    to_share = 100 / 1000 / MINUTE  # of a minute, in %
    error = math.hypot(log_error, save_error * to_share)
    total = log + save * to_share
    yield Figure("cost of logging and a checkpoint a minute", total, "%", f"± {error:.2g}; {how}", GOAL)


def _median(values: list[float]) -> tuple[float, float]:
    """The median, and its standard error as the middle half of the values has it."""
    low, middle, high = statistics.quantiles(values, n=4)
    return middle, 0.93 * (high - low) / math.sqrt(len(values))
