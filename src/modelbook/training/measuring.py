"""`modelbook.measure()`: how long a model takes and how much memory, as metrics for a suite's JSON."""

import gc
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from modelbook.adapters.garbage import uncollected
from modelbook.core.measuring.estimates import Estimated, fewest, mean, percentile
from modelbook.errors import BadInput
from modelbook.training.gpus import Gpus
from modelbook.training.machine import peak_memory
from modelbook.training.plain_traceback import show_only_the_script
from modelbook.training.stopwatch import Clock, Inputs, batches, nanoseconds, until, warm_up

_MIB = 2**20


def measure(
    predict: Callable[[Any], object],
    inputs: Inputs[Any],
    *,
    batch_sizes: Sequence[int] = (1, 8),
    warmup: float = 1.0,
    seconds: float = 5.0,
    percentiles: Sequence[float] = (50, 95, 99),
    name: str = "",
    clock: Clock = time.perf_counter_ns,
) -> dict[str, Estimated]:
    """Call `predict` with batches of `inputs`, and say how long it takes and how much memory the process has taken.

    `inputs` is a list, or an array or tensor whose first axis counts them; a batch is a slice of it. For each size it
    is called for `warmup` seconds at least and until calls no longer become quicker (training/stopwatch.py), then for
    `seconds`. A call ends when the GPU has done its part. Python's garbage collector rests; no call is left out.

    The result is ready for the suite's metrics, below `name` where one is given:

    - `latency_ms.batch_<size>.p<percent>`, of n calls, with standard error and interval (core/measuring/estimates.py)
    - `throughput_per_s.batch_<size>`, inputs
    - `peak_memory_mib.process`, and `peak_memory_mib.cuda_<n>` by torch's allocator
    - `threads` of torch, where the process has imported it

    Raises BadInput where there are fewer calls than a percentile takes (`fewest`: 368 for the 99th), fewer inputs than
    a batch, or calls that go on becoming quicker.
    """
    show_only_the_script()
    _check(batch_sizes, warmup, seconds, percentiles)
    times: dict[int, Sequence[int]] = {}
    memory: dict[str, int] = {}
    for size in batch_sizes:
        given = batches(inputs, size)
        predict(next(given))  # what it loads, it loads here: from now on it is known which GPUs it works on
        gpus = Gpus()
        gpus.forget_peaks()
        gc.collect()  # now, and not again before all was timed
        with uncollected():
            calls = nanoseconds(predict, given, clock, gpus.wait)
            warm_up(calls, warmup, f"batch_{size}")
            times[size] = until(calls, seconds, 1)
        _enough(size, times[size], max(map(fewest, percentiles)))
        for number, peak in gpus.peaks().items():
            memory[f"cuda_{number}"] = max(peak, memory.get(f"cuda_{number}", 0))
    memory["process"] = peak_memory()  # before the statistics take some
    found: dict[str, Estimated] = {}
    for size, took in times.items():
        milliseconds = [one / 1e6 for one in took]
        for percent in percentiles:
            shown = f"{percent:g}".replace(".", "_")
            found[f"latency_ms.batch_{size}.p{shown}"] = _of_the_machine(percentile(milliseconds, percent))
        found[f"throughput_per_s.batch_{size}"] = _of_the_machine(_throughput(size, milliseconds))
    for of, peak in memory.items():
        found[f"peak_memory_mib.{of}"] = _of_the_machine({"value": peak / _MIB})
    if torch := sys.modules.get("torch"):
        found["threads"] = {"value": torch.get_num_threads()}
    return {f"{name}.{metric}" if name else metric: value for metric, value in found.items()}


def _check(batch_sizes: Sequence[int], warmup: float, seconds: float, percentiles: Sequence[float]) -> None:
    if not batch_sizes or not percentiles or not all(0 < percent < 100 for percent in percentiles):
        raise BadInput(
            "there is nothing to measure", remedy="Give sizes of batches, and percentiles between 0 and 100."
        )
    if not (0 < warmup < math.inf and 0 < seconds < math.inf):
        raise BadInput(f"warmup={warmup:g}, seconds={seconds:g}: both are more than 0", remedy="Give seconds.")


def _enough(size: int, took: Sequence[int], needed: int) -> None:
    if len(took) < needed:
        longer = math.ceil(1.2 * needed * sum(took) / len(took) / 1e9)
        raise BadInput(
            f"batch_{size}: {len(took)} calls are too few for these percentiles: they take {needed}",
            remedy=f"Give more time, seconds={longer}, or lower percentiles, as in percentiles=(50, 95).",
        )


def _throughput(size: int, milliseconds: Sequence[float]) -> Estimated:
    """Inputs a second: a batch by the mean of its calls; its noise is that of the mean, to first order."""
    each = mean(milliseconds)
    if not each["value"]:
        raise BadInput(f"batch_{size}: the clock did not move", remedy="Measure something that takes longer.")
    value = 1000 * size / each["value"]
    return {"value": value, "n": each["n"], "stderr": value * each["stderr"] / each["value"]}


def _of_the_machine(found: Estimated) -> Estimated:
    return found | {"hardware": True}
