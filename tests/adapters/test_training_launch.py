"""What becomes of a training process, however it ends."""

import os
import signal
import time
from pathlib import Path

import pytest

from modelbook.core.digests import digest_of
from modelbook.core.runs.run_state import replay
from modelbook.core.storage import output_key
from modelbook.training.launch import NO_WEIGHTS, ORPHANS
from modelbook.training.run_reader import read_events, read_record
from modelbook.training.tensors import read_checkpoint
from tests.adapters.training_scripts import ENVIRON, TRAIN, Bench, dataset_use


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_training_becomes_a_run_and_its_seed_repeats_it_bit_for_bit(bench: Bench) -> None:
    saves = TRAIN + '    run.save_weights(layer.state_dict())\n    run.log_artifact("config.json", "{}")\n'
    (bench.folder / "data").mkdir()
    results = [
        bench.launch(
            saves,
            run=f"r{index}",
            seed=7,
            params={"steps": "4"},
            tags=("t",),
            datasets=(dataset_use("numbers"),),
            dataset_folders={"numbers@1": bench.folder / "data"},
        )
        for index in range(2)
    ]
    first = results[0]
    assert (first.status, first.exit_code, first.warnings, first.interrupted) == ("completed", 0, (), False)
    record = first.record
    assert record is not None
    assert record == read_record(bench.store, "r0")
    assert record.params == {"steps": 4, "lr": 0.1}
    assert record.seed == 7
    assert record.metrics.keys() == {"loss"}
    assert record.datasets[0].dataset == "numbers"
    assert [file.path for file in record.artifacts] == ["config.json", "model.safetensors"]
    for file in record.artifacts:
        data = bench.store.read_bytes(f"runs/r0/artifacts/{file.path}", limit=10**6)
        assert (digest_of(data), len(data)) == (file.digest, file.size)
    state = replay(read_events(bench.store, "r0"))
    assert state.seeds is not None
    assert set(state.seeds.held) >= {"python", "hash", "torch"}
    assert len(state.checkpoints) == 1
    assert not any(bench.scratch.iterdir())
    digests = [result.record.artifacts[1].digest for result in results if result.record]
    assert digests[0] == digests[1]


def test_a_training_that_is_killed_leaves_its_log_and_a_checkpoint_that_loads(bench: Bench) -> None:
    result = bench.launch(
        TRAIN + '    run.log({"last": 1}, step=9)\n    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)\n'
    )
    assert (result.status, result.exit_code, result.signal) == ("killed", None, "SIGKILL")
    assert "out of memory" in (result.error or "")
    state = replay(read_events(bench.store, "r1"))
    assert state.status == "killed"
    assert state.metrics["last"].step == 9
    [checkpoint] = state.checkpoints
    assert checkpoint.step == 2
    for file in checkpoint.files:
        bench.store.fetch(
            f"runs/r1/checkpoints/0000000002/{file.path}",
            bench.folder / "back" / file.path,
            digest=file.digest,
            size=file.size,
        )
    loaded = read_checkpoint(bench.folder / "back")
    assert loaded.model["weight"].shape == (2, 4)
    assert [gradient.shape for gradient in loaded.state["optimizer"]["state"][0]] == [(2, 4), (2,)]
    assert read_record(bench.store, "r1") is None


def test_an_exit_code_is_a_failure_with_its_last_words(bench: Bench) -> None:
    result = bench.launch(
        """
        import sys, modelbook
        run = modelbook.run()
        run.log({"loss": 0.5}, step=1)
        print("said aloud")
        print("this is why", file=sys.stderr)
        sys.exit(3)
        """
    )
    assert (result.status, result.exit_code, result.error) == ("failed", 3, "this is why")
    assert bench.shown == {"stdout": b"said aloud\n", "stderr": b"this is why\n"}
    assert sorted(bench.store.read_bytes(output_key("r1", 1), limit=1000).splitlines()) == [
        b"said aloud",
        b"this is why",
    ]
    state = replay(read_events(bench.store, "r1"))
    assert (state.status, state.end and state.end.exit_code, state.metrics["loss"].value) == ("failed", 3, 0.5)


def test_a_line_that_was_cut_short_by_death_does_not_spoil_the_log(bench: Bench) -> None:
    result = bench.launch(
        """
        import os, pathlib, modelbook
        modelbook.run().log({"loss": 0.5})
        log = pathlib.Path(os.environ["MODELBOOK_RUN_CONFIG"]).with_name("events.jsonl")
        with log.open("ab") as file:
            file.write(b'{"kind": "met')
        os._exit(1)
        """
    )
    assert result.status == "failed"
    assert replay(read_events(bench.store, "r1")).metrics["loss"].value == 0.5


def test_an_exception_ends_up_in_the_log_with_what_was_stored_before_it(bench: Bench) -> None:
    result = bench.launch(
        """
        import modelbook
        with modelbook.run() as run:
            run.log_artifact("notes.txt", "so far")
            raise ArithmeticError("the loss exploded")
        """
    )
    assert (result.status, result.exit_code) == ("failed", 1)
    assert "ArithmeticError: the loss exploded" in (result.error or "")
    state = replay(read_events(bench.store, "r1"))
    assert [file.path for file in state.artifacts] == ["notes.txt"]


