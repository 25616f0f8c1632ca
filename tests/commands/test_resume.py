"""A training on the command line that is killed, and goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from modelbook.training.run_id import new_run_id
from tests.commands.workbench import Workbench

EXAMPLE = Path(__file__).parents[2] / "examples/digits"
EPOCHS = "epochs=100"
SETTINGS = ("train.py", "--data", "digits@1", "--param", EPOCHS, "--seed", "3")


@pytest.fixture
def digits(bench: Workbench, tmp_path: Path) -> Workbench:
    """The digits example, on few and random digits."""
    random = np.random.default_rng(0)
    rows = np.hstack([random.integers(0, 17, (512, 64)), random.integers(0, 10, (512, 1))])
    (tmp_path / "digits").mkdir()
    header = ",".join([f"pixel_{index}" for index in range(64)] + ["label"])
    np.savetxt(tmp_path / "digits/train.csv", rows, fmt="%d", delimiter=",", header=header, comments="")
    bench.commit({path.name: path.read_bytes() for path in EXAMPLE.glob("*.py")})
    bench.ok("data", "add", "digits", str(tmp_path / "digits"))
    return bench


def children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if int(line.split()[1]) == pid]


def kill_half_way(bench: Workbench, run: str, *args: str, env: dict[str, str] | None = None) -> str:
    """Start a training, kill its process once a checkpoint is stored, and return what the launcher said."""
    started = subprocess.Popen(
        [sys.executable, "-m", "modelbook", "train", *args],
        cwd=bench.root,
        env=bench.env | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 60
    place = bench.root / ".modelbook/store/runs" / run / "checkpoints"
    while not place.is_dir() or not list(place.iterdir()):
        assert time.monotonic() < deadline
        assert started.poll() is None, started.communicate()[0]
        time.sleep(0.01)
    for pid in children(started.pid):
        os.kill(pid, signal.SIGKILL)
    said = started.communicate(timeout=60)[0]
    assert started.returncode == 1, said
    return said


def digest(bench: Workbench, run: str) -> str:
    record = json.loads((bench.root / f".modelbook/store/runs/{run}/run.json").read_bytes())
    return str(next(file["digest"] for file in record["artifacts"] if file["path"] == "model.safetensors"))


def test_a_killed_training_is_resumed_and_ends_with_the_same_weights(digits: Workbench) -> None:
    said = kill_half_way(digits, "cut", *SETTINGS, "--run-id", "cut")
    assert "signal SIGKILL" in said
    assert "modelbook train --resume cut" in said
    digits.ok("train", "--resume", "cut")
    digits.ok("train", *SETTINGS, "--run-id", "whole")
    assert digest(digits, "cut") == digest(digits, "whole")
    shown = json.loads(digits.ok("show", "run:cut", "--json"))
    assert [attempt["status"] for attempt in shown["attempts"]] == ["killed", "completed"]
    [restored] = shown["restored"]
    assert 0 < restored["step"] < 100
    assert shown["params"]["epochs"] == 100
    assert "completed" in digits.ok("train", "--resume", "cut")  # once more does nothing


def test_a_re_run_on_github_goes_on_by_itself(digits: Workbench) -> None:
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": "1001",
        "GITHUB_REPOSITORY": "acme/registry",
        "GITHUB_JOB": "train",
        "GITHUB_ACTOR": "ada",
        "MODELBOOK_MATRIX": "{}",
    }
    run = new_run_id(github)
    kill_half_way(digits, run, *SETTINGS, env=github | {"GITHUB_RUN_ATTEMPT": "1"})
    refused = digits.run("train", *SETTINGS, "--param", "hidden=8", env=github)
    assert refused.code == 1
    assert "parameter hidden 8, was not given" in refused.err
    again = digits.run("train", *SETTINGS, env=github | {"GITHUB_RUN_ATTEMPT": "2"})
    assert again.code == 0, again.text
    shown = json.loads(digits.ok("show", f"run:{run}", "--json"))
    assert len(shown["restored"]) == 1


def test_resuming_with_other_settings_is_refused_or_insisted_on(digits: Workbench) -> None:
    kill_half_way(digits, "cut", *SETTINGS, "--run-id", "cut")
    digits.commit({"model.py": (digits.root / "model.py").read_text() + "# changed\n"})
    refused = digits.run("train", "--resume", "cut", "--param", "epochs=101", "--seed", "4")
    assert refused.code == 1
    for words in ("code of commit", "parameter epochs 101, was 100", "seed 4, was 3", "--force"):
        assert words in refused.err
    insisted = digits.run("train", "--resume", "cut", "--force", "--param", "epochs=101")
    assert insisted.code == 0, insisted.text
    assert "warning: went on with other settings: parameter epochs 101, was 100" in insisted.text
    shown = json.loads(digits.ok("show", "run:cut", "--json"))
    assert len(shown["start"]["differs"]) == 2


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--resume", "absent"), "there is no run absent in the store"),
        (("--resume", "../x"), "is not a path"),
        (("--resume", "a", "--run-id", "b"), "not both"),
        ((), "Give ENTRY"),
    ],
)
def test_what_cannot_be_resumed_is_named(bench: Workbench, args: tuple[str, ...], words: str) -> None:
    done = bench.run("train", *args)
    assert done.code == 2
    assert words in done.err


def test_a_run_that_completed_is_not_trained_again_and_not_with_other_parameters(bench: Workbench) -> None:
    run = bench.train(0.8)
    assert "had completed before: nothing was trained" in bench.ok("train", "--resume", run)
    done = bench.run("train", "--resume", run, "--param", "skill=0.7")
    assert done.code == 1
    assert "parameter skill 0.7, was 0.8" in done.err
