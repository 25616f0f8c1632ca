"""Trainings in two processes under torchrun, over gloo on the CPU: saved by two or one, gone on by two or one."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from modelbook.core.runs.run_log import MetricsLogged
from modelbook.training.checkpoint_files import WholeState
from modelbook.training.launch import LaunchResult
from modelbook.training.loader import Loader
from modelbook.training.run_reader import read_events
from tests.adapters.training_scripts import ENVIRON, Bench

TRAIN = """
    import os, signal
    import torch
    import torch.distributed as dist
    import modelbook

    torch.set_num_threads(1)
    run = modelbook.run(seed=0)
    rank, world = 0, 1
    if "RANK" in os.environ:
        dist.init_process_group("gloo")
        rank, world = dist.get_rank(), dist.get_world_size()
    net = torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.BatchNorm1d(9), torch.nn.ReLU(), torch.nn.Linear(9, 1))
    model = net
    if world > 1 and os.environ["KIND"] == "ddp":
        model = torch.nn.parallel.DistributedDataParallel(net)
    if world > 1 and os.environ["KIND"] == "fsdp":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard
        fully_shard(net, mesh=init_device_mesh("cpu", (world,)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    loader = run.loader(torch.utils.data.TensorDataset(torch.arange(40.0).repeat(6, 1).T / 40), batch_size=2)
    saver = run.checkpoints(
        model=model, optimizer=optimizer, scheduler=scheduler, loader=loader, every=2, metric="loss", mode="min"
    )
    step = saver.restore() or 0
    if step:
        run.save_weights(net.state_dict(), "restored.safetensors")
    else:
        torch.manual_seed(10 + rank)
    die, _, how = os.environ.get("DIE", "").partition(" ")
    for epoch in range(loader.epoch, 2):
        for [batch] in loader:
            loss = model(batch + torch.randn(2, 6)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            run.log({f"loss{rank}": loss, "rate": scheduler.get_last_lr()[0]}, step=step)
            saver.step(step, {"loss": -step} if step == 4 else None)
            if die and step in (4, 6):
                run.save_weights(net.state_dict(), f"after{step}.safetensors")
            if str(step) == die and rank == world - 1:
                how or saver.wait()
                os.kill(os.getpid(), signal.SIGKILL)
            step += 1
    run.save_weights(net.state_dict())
    run.log_artifact("rank.txt", f"{rank}")
    if "EARLY" in os.environ:
        saver.step(step, {"loss": -99})
        dist.destroy_process_group()
    run.finish()
    if "EARLY" not in os.environ:
        dist.destroy_process_group()  # else torch may abort the process as it ends
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def launch(bench: Bench, run: str, processes: int | None, **environ: str) -> LaunchResult:
    env = ENVIRON | {"OMP_NUM_THREADS": "1"} | environ
    return bench.launch(TRAIN, run=run, processes=processes, environ=env)


def digest(result: LaunchResult, name: str = "model.safetensors") -> str:
    assert result.state is not None, result.error
    return next(file.digest for file in result.state.artifacts if file.path == name)


class Part:
    """What stands in for a scheduler where only its place is asked for."""

    def state_dict(self) -> dict[str, Any]:
        return self.__dict__

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("kind", "die"), [("ddp", "6"), ("fsdp", "6 while it saves")])
def test_what_two_processes_saved_goes_on_in_two_and_in_one(bench: Bench, kind: str, die: str) -> None:
    whole = launch(bench, "whole", 2, KIND=kind, EARLY="1")
    assert whole.status == "completed", bench.shown["stderr"].decode()
    # They parted while the last one was being written, or just after: half of one never counts.
    assert all("while it was written" in warning for warning in whole.warnings)
    for one in whole.state.checkpoints if whole.state else ():
        assert sum("shard-" in file.path for file in one.files) == (2 if kind == "fsdp" else 1), one.files
        assert sum(file.path.endswith("state.json") for file in one.files) == 2, one.files
    cut = launch(bench, "cut", 2, KIND=kind, DIE=die)
    assert (cut.status, cut.signal) == ("killed", "SIGKILL")
    assert cut.state is not None
    latest = cut.state.checkpoints[-1]
    # The one that was being written may be whole or not; the one before it is never lost, nor is the best.
    assert latest.step in ({6} if die == "6" else {4, 6})
    assert cut.state.best == 4
    names = {file.path for file in latest.files}
    assert {f"rank-0000{rank}/state.json" for rank in (0, 1)} < names
    assert all(name.endswith((".json", ".safetensors")) for name in names)
    stored = {key.removeprefix("runs/cut/checkpoints/") for key in bench.keys("runs/cut/checkpoints/")}
    assert stored == {f"{one.folder}/{file.path}" for one in cut.state.checkpoints for file in one.files}
    place = bench.folder / f"store/runs/cut/checkpoints/{latest.folder}"
    loaded_by_one(place, load_file(bench.folder / f"store/runs/cut/artifacts/after{latest.step}.safetensors"))

    resumed = launch(bench, "cut", 2, KIND=kind)
    assert resumed.status == "completed", bench.shown["stderr"].decode()
    assert digest(resumed) == digest(whole)
    assert not resumed.warnings
    assert resumed.record is not None
    assert resumed.record.processes == 2
    # One process speaks for all, and what was logged after the checkpoint is logged anew.
    assert (bench.folder / "store/runs/cut/artifacts/rank.txt").read_text() == "0"
    assert metrics_of(bench, "cut")[latest.step - 19 :] == metrics_of(bench, "whole")[latest.step + 1 :]


def metrics_of(bench: Bench, run: str) -> list[tuple[int | None, dict[str, float]]]:
    events = [event for event in read_events(bench.store, run) if isinstance(event, MetricsLogged)]
    assert {name for event in events for name in event.values} == {"loss0", "rate"}
    return [(event.step, event.values) for event in events]


def loaded_by_one(place: Path, weights: dict[str, torch.Tensor]) -> None:
    """The checkpoint in `place` in a single process, without a pickle that lies about there."""
    for name in (".metadata", "rank-00000/state.pt", "__0_0.distcp"):
        (place / name).write_bytes(pickle.dumps(Bomb()))
    net = torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.BatchNorm1d(9), torch.nn.ReLU(), torch.nn.Linear(9, 1))
    optimizer = torch.optim.AdamW(net.parameters())
    loader, scheduler = Loader([0] * 40, 0, batch_size=2, shuffle=True), Part()
    missed = WholeState(net, {"optimizer": optimizer, "scheduler": scheduler, "loader": loader}).load(place)
    assert missed == ["2 process(es) saved it and 1 go on: they draw other numbers"]
    for name, value in net.state_dict().items():
        assert torch.equal(value, weights[name]), name
    step = int(place.name) + 1
    assert {int(each["step"]) for each in optimizer.state.values()} == {step}
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05 * 0.1 ** (step // 3))
    assert scheduler.state_dict()["last_epoch"] == step
    # Both processes had taken batches of two.
    assert loader.state_dict() == {"epoch": 0, "done": 4 * step, "samples": 40}
    for name in (".metadata", "rank-00000/state.pt", "__0_0.distcp"):
        (place / name).unlink()


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.timeout(300)
def test_what_one_process_saved_goes_on_in_two(bench: Bench) -> None:
    alone = launch(bench, "ddp", None, DIE="6")
    assert alone.signal == "SIGKILL"
    shutil.copytree(bench.folder / "store/runs/ddp", bench.folder / "store/runs/fsdp")
    for kind in ("ddp", "fsdp"):
        log = bench.folder / f"store/runs/{kind}/log"
        for segment in log.iterdir():
            lines = [json.loads(line) for line in segment.read_text().splitlines()]
            for line in lines:
                line |= {"run": kind} if line["kind"] == "start" else {}
            segment.write_text("".join(json.dumps(line) + "\n" for line in lines))
        resumed = launch(bench, kind, 2, KIND=kind)
        assert resumed.status == "completed", bench.shown["stderr"].decode()
        assert digest(resumed, "restored.safetensors") == digest(alone, "after6.safetensors")
        assert resumed.warnings == ("restored, but 1 process(es) saved it and 2 go on: they draw other numbers",)
        # One process has taken 7 x 2 of 40 samples: the rest are 7 batches for each of two, and 10 in the epoch after.
        assert [step for step, _ in metrics_of(bench, kind)] == [*range(7), *range(7, 7 + 7 + 10)]
