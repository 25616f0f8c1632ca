"""Checkpoints: taken while the training goes on, kept by their metric, and loaded again."""

import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import modelbook
from modelbook.adapters.directory_store import DirectoryStore
from modelbook.core.runs.run_state import RunState, replay
from modelbook.errors import BadInput
from modelbook.training.pace import Pace
from modelbook.training.run import Run
from modelbook.training.run_reader import read_events


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.chdir(tmp_path)
    for name in ("MODELBOOK_RUN_CONFIG", "MODELBOOK_STORE", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    with modelbook.run("test") as opened:
        yield opened


def state_of(run: Run, folder: Path) -> RunState:
    run.finish()
    return replay(read_events(DirectoryStore(folder / ".modelbook/store", "file:.modelbook/store"), run.id))


def stored_folders(run: Run, folder: Path) -> list[str]:
    place = folder / f".modelbook/store/runs/{run.id}/checkpoints"
    return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


class Counter:
    """The smallest thing that can be saved."""

    def __init__(self) -> None:
        self.value = torch.zeros(3)

    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.value = state["value"]


def test_the_best_and_the_latest_stay_in_the_store(run: Run, tmp_path: Path) -> None:
    counter = Counter()
    saver = run.checkpoints(model=counter, every=1, metric="accuracy", mode="max")
    assert saver.restore() is None
    for step, value in enumerate([0.1, 0.5, 0.5, math.nan, 0.2]):
        counter.value += 1
        assert saver.step(step, {"accuracy": value})
    state = state_of(run, tmp_path)
    assert [one.step for one in state.checkpoints] == [1, 4]
    assert state.best == 1
    assert stored_folders(run, tmp_path) == ["0000000001", "0000000004"]


def test_a_better_metric_is_saved_whatever_the_pace(run: Run, tmp_path: Path) -> None:
    saver = run.checkpoints(model=Counter(), every="1h", metric="loss", mode="min")
    taken = [saver.step(step, {"loss": loss}) for step, loss in enumerate([3.0, 2.0, 2.0, 2.5, 1.0])]
    assert taken == [True, True, False, False, True]
    assert state_of(run, tmp_path).best == 4


def test_what_is_saved_is_what_was_there_when_the_step_was_done(run: Run, tmp_path: Path) -> None:
    counter = Counter()
    saver = run.checkpoints(model=counter, every=1)
    for step in range(4):
        counter.value.fill_(step)
        saver.step(step)
        counter.value.fill_(99)
    run.finish()
    place = tmp_path / f".modelbook/store/runs/{run.id}/checkpoints/0000000003/model.safetensors"
    from safetensors.torch import load_file

    assert load_file(place)["value"].tolist() == [3.0] * 3


@pytest.mark.parametrize(("step", "before"), [(3, 3), (2, 3), (0, 9)])
def test_a_step_that_does_not_go_forward_is_refused(run: Run, step: int, before: int) -> None:
    saver = run.checkpoints(model=Counter(), every=100)
    saver.step(before)
    with pytest.raises(BadInput, match=f"step {step} comes after step {before}"):
        saver.step(step)


@pytest.mark.parametrize("every", [0, -1, True, 1.5, "", "60", "s", "1 day", "0s", "-5s", None])
def test_a_pace_that_is_none_is_refused(run: Run, every: Any) -> None:
    with pytest.raises(BadInput, match="is no pace"):
        run.checkpoints(model=Counter(), every=every)


def test_a_pace_is_a_time_or_a_number_of_steps() -> None:
    now = [0.0]
    pace = Pace("1.5m", lambda: now[0])
    assert not pace.due()
    now[0] = 90.0
    assert pace.due()
    pace.restart()
    assert not pace.due()
    pace = Pace(3)
    assert [pace.due() for _ in range(3)] == [False, False, True]


def test_what_is_declared_must_make_sense(run: Run) -> None:
    with pytest.raises(BadInput, match="whether more or less of 'loss' is better"):
        run.checkpoints(model=Counter(), metric="loss")
    with pytest.raises(BadInput, match="optimizer is a int, which has no state_dict"):
        run.checkpoints(model=Counter(), optimizer=3)  # type: ignore[arg-type]
    saver = run.checkpoints(model=Counter(), metric="loss", mode="min")
    with pytest.raises(BadInput, match="'loss' is not among those handed in: accuracy"):
        saver.step(1, {"accuracy": 1.0})
    with pytest.raises(BadInput, match="'loss' is 'True', a bool"):
        saver.step(2, {"loss": True})


def test_state_that_no_file_can_hold_is_refused_where_it_is_handed_in(run: Run) -> None:
    class Strange(Counter):
        def state_dict(self) -> dict[str, Any]:
            return {"groups": [{"hook": print}]}

    saver = run.checkpoints(model=Counter(), strange=Strange(), every=1)
    with pytest.raises(BadInput, match=r"strange\.groups\.0\.hook is a builtin_function_or_method"):
        saver.step(1)


@pytest.mark.parametrize("name", ["MultiStepLR", "CosineAnnealingLR", "OneCycleLR", "LambdaLR", "ReduceLROnPlateau"])
def test_optimizers_and_schedulers_go_on_where_they_were(run: Run, name: str) -> None:
    made: dict[str, Any] = {
        "MultiStepLR": {"milestones": [2, 5]},
        "CosineAnnealingLR": {"T_max": 10},
        "OneCycleLR": {"max_lr": 0.1, "total_steps": 20},
        "LambdaLR": {"lr_lambda": lambda epoch: 0.9**epoch},
        "ReduceLROnPlateau": {"patience": 1},
    }

    def parts() -> tuple[torch.nn.Module, torch.optim.Optimizer, Any]:
        model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5))
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, amsgrad=True)
        return model, optimizer, getattr(torch.optim.lr_scheduler, name)(optimizer, **made[name])

    def train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, scheduler: Any, steps: range) -> None:
        for step in steps:
            loss = model(torch.randn(4, 3)).square().sum() + random.random() + float(np.random.rand())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step(*([loss.item()] if name == "ReduceLROnPlateau" else []))
            saver.step(step)

    first = parts()
    saver = run.checkpoints(model=first[0], optimizer=first[1], scheduler=first[2], every=4)
    train(*first, range(1, 5))
    saver.wait()
    saver = run.checkpoints(model=Counter(), every=100)
    train(*first, range(5, 10))
    drawn = torch.rand(1), random.random(), float(np.random.rand())
    deliver_all(run)
    again = parts()
    saver = run.checkpoints(model=again[0], optimizer=again[1], scheduler=again[2], every=100)
    assert saver.restore() == 5
    train(*again, range(5, 10))
    assert (torch.rand(1), random.random(), float(np.random.rand())) == drawn
    for name_, weight in first[0].state_dict().items():
        assert torch.equal(again[0].state_dict()[name_], weight)
    assert repr(again[1].state_dict()) == repr(first[1].state_dict())


def deliver_all(run: Run) -> None:
    deadline = time.monotonic() + 30
    while not replay(read_events(run._session.store, run.id)).checkpoints:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_checkpoint_of_another_model_is_refused(run: Run) -> None:
    saver = run.checkpoints(model=torch.nn.Linear(2, 2), every=1)
    saver.step(1)
    saver.wait()
    deliver_all(run)
    with pytest.raises(BadInput, match="is of another model or optimizer"):
        run.checkpoints(model=torch.nn.Linear(3, 2)).restore()
    with pytest.raises(BadInput, match="the training code hands in model, extra"):
        run.checkpoints(model=torch.nn.Linear(2, 2), extra=Counter()).restore()
    assert run.checkpoints(model=torch.nn.Linear(2, 2), extra=None).restore() == 2
