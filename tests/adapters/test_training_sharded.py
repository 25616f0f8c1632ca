"""Trainings in two processes under torchrun, over gloo on the CPU: saved by two, gone on by two, or by one."""

from pathlib import Path

import pytest

from modelbook.core.run_log import MetricsLogged
from modelbook.training.launch import LaunchResult
from modelbook.training.run_reader import read_events
from tests.adapters.training_scripts import ENVIRON, Bench

TRAIN = """
    import os, signal, sys
    import torch
    import torch.distributed as dist
    import modelbook

    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    rank, world = 0, 1
    if "WORLD_SIZE" in os.environ:
        dist.init_process_group("gloo")
        rank, world = dist.get_rank(), dist.get_world_size()
    if world > 1 and os.environ["KIND"] == "ddp":
        net = torch.nn.parallel.DistributedDataParallel(net)
    if world > 1 and os.environ["KIND"] == "fsdp":
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard
        fully_shard(net, mesh=init_device_mesh("cpu", (world,)))
    run = modelbook.run()
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.05)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
    saver = run.checkpoints(
        model=net, optimizer=optimizer, scheduler=scheduler, every=2, metric="loss", mode="min"
    )
    begin = saver.restore() or 0
    if not begin:
        torch.manual_seed(10 + rank)
    def whole():
        return {name.removeprefix("module."): value for name, value in net.state_dict().items()}

    if os.environ.get("LOOK"):
        run.save_weights(whole(), "looked.safetensors")
        state = optimizer.state_dict()
        print(sorted({int(each["step"]) for each in state["state"].values()}), round(state["param_groups"][0]["lr"], 9))
        raise SystemExit(1)
    for step in range(begin, 8):
        if str(step) == os.environ.get("DIE") and rank == world - 1:
            saver.wait()
            os.kill(os.getpid(), signal.SIGKILL)
        loss = net(torch.randn(4, 6)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        run.log({f"loss{rank}": loss}, step=step)
        saver.step(step, {"loss": 9 - step} if step == 4 else None)
        if os.environ.get("DIE"):
            saver.wait()
            run.save_weights(whole(), f"at{step}.safetensors")
    run.save_weights(whole())
    run.finish()
    dist.destroy_process_group() if world > 1 else None
"""
TORCHRUN = """
    import sys
    from torch.distributed.run import main
    main(["--standalone", "--nproc-per-node", "2", *sys.argv[1:]])
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.write(TRAIN, "alone.py")
    return made


def two(bench: Bench, run: str, kind: str, **environ: str) -> LaunchResult:
    """Train in two processes."""
    env = ENVIRON | {"KIND": kind, "OMP_NUM_THREADS": "1"} | environ
    arguments = (str(bench.folder / "alone.py"),)
    return bench.launch(TORCHRUN, run=run, arguments=arguments, environ=env, force=True)


def digest(result: LaunchResult, name: str = "model.safetensors") -> str:
    assert result.state is not None
    return next(file.digest for file in result.state.artifacts if file.path == name)


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_what_two_processes_saved_goes_on_in_two_and_in_one(bench: Bench, kind: str) -> None:
    whole = two(bench, "whole", kind)
    cut = two(bench, "cut", kind, DIE="6")
    assert cut.status == "failed"
    assert cut.state is not None
    latest = cut.state.checkpoints[-1]
    assert latest.step == 4
    assert {file.path for file in latest.files} >= {f"rank-0000{rank}/state.json" for rank in (0, 1)}
    assert any("/" not in file.path for file in latest.files)
    stored = {key.removeprefix("runs/cut/checkpoints/") for key in bench.keys("runs/cut/checkpoints/")}
    assert stored == {f"{one.folder}/{file.path}" for one in cut.state.checkpoints for file in one.files}

    environ = ENVIRON | {"LOOK": "1"}
    looked = bench.launch("", run="cut", entry_point="alone.py", environ=environ, force=True)
    assert digest(looked, "looked.safetensors") == digest(cut, "at4.safetensors")
    assert bench.shown["stdout"].splitlines()[-1] == b"[5] 0.005"
    assert "restored, but 2 processes saved it and 1 go on: they draw other numbers" in looked.warnings

    resumed = two(bench, "cut", kind)
    assert resumed.status == "completed"
    assert digest(resumed) == digest(whole)
    events = [event for event in read_events(bench.store, "cut") if isinstance(event, MetricsLogged)]
    assert {name for event in events for name in event.values} == {"loss0"}  # one process speaks for all
    assert [event.step for event in events] == [0, 1, 2, 3, 4, 5, 6, 7]


def test_what_one_process_saved_is_refused_by_two(bench: Bench) -> None:
    alone = bench.launch("", run="r1", entry_point="alone.py", environ=ENVIRON | {"DIE": "3"})
    assert alone.signal == "SIGKILL"
    assert two(bench, "r1", "ddp").status == "failed"
    assert "one process saved the checkpoint, and 2 are to go on" in bench.shown["stderr"].decode()
