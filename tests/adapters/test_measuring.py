"""Latency and memory of a callable: what is counted, in which order, when it is enough, and what is refused."""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modelbook
from modelbook.adapters.garbage import uncollected
from modelbook.core.evaluation import Metric
from modelbook.errors import BadInput
from modelbook.training.gpus import Gpus
from modelbook.training.machine import peak_memory
from modelbook.training.measuring import measure
from modelbook.training.stopwatch import MOST, batches, nanoseconds, until, warm_up

MS = 1_000_000  # nanoseconds


class Machine:
    """A clock that only a call of `predict` moves, by what the next of `takes` says."""

    def __init__(self, takes: Callable[[int], int]) -> None:
        self.takes, self.calls, self.now = takes, 0, 0
        self.sizes: list[int] = []

    def predict(self, batch: list[int]) -> None:
        self.now += self.takes(self.calls)
        self.calls += 1
        self.sizes.append(len(batch))

    def clock(self) -> int:
        return self.now


def test_percentiles_count_and_throughput_are_those_of_the_calls() -> None:
    """Every tenth call takes 3 ms and all others 1 ms; none is left out."""
    machine = Machine(lambda call: 3 * MS if call % 10 == 9 else MS)
    found = measure(machine.predict, list(range(16)), warmup=0.2, seconds=1.2, clock=machine.clock)
    metrics = {name: Metric.model_validate(one) for name, one in found.items()}
    for size in (1, 8):
        at = {p: metrics[f"latency_ms.batch_{size}.p{p}"] for p in (50, 95, 99)}
        assert {p: one.value for p, one in at.items()} == {50: 1.0, 95: 3.0, 99: 3.0}
        assert {one.n for one in at.values()} == {1000}
        assert metrics[f"throughput_per_s.batch_{size}"].value == pytest.approx(size * 1000 / 1.2)
    assert set(machine.sizes) == {1, 8}
    assert all(one.hardware for name, one in metrics.items() if name != "threads")
    assert metrics["peak_memory_mib.process"].value == pytest.approx(peak_memory() / 2**20, rel=0.5)


@pytest.mark.parametrize(
    ("seconds", "percentiles", "needed"), [(0.367, (50, 95, 99), 368), (0.071, (95,), 72), (0.5, (99.9,), 3688)]
)
def test_too_few_calls_for_a_percentile_are_refused_with_what_would_do(
    seconds: float, percentiles: tuple[float, ...], needed: int
) -> None:
    machine = Machine(lambda call: MS)
    told = f"calls are too few for these percentiles: they take {needed}"
    with pytest.raises(BadInput, match=told) as refused:
        measure(machine.predict, [1], batch_sizes=[1], seconds=seconds, percentiles=percentiles, clock=machine.clock)
    assert refused.value.remedy
    longer = float(refused.value.remedy.partition("seconds=")[2].partition(",")[0])
    measure(machine.predict, [1], batch_sizes=[1], seconds=longer, percentiles=percentiles, clock=machine.clock)


def test_a_call_lasts_from_a_quiet_gpu_to_a_quiet_gpu() -> None:
    happened: list[str] = []
    ticks = count()

    def clock() -> int:
        happened.append("clock")
        return next(ticks)

    def predict(batch: str) -> None:
        happened.append(f"predict {batch}")

    calls = nanoseconds(predict, iter("ab"), clock, lambda: happened.append("wait"))
    assert list(calls) == [1, 1]
    assert happened == [word for batch in "ab" for word in ("wait", "clock", f"predict {batch}", "wait", "clock")]


def test_what_a_call_gives_back_is_freed_after_the_clock_has_stopped() -> None:
    happened: list[str] = []

    class Answer:
        def __del__(self) -> None:
            happened.append("freed")

    def clock() -> int:
        happened.append("clock")
        return 0

    list(nanoseconds(lambda _: Answer(), iter("a"), clock, lambda: None))
    assert happened == ["clock", "clock", "freed"]


def test_it_is_warm_when_calls_no_longer_become_quicker() -> None:
    """Compiled at call 0, quicker until call 40, steady from there."""
    takes = [1000 * MS, *(20 * MS - call * MS // 4 for call in range(40))]
    calls = iter(takes + [10 * MS] * 1000)
    used = warm_up(calls, 0.2, "batch_1")
    assert used > 40
    assert next(calls) == 10 * MS


def test_what_becomes_slower_is_warm_and_what_goes_on_becoming_quicker_is_refused() -> None:
    assert warm_up((MS * (1 + call) for call in count()), 0.1, "batch_1") < 100
    with pytest.raises(BadInput, match=r"batch_1 still becomes quicker after 100 calls \(1 s of them\)") as refused:
        warm_up((int(10**12 * 0.9**call) for call in count()), 0.1, "batch_1")
    assert refused.value.remedy == "Give it longer to warm up: warmup=1."


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=60), st.floats(0, 0.1), st.integers(1, 30))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_calls_are_kept_in_order_until_both_the_time_and_the_number_are_reached(
    takes: list[int], seconds: float, fewest: int
) -> None:
    found = list(until(iter(takes), seconds, fewest))
    assert found == takes[: len(found)]
    enough = [at for at in range(1, len(takes) + 1) if at >= fewest and sum(takes[:at]) >= int(seconds * 1e9)]
    assert len(found) == (enough[0] if enough else len(takes))


