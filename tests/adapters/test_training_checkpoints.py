"""Checkpoints: taken while the training goes on, kept by their metric, found again after any death."""

import math
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import modelbook
from modelbook.adapters.directory_store import DirectoryStore
from modelbook.core.run_log import CheckpointStored, NoteWritten
from modelbook.core.run_record import Code
from modelbook.core.run_state import RunState, replay
from modelbook.errors import BadInput, Refused, StoreError
from modelbook.training.clock import utc_now
from modelbook.training.deliver import recover
from modelbook.training.lifecycle import begin
from modelbook.training.pace import Pace
from modelbook.training.run import Run
from modelbook.training.run_folder import RunFolder
from modelbook.training.run_reader import read_events
from tests.adapters.killing import SAVING, Campaign
from tests.adapters.training_scripts import ENVIRON, Bench

DIES = SAVING.replace("    run.save_weights", "    saver.wait()\n    os._exit(1)\n    run.save_weights")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


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


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the weights that nobody killed."""
    bench = Bench(tmp_path_factory.mktemp("uninterrupted"))
    record = bench.launch(SAVING, seed=1).record
    assert record is not None
    assert record.metrics.keys() == {"loss"}
    return record.artifacts[0].digest


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=[pytest.mark.campaign, pytest.mark.timeout(900)])])
def test_kills_at_any_moment_lose_no_checkpoint_and_change_no_bit(bench: Bench, uninterrupted: str, kills: int) -> None:
    campaign = Campaign(bench, seed=20)
    campaign.run(kills)
    assert campaign.kills == kills
    for run, steps in zip(campaign.completed, campaign.restored(), strict=True):
        assert replay(read_events(bench.store, run)).artifacts[0].digest == uninterrupted
        assert steps == sorted(steps)
        assert len(bench.keys(f"runs/{run}/checkpoints/")) <= 6  # best and latest, three files each
    assert any(campaign.restored())


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


def test_a_checkpoint_with_wrong_bytes_is_passed_over_for_the_best(bench: Bench, uninterrupted: str) -> None:
    assert bench.launch(DIES, seed=1).status == "failed"
    best, latest = replay(read_events(bench.store, "r1")).checkpoints
    spoilt = bench.store.root / f"runs/r1/checkpoints/{latest.folder}/model.safetensors"
    spoilt.chmod(0o644)
    spoilt.write_bytes(spoilt.read_bytes()[:-1] + b"\xff")
    result = bench.launch(SAVING, seed=1)
    assert any(f"the checkpoint of step {latest.step} is not what was stored" in each for each in result.warnings)
    assert result.state is not None
    assert [event.step for event in result.state.restored] == [best.step]
    assert result.record is not None
    assert result.record.artifacts[0].digest == uninterrupted


def test_without_any_readable_checkpoint_the_training_says_so(bench: Bench) -> None:
    bench.launch(DIES, seed=1)
    for path in bench.store.root.glob("runs/r1/checkpoints/*/model.safetensors"):
        path.unlink()
    result = bench.launch(SAVING, seed=1)
    assert result.status == "failed"
    assert "no checkpoint of the run can be read" in (result.error or "")


def test_an_attempt_that_begins_anew_says_so(bench: Bench) -> None:
    bench.launch(DIES, seed=1, params={"steps": 4})
    anew = SAVING.replace("saver.restore() or 0", "0")
    result = bench.launch(anew, seed=1, params={"steps": 4})
    assert result.status == "completed"
    assert "attempt 2 begins anew: restore() was not called" in result.warnings


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"seed": 2}, "seed 2, was 1"),
        ({"params": {"steps": 5}}, "parameter steps 5, was 4"),
        ({"code": Code(entry_point="train.py", commit="b" * 40)}, "code of commit bbbbbbbbbbbb, was none"),
    ],
)
def test_going_on_with_other_settings_is_refused_or_recorded(bench: Bench, more: dict[str, Any], words: str) -> None:
    began: dict[str, Any] = {"seed": 1, "params": {"steps": 4}}
    assert bench.launch(DIES, **began).status == "failed"
    before = bench.keys("")
    with pytest.raises(Refused, match=f"began with other settings:\n    {words}") as caught:
        bench.launch(SAVING, **(began | more))
    assert "--force" in (caught.value.remedy or "")
    assert bench.keys("") == before
    assert not any(bench.scratch.iterdir())
    result = bench.launch(SAVING, **(began | more), force=True)
    assert result.status == "completed"
    assert result.state is not None
    assert result.state.start.differs == (words,)
    assert f"went on with other settings: {words}" in result.warnings
    assert [event.step for event in result.state.restored] == [3]


def test_of_two_processes_that_claim_one_run_one_trains(bench: Bench) -> None:
    bench.write(SAVING)
    driver = (
        "import os, sys; from pathlib import Path; from modelbook.errors import Refused\n"
        "from modelbook.training.launch import launch; from tests.adapters.training_scripts import Bench\n"
        "bench = Bench(Path(sys.argv[1])); bench.scratch = Path(sys.argv[2])\n"
        "sys.stdin.readline()\n"
        "try: print(launch(bench.plan(seed=1), bench.store, environ=os.environ).status)\n"
        "except Refused as error: print('refused:', error.message)\n"
    )
    path = os.pathsep.join([ENVIRON["PYTHONPATH"], str(Path(__file__).parents[2])])
    for scratch in (("one", "one"), ("one", "two")):  # on one machine, and on two
        shutil.rmtree(bench.store.root, ignore_errors=True)
        rivals = [
            subprocess.Popen(
                [sys.executable, "-c", driver, str(bench.folder), str(bench.folder / each)],
                env=ENVIRON | {"PYTHONPATH": path},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for each in scratch
        ]
        for rival in rivals:
            assert rival.stdin is not None
            rival.stdin.write("go\n")
            rival.stdin.flush()
        said = sorted(rival.communicate(timeout=60)[0].splitlines()[-1] for rival in rivals)
        assert said[0] == "completed"
        assert said[1].startswith("refused: ")
        assert replay(read_events(bench.store, "r1")).status == "completed"


def test_what_a_dead_machine_kept_is_found_by_the_next_attempt(bench: Bench) -> None:
    begun = begin(bench.plan(seed=1).run, bench.store, bench.scratch, utc_now)
    folder, path = begun.folder, begun.folder.path
    with pytest.raises(Refused, match="is at work on run r1"):
        recover(bench.scratch, "r1")
    folder.close()
    recover(bench.scratch, "r1")
    assert not path.exists()
    assert replay(read_events(bench.store, "r1")).status == "killed"


def test_what_was_left_of_a_run_that_went_on_elsewhere_is_set_aside(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = begin(bench.plan(seed=1).run, bench.store, bench.scratch, utc_now)
    begun.folder.append(NoteWritten(time="2026-01-02T03:04:05.000000Z", text="of the dead"))
    begun.folder.stage(lambda folder: None)
    begun.folder.close()
    elsewhere = Bench(bench.folder)
    elsewhere.scratch = bench.folder / "elsewhere"
    start = replay(read_events(bench.store, "r1")).start
    (bench.store.root / "runs/r1/log/00000001.jsonl").chmod(0o644)
    away = start.model_copy(update={"host": "elsewhere"}).model_dump_json() + "\n"
    (bench.store.root / "runs/r1/log/00000001.jsonl").write_text(away)
    assert elsewhere.launch("import modelbook; modelbook.run().log({'a': 1})", seed=1).status == "completed"
    keys = bench.keys("")
    recover(bench.scratch, "r1")
    assert "set aside" in capsys.readouterr().err
    assert (bench.scratch / "r1-1.superseded").is_dir()
    assert bench.keys("") == keys


AWAY = (
    SAVING.replace(
        "    for step in range",
        """
    store = run_store()
    def gone(): store.rename(store.with_name("away")); store.write_text("no folder")
    def back(): store.unlink(); store.with_name("away").rename(store)
    for step in range""",
    )
    .replace("import os, time", "import os, pathlib, time")
    .replace(
        "    run = modelbook.run()",
        """
    def run_store(): return pathlib.Path(os.environ["MODELBOOK_STORE"].removeprefix("file:"))
    run = modelbook.run()""",
    )
)


def test_a_store_that_is_gone_for_a_while_is_caught_up_with(bench: Bench, uninterrupted: str) -> None:
    comes_back = AWAY.replace("time.sleep(0.01)", "time.sleep(0.01); {10: gone, 40: back}.get(step, int)()")
    result = bench.launch(comes_back, seed=1)
    assert result.record is not None
    assert result.record.artifacts[0].digest == uninterrupted
    assert b"the store fails, the training goes on" in bench.shown["stderr"]
    assert result.state is not None
    assert result.state.checkpoints[-1].step == 59
    stored = {key.split("/")[3] for key in bench.keys("runs/r1/checkpoints/")}
    assert stored == {one.folder for one in result.state.checkpoints}


def test_a_store_that_is_gone_for_good_ends_the_run_with_the_checkpoint_at_hand(bench: Bench) -> None:
    stays_away = AWAY.replace("time.sleep(0.01)", "time.sleep(0.01); {10: gone}.get(step, int)()")
    with pytest.raises(StoreError, match="is not in the store") as caught:
        bench.launch(stays_away, seed=1, patience=0.2)
    [path] = bench.scratch.iterdir()
    assert str(path) in (caught.value.remedy or "")
    folder = RunFolder(path)
    waiting = [event.step for _, event in folder.lots() if isinstance(event, CheckpointStored)]
    folder.close()
    assert max(waiting) == 59


FULL = SAVING.replace(
    "    for step in range",
    """
    import resource, signal
    def disk(size): resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    for step in range""",
)


def test_a_full_disk_costs_checkpoints_and_not_the_training(bench: Bench, uninterrupted: str) -> None:
    full = FULL.replace("time.sleep(0.01)", "{10: lambda: disk(9000), 40: lambda: disk(10**9)}.get(step, int)()")
    result = bench.launch(full, seed=1)
    assert result.record is not None
    assert result.record.artifacts[0].digest == uninterrupted
    assert any("no checkpoint at step" in each for each in result.warnings)
    assert result.state is not None
    assert result.state.checkpoints[-1].step == 59
    assert not list(bench.scratch.glob("*"))


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
