"""A run and its store: who may continue it, and what happens while the store is away."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelbook.core.runs.run_log import MetricsLogged, RunStarted
from modelbook.core.runs.run_state import replay
from modelbook.errors import BadInput, Refused, StoreError
from modelbook.training.clock import utc_now
from modelbook.training.deliver import deliver
from modelbook.training.lifecycle import begin
from modelbook.training.run_reader import read_events, read_record
from tests.adapters.training_scripts import ENVIRON, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_re_run_continues_the_run_and_after_it_completed_does_nothing(bench: Bench) -> None:
    failing = """
        import modelbook
        run = modelbook.run()
        run.log({"first": 1})
        run.log_artifact("config.json", "of the first attempt")
        run.log_artifact("left.json", "over")
        raise SystemExit(1)
    """
    working = """
        import modelbook
        run = modelbook.run()
        run.log_artifact("config.json", "of the second attempt")
    """
    assert bench.launch(failing).status == "failed"
    second = bench.launch(working)
    assert (second.status, second.attempt) == ("completed", 2)
    assert second.record is not None
    assert second.record.metrics == {}
    assert bench.keys("runs/r1/artifacts/") == ["runs/r1/artifacts/config.json"]
    starts = [event.attempt for event in read_events(bench.store, "r1") if isinstance(event, RunStarted)]
    assert starts == [1, 2]
    third = bench.launch("raise SystemExit(1)")
    assert (third.status, third.repeated, third.record) == ("completed", True, second.record)
    with pytest.raises(Refused, match=r"with other settings:\n    parameter lr 1, was not given\n    seed 3, was none"):
        bench.launch(working, seed=3, params={"lr": 1})


def test_two_processes_that_claim_one_run_are_told_apart(bench: Bench) -> None:
    sleeper = subprocess.Popen(["sleep", "100"])
    try:
        plan = bench.plan().run
        begun = begin(plan, bench.store, bench.folder / "other", utc_now)
        begun.folder.close()
        [start] = read_events(bench.store, "r1")
        assert isinstance(start, RunStarted)
        elsewhere = bench.store.root / "runs/r1/log/00000001.jsonl"
        elsewhere.chmod(0o644)
        elsewhere.write_text(start.model_copy(update={"pid": sleeper.pid}).model_dump_json() + "\n")
        with pytest.raises(Refused, match=f"is at work in process {sleeper.pid}"):
            bench.launch("")
    finally:
        sleeper.kill()
        sleeper.wait()
    assert bench.launch("").attempt == 2


def test_a_run_whose_log_somebody_else_writes_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused, match="another process writes to run r1"):
        bench.launch(
            """
            import os, pathlib, time, modelbook
            run = modelbook.run()
            log = pathlib.Path(os.environ["MODELBOOK_STORE"].removeprefix("file:"), "runs", run.id, "log")
            (log / "00000002.jsonl").write_text("{}\\n")
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                run.log({"loss": 1.0})
                time.sleep(0.02)
            print("was not told")
            """
        )
    assert b"another process writes to run r1" in bench.shown["stderr"]
    assert bench.shown["stdout"] == b""


def test_the_log_is_in_the_store_while_the_training_runs(bench: Bench) -> None:
    result = bench.launch(
        """
        import os, pathlib, time, modelbook
        run = modelbook.run()
        log = pathlib.Path(os.environ["MODELBOOK_STORE"].removeprefix("file:"), "runs", run.id, "log")
        for step in range(4000):
            run.log({"a metric with a long name": step}, step=step)
        deadline = time.monotonic() + 20
        while len(list(log.iterdir())) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        print(len(list(log.iterdir())))
        """
    )
    assert int(bench.shown["stdout"]) >= 3
    events = read_events(bench.store, "r1")
    assert [event.step for event in events if isinstance(event, MetricsLogged)] == list(range(4000))
    assert result.status == "completed"


def test_what_a_forked_child_logs_joins_the_run(bench: Bench) -> None:
    bench.launch(
        """
        import os, sys, modelbook
        run = modelbook.run()
        for rank in range(3):
            if os.fork() == 0:
                for step in range(50):
                    run.log({f"rank{rank}": rank}, step=step)
                sys.exit(0)
        for rank in range(3):
            os.wait()
        run.log({"main": 1})
        """
    )
    events = [event for event in read_events(bench.store, "r1") if isinstance(event, MetricsLogged)]
    assert len(events) == 151
    state = replay(read_events(bench.store, "r1"))
    assert state.metrics.keys() == {"rank0", "rank1", "rank2", "main"}
    assert state.status == "completed"


@pytest.fixture
def away(bench: Bench) -> Path:
    """Where a script moves the store to, leaving a file in its place: every write then fails."""
    return bench.folder / "away"


TAKE_AWAY = """
    import os, pathlib, modelbook
    run = modelbook.run()
    run.log_artifact("before.txt", "kept")
    run.log({"loss": 0.25})
    store = pathlib.Path(os.environ["MODELBOOK_STORE"].removeprefix("file:"))
    store.rename(store.with_name("away"))
    store.write_text("no folder")
    run.log_artifact("config.json", "kept")