def test_a_flood_of_output_is_passed_on_and_kept_within_bounds(bench: Bench) -> None:
    size = 20_000_000
    result = bench.launch(
        f"""
        import sys
        sys.stdout.write("first line\\n")
        sys.stdout.write(("x" * 999 + "\\n") * ({size} // 1000))
        sys.stderr.write("y" * 300_000)
        sys.stdout.write("last line\\n")
        """
    )
    assert result.status == "completed"
    assert len(bench.shown["stdout"]) == size + len("first line\nlast line\n")
    assert bench.shown["stderr"] == b"y" * 300_000
    kept = bench.store.read_bytes(output_key("r1", 1), limit=10**8)
    assert len(kept) < 2_200_000
    assert kept.startswith(b"first line\nxxx")
    assert b" bytes are left out here ...]" in kept


def test_without_weights_a_run_completes_and_says_so(bench: Bench) -> None:
    result = bench.launch("print('no modelbook here')")
    assert result.status == "completed"
    assert result.warnings == (NO_WEIGHTS,)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("escapes", [False, True])
def test_a_child_that_outlives_the_training_holds_nothing_up(bench: Bench, escapes: bool) -> None:
    started = time.monotonic()
    result = bench.launch(
        f"""
        import subprocess, sys
        child = subprocess.Popen(["sleep", "100"], start_new_session={escapes})
        print(child.pid)
        """
    )
    pid = int(bench.shown["stdout"])
    try:
        assert time.monotonic() - started < 20
        assert result.status == "completed"
        assert ORPHANS in result.warnings
        assert alive(pid) == escapes
    finally:
        if escapes:
            os.kill(pid, signal.SIGKILL)


class Interrupting(Bench):
    """Presses Ctrl-C, once or more, when the training says that it is ready."""

    presses = 1

    def show(self, name: str, data: bytes) -> None:
        super().show(name, data)
        if b"ready" in data:
            for _ in range(self.presses):
                os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_reaches_the_training_which_may_say_good_bye(tmp_path: Path) -> None:
    bench = Interrupting(tmp_path)
    before = signal.getsignal(signal.SIGINT)
    result = bench.launch(
        """
        import time, modelbook
        run = modelbook.run()
        try:
            print("ready")
            time.sleep(100)
        except KeyboardInterrupt:
            run.log({"goodbye": 1})
        """
    )
    assert (result.status, result.exit_code, result.signal, result.interrupted) == ("killed", 0, "SIGINT", True)
    assert "goodbye" in replay(read_events(bench.store, "r1")).metrics
    assert read_record(bench.store, "r1") is None
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(("presses", "grace"), [(1, 0.2), (3, 60.0)])
def test_a_training_that_ignores_ctrl_c_is_ended_by_force(tmp_path: Path, presses: int, grace: float) -> None:
    bench = Interrupting(tmp_path)
    bench.presses = presses
    started = time.monotonic()
    result = bench.launch(
        """
        import signal, time
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        print("ready")
        time.sleep(100)
        """,
        grace=grace,
    )
    assert (result.status, result.signal, result.interrupted) == ("killed", "SIGKILL", True)
    assert time.monotonic() - started < 20


def test_a_training_that_deletes_its_folders_is_still_recorded(bench: Bench) -> None:
    (bench.folder / "work").mkdir()
    script = bench.write(
        """
        import os, shutil, modelbook
        run = modelbook.run()
        run.log({"loss": 1.0})
        shutil.rmtree(os.path.dirname(os.environ["MODELBOOK_RUN_CONFIG"]))
        shutil.rmtree(os.getcwd())
        run.log({"loss": 2.0})
        """,
        "work/gone.py",
    )
    result = bench.launch("", entry_point=script.name, cwd=script.parent)
    assert result.status == "completed"
    assert result.record is not None
    assert result.record.metrics == {"loss": 2.0}


def test_signing_material_stays_outside(bench: Bench) -> None:
    secrets = {
        "MODELBOOK_KEY": "1",
        "MODELBOOK_KEY_FILE": "1",
        "MODELBOOK_SIGNER": "env:MY_PEM",
        "MY_PEM": "1",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "1",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "1",
        "GITHUB_TOKEN": "1",
        "GH_TOKEN": "1",
        "SSH_AUTH_SOCK": "1",
    }
    bench.launch(
        "import os\nprint(*sorted(os.environ))\n",
        environ=ENVIRON | secrets | {"AWS_SECRET_ACCESS_KEY": "store", "MLFLOW_TRACKING_TOKEN": "mlflow"},
        seed=5,
    )
    names = set(bench.shown["stdout"].decode().split())
    assert names & secrets.keys() == set()
    assert names >= {
        "AWS_SECRET_ACCESS_KEY",
        "MLFLOW_TRACKING_TOKEN",
        "MODELBOOK_RUN_ID",
        "MODELBOOK_STORE",
        "MODELBOOK_RUN_CONFIG",
        "PYTHONHASHSEED",
        "PATH",
    }
