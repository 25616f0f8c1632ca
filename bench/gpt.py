"""What Modelbook costs a training: a small GPT, by turns without it, with its logging, and with a checkpoint too."""

import io
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from bench.checkpoints import settled
from bench.measure import Figure

if TYPE_CHECKING:
    from train import Training

    from modelbook.training.run import Run

EXAMPLE = Path(__file__).parents[1] / "examples/gpt"
GOAL = 1.0  # %
MINUTE = 60.0  # seconds, between two checkpoints
ARMS = ("alone", "logged", "checkpoint")
# Steps in one turn of one arm, a multiple of log_every and longer than a checkpoint takes to write; and turns.
TURNS = {"tiny": (20, 40), "124M": (20, 9)}


def measure() -> Iterator[Figure]:
    """The cost of logging and of one checkpoint a minute: 124M weights on an NVIDIA GPU, else the tiny size."""
    sys.path.insert(0, str(EXAMPLE))
    import make_dataset
    import torch
    from train import SIZES, Settings, Training, join

    import modelbook

    device = join()
    size = "124M" if device.type == "cuda" else "tiny"
    threads = torch.get_num_threads()
    if size == "tiny":
        torch.set_num_threads(1)  # it is too small for more, and modelbook's own threads find a core
    try:
        with tempfile.TemporaryDirectory(prefix="modelbook-bench-") as folder, chdir(folder):
            make_dataset.main(Path("text"))
            # The learning rate falls over all turns, and what is measured is training: nothing is validated.
            settings = Settings(**{**SIZES[size], "steps": 2**31, "validate_every": 2**30})
            training = Training(settings, Path("text"), 0, device)
            with modelbook.run("bench", store=f"file:{folder}/store", seed=0) as run:
                # Other programs disturb a CPU's clock on the wall by more than what is measured. Its own time counts
                # the threads in the background in full, as if none of them ever found a core that is free.
                seconds = _by_turns(
                    training, run, *TURNS[size], perf_counter if device.type == "cuda" else process_time
                )
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "one CPU thread, its processor time"
        yield from _figures(training, size, TURNS[size][0], seconds, f"{name}, torch {torch.__version__}")
    finally:
        torch.set_num_threads(threads)
        sys.path.remove(str(EXAMPLE))


def _by_turns(
    training: "Training", run: "Run", steps: int, turns: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds of each turn of each arm; every arm is first as often as it is second and third."""
    saver, done = run.checkpoints(model=training.model, optimizer=training.optimizer, every=1), 0
    seconds: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for turn in range(-1, turns):  # the first is not counted: it compiles, and makes buffers and files
        for arm in (*ARMS[turn % 3 :], *ARMS[: turn % 3]):
            half, end = done + steps // 2 + 1, done + steps + 1
            with redirect_stdout(io.StringIO()):
                started = clock()
                training.train(range(done + 1, half), None if arm == "alone" else run)
                if arm == "checkpoint":
                    saver.step(half - 1)
                training.train(range(half, end), None if arm == "alone" else run)
                ended = clock()
            saver.wait()
            settled()
            done += steps
            if turn >= 0:
                seconds[arm].append(ended - started)
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