"""


def test_a_store_that_is_gone_for_good_loses_nothing(bench: Bench, away: Path) -> None:
    with pytest.raises(StoreError, match="last state is not in the store") as caught:
        bench.launch(TAKE_AWAY, patience=0.3)
    [folder] = bench.scratch.iterdir()
    assert str(folder) in str(caught.value)
    bench.store.root.unlink()
    away.rename(bench.store.root)
    command = [sys.executable, "-m", "modelbook.training.deliver", str(folder)]
    done = subprocess.run(command, env=ENVIRON, capture_output=True, text=True, check=True)
    assert "run r1 is in the store (completed)" in done.stderr
    record = read_record(bench.store, "r1")
    assert record is not None
    assert record.metrics == {"loss": 0.25}
    assert [file.path for file in record.artifacts] == ["before.txt", "config.json"]
    assert not folder.exists()


def test_an_artifact_that_the_store_refuses_fails_the_run(bench: Bench) -> None:
    result = bench.launch(
        """
        import os, pathlib, modelbook
        run = modelbook.run()
        there = pathlib.Path(os.environ["MODELBOOK_STORE"].removeprefix("file:"), "runs", run.id, "artifacts")
        there.mkdir()
        (there / "config.json").write_text("other bytes")
        run.log_artifact("config.json", "mine")
        run.log_artifact("after.json", "{}")
        """
    )
    assert result.status == "failed"
    assert "the store refused 1 file(s)" in (result.error or "")
    assert "holds other bytes already" in result.warnings[0]
    assert result.state is not None
    assert [file.path for file in result.state.artifacts] == ["after.json"]
    [kept] = bench.scratch.glob("*/rejected/*/files/config.json")
    assert kept.read_text() == "mine"
    assert read_record(bench.store, "r1") is None


def test_a_store_that_fails_at_the_beginning_starts_nothing(bench: Bench) -> None:
    bench.store.root.write_text("no folder")
    with pytest.raises(StoreError):
        bench.launch("raise SystemExit('started')")
    assert bench.shown["stderr"] == b""
    assert list(bench.scratch.glob("*")) == []


def test_a_folder_without_an_end_was_left_by_a_killed_process(bench: Bench) -> None:
    begun = begin(bench.plan().run, bench.store, bench.scratch, utc_now)
    begun.folder.close()
    with (begun.folder.path / "events.jsonl").open("ab") as log:
        log.write(b'{"kind": "metrics", "ti')  # the process died in the middle of a line
    settled = deliver(begun.folder.path, 0.0)
    assert settled.state.status == "killed"
    assert len(read_events(bench.store, "r1")) == 2
    with pytest.raises(BadInput, match="is not a run's private folder"):
        deliver(begun.folder.path)
