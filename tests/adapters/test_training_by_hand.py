"""`modelbook.run()` in a script that nobody launched."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelbook.core.runs.run_log import RunStarted
from modelbook.core.runs.run_state import replay
from modelbook.training.run_reader import read_events, read_record
from tests.adapters.training_scripts import ENVIRON, Bench


@pytest.mark.parametrize(
    ("ending", "status", "error"),
    [
        ("", "completed", ""),
        ("run.finish()", "completed", ""),
        ("run.finish('failed')", "failed", ""),
        ("raise ArithmeticError('exploded')", "failed", "ArithmeticError: exploded"),
        ("with run: raise SystemExit(3)", "failed", "SystemExit: 3"),
        ("import sys; sys.exit(3)", "failed", "SystemExit: 3"),
        ("import sys; sys.exit('no data')", "failed", "SystemExit: no data"),
        ("import sys; sys.exit()", "completed", ""),
        ("import gc\ndel run\ngc.collect()", "completed", ""),
        ("import os\nos.kill(os.getpid(), 15)", "killed", ""),
        ("import os\nwith run: os.kill(os.getpid(), 1)", "killed", ""),
        ("with run: raise KeyboardInterrupt", "killed", ""),
        ("with run: raise SystemExit(0)", "completed", ""),
        ("import os, sys\nif os.fork() == 0: sys.exit(1)\nos.wait()", "completed", ""),
        ("import os\nif os.fork() == 0: run.finish('failed'); os._exit(0)\nos.wait()", "completed", ""),
    ],
)
def test_a_script_started_by_hand_ends_up_in_the_store(tmp_path: Path, ending: str, status: str, error: str) -> None:
    bench = Bench(tmp_path)
    script = bench.write(
        "import modelbook\nrun = modelbook.run(tags=('a',), seed=4)\nrun.log({'loss': 0.5})\n"
        "run.log_artifact('a.json', '{}')\nprint(run.id)\n" + ending
    )
    env = {key: value for key, value in ENVIRON.items() if not key.startswith("GITHUB_")}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=env | {"MODELBOOK_STORE": bench.store.uri},
        capture_output=True,
        text=True,
        check=False,
    )
    run_id = done.stdout.split()[0]
    events = read_events(bench.store, run_id)
    state = replay(events)
    assert isinstance(events[0], RunStarted)
    assert (state.status, events[0].experiment, events[0].tags) == (status, "train", ("a",))
    if status == "killed":
        assert state.end is not None
        assert state.end.signal == {143: "SIGTERM", 129: "SIGHUP"}.get(done.returncode, "SIGINT")
    assert error in ((state.end and state.end.error) or "")
    assert state.metrics["loss"].value == 0.5
    assert [file.path for file in state.artifacts] == ["a.json", "modelbook/requirements.txt"]
    assert state.artifacts[1].digest == events[0].environment.lock
    assert state.seeds is not None
    assert "PYTHONHASHSEED" in state.seeds.not_held["hash"]
    assert (read_record(bench.store, run_id) is not None) == (status == "completed")
    assert list((tmp_path / ".modelbook/runs").iterdir()) == []
    assert (tmp_path / ".modelbook/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize("whole", [False, True])
def test_an_error_shows_the_line_of_the_script_and_none_of_ours(tmp_path: Path, whole: bool) -> None:
    bench = Bench(tmp_path)
    script = bench.write("import modelbook\nrun = modelbook.run(params={'a': 1})\nrun.log_artifact('nothing.bin')\n")
    env = ENVIRON | {"MODELBOOK_STORE": bench.store.uri} | ({"MODELBOOK_TRACEBACK": "1"} if whole else {})
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f'File "{script}", line 3' in done.stderr
    assert "nothing.bin: there is no such file\n  Name a regular file" in done.stderr
    assert ("handed_files.py" in done.stderr) == whole
    assert "never asked" not in done.stderr
    [run] = {info.key.split("/")[1] for info in bench.store.list("runs/")}
    end = replay(read_events(bench.store, run)).end
    assert end is not None
    assert ("handed_files.py" in (end.error or "")) == whole