def test_a_clock_that_does_not_move_ends_all_the_same() -> None:
    assert len(until(iter(lambda: 0, 1), 1.0, 1)) == MOST
    still = Machine(lambda call: 0)
    with pytest.raises(BadInput, match="the clock did not move"):
        measure(still.predict, [1], batch_sizes=[1], percentiles=(50,), clock=still.clock)


def test_batches_are_slices_of_the_same_size_round_and_round() -> None:
    assert list(islice(batches(list("abcdefg"), 3), 3)) == [["a", "b", "c"], ["d", "e", "f"], ["a", "b", "c"]]
    assert [one.shape for one in islice(batches(np.zeros((5, 2)), 2), 3)] == [(2, 2)] * 3
    assert next(batches("ab", 2)) == "ab"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"batch_sizes": [3]}, "there is no batch of 3 of 2 inputs"),
        ({"batch_sizes": [0]}, "there is no batch of 0 of 2 inputs"),
        ({"batch_sizes": []}, "there is nothing to measure"),
        ({"percentiles": []}, "there is nothing to measure"),
        ({"percentiles": [100]}, "there is nothing to measure"),
        ({"seconds": 0}, "both are more than 0"),
        ({"warmup": float("nan")}, "both are more than 0"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        measure(lambda batch: pytest.fail("it was called"), [1, 2], **wrong)  # type: ignore[arg-type]


def test_the_garbage_collector_rests_and_is_put_back_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), uncollected():
        _ = 1 // int(gc.isenabled())
    assert gc.isenabled()
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_was_made_while_it_rested_is_not_searched_at_once_and_what_was_frozen_stays_so() -> None:
    script = """
import gc
from modelbook.adapters.garbage import uncollected
with uncollected():
    kept = [[]]
assert not any(one is kept for one in gc.get_objects(generation=0))
gc.freeze()
frozen = gc.get_freeze_count()
with uncollected():
    pass
assert gc.get_freeze_count() == frozen
"""
    subprocess.run([sys.executable, "-c", script], check=True)  # tests freeze what is theirs


def test_a_function_that_sleeps_takes_at_least_as_long_and_two_can_stand_in_one_suite() -> None:
    """The real clock: bounds below only, since a busy machine has none above."""
    found = modelbook.measure(
        lambda batch: time.sleep(0.001 * len(batch)),
        [0, 1],
        batch_sizes=(1, 2),
        warmup=0.01,
        seconds=0.05,
        percentiles=(50,),
        name="sleeper",
    )
    one, two = (found[f"sleeper.latency_ms.batch_{size}.p50"]["value"] for size in (1, 2))
    assert one >= 1
    assert two >= 2
    assert found["sleeper.throughput_per_s.batch_2"]["value"] <= 1000


SCRIPT = """\
import json, sys
import modelbook
found = modelbook.measure(lambda batch: sum(range(100)), [0], batch_sizes=[1], warmup=0.001, seconds=0.05)
print(json.dumps([sorted(found), "torch" in sys.modules, "boto3" in sys.modules]))
"""


def test_it_needs_no_torch_and_imports_none(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, check=True, capture_output=True, text=True)
    names, *imported = json.loads(done.stdout)
    ends = ["latency_ms.batch_1.p50", "latency_ms.batch_1.p95", "latency_ms.batch_1.p99"]
    assert names == [*ends, "peak_memory_mib.process", "throughput_per_s.batch_1"]
    assert imported == [False, False]


def test_with_torch_on_a_processor_alone_there_is_no_gpu_to_wait_for() -> None:
    import torch

    if torch.cuda.is_available():
        torch.zeros(1, device="cuda")
    used = Gpus().used
    assert bool(used) == torch.cuda.is_available()
    ones = torch.ones(4, 3)
    found = measure(ones.new_ones(3, 3).matmul, ones.T, batch_sizes=[3], warmup=0.001, seconds=0.02, percentiles=(50,))
    assert found["threads"] == {"value": torch.get_num_threads()}
    assert {f"peak_memory_mib.cuda_{number}" for number in used} <= set(found)


def test_the_peak_is_of_this_process_and_of_none_before_it(tmp_path: Path) -> None:
    """A small process that a large one starts is small: getrusage says otherwise on Linux."""
    held = b"x" * (200 * 2**20)
    code = "from modelbook.training.machine import peak_memory; print(peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert peak_memory() > len(held)
    assert int(done.stdout) < 150 * 2**20


def test_elsewhere_than_on_linux_the_system_is_asked(tmp_path: Path) -> None:
    assert peak_memory(tmp_path) >= peak_memory() / 2
