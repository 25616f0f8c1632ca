"""A training that dies, or whose store or disk fails, and what becomes of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelbook.core.run_record import Code
from modelbook.core.runs.run_log import CheckpointStored, NoteWritten
from modelbook.core.runs.run_state import replay
from modelbook.errors import Refused, StoreError
from modelbook.training.clock import utc_now
from modelbook.training.deliver import recover
from modelbook.training.lifecycle import begin
from modelbook.training.run_folder import RunFolder
from modelbook.training.run_reader import read_events
from tests.adapters.killing import SAVING, Campaign
from tests.adapters.training_scripts import ENVIRON, Bench

DIES = SAVING.replace("    run.save_weights", "    saver.wait()\n    os._exit(1)\n    run.save_weights")
FOUR = {"steps": 4}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def _of_the_dead(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the run r1, which died after four steps."""
    bench = Bench(tmp_path_factory.mktemp("dead"))
    assert bench.launch(DIES, seed=1, params=FOUR).status == "failed"
    assert not any(bench.scratch.iterdir())
    return bench.store.root


@pytest.fixture
def dead(bench: Bench, _of_the_dead: Path) -> Bench:
    """The same in a store of the test's own."""
    shutil.copytree(_of_the_dead, bench.store.root)
    bench.scratch.mkdir()
    return bench


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


def test_without_any_readable_checkpoint_the_training_says_so(dead: Bench) -> None:
    for path in dead.store.root.glob("runs/r1/checkpoints/*/model.safetensors"):
        path.unlink()
    result = dead.launch(SAVING, seed=1, params=FOUR)
    assert result.status == "failed"
    assert "no checkpoint of the run can be read" in (result.error or "")


def test_an_attempt_that_begins_anew_says_so(dead: Bench) -> None:
    anew = SAVING.replace("saver.restore() or 0", "0")
    result = dead.launch(anew, seed=1, params=FOUR)
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
def test_going_on_with_other_settings_is_refused_or_recorded(dead: Bench, more: dict[str, Any], words: str) -> None:
    began: dict[str, Any] = {"seed": 1, "params": FOUR}
    before = dead.keys("")
    with pytest.raises(Refused, match=f"began with other settings:\n    {words}") as caught:
        dead.launch(SAVING, **(began | more))
    assert "--force" in (caught.value.remedy or "")
    assert dead.keys("") == before
    assert not any(dead.scratch.iterdir())
    result = dead.launch(SAVING, **(began | more), force=True)
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
    away = store.with_name("away")
    def swap():  # at once: a write between two steps would make the folder anew
        done = ctypes.CDLL(None).renameat2(-100, os.fsencode(store), -100, os.fsencode(away), 2)  # RENAME_EXCHANGE
        assert done == 0
    def gone(): away.write_text("no folder"); swap()
    def back(): swap(); away.unlink()
    for step in range""",
    )
    .replace("import os, time", "import ctypes, os, pathlib, time")
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
