"""A sweep on a laptop: real trainings in processes of their own, killed, gone on with, stopped early, registered."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands.workbench import Workbench

# Learns at a pace that its parameters set. It does to itself, in its first attempt, what the file `fate` says.
TRAIN = """\
import json, os, pathlib, signal
import numpy
from safetensors.numpy import save
import modelbook

run = modelbook.run()
pace, epochs = run.param("pace", 0.5), run.param("epochs", 3)
fate = pathlib.Path(f"{os.environ['MODELBOOK_RUN_ID']}.fate")
for epoch in range(1, epochs + 1):
    run.log({run.param("metric", "accuracy"): 1 - (1 - pace) ** epoch - 0.001 * run.seed()}, step=epoch)
    if fate.exists() and epoch == 2:
        word = fate.read_text()
        fate.unlink()
        if word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        with open(word, "w") as fifo:  # tells the test that it is here
            fifo.write("here")
        signal.pause()
run.log_artifact("model.safetensors", save({"weight": numpy.full((2, 2), pace, dtype=numpy.float32)}))
run.finish()
"""
FILE: dict[str, Any] = {
    "name": "pace",
    "program": "train.py",
    "data": ["numbers@1"],
    "method": "grid",
    "metric": {"name": "accuracy", "goal": "maximize"},
    "parameters": {"pace": {"values": [0.2, 0.8, 0.5]}, "epochs": {"value": 3}},
    "confirm": False,
}


@pytest.fixture
def table(bench: Workbench) -> Workbench:
    """A workbench with a training script whose pace is to be found."""
    bench.commit(
        {"train.py": TRAIN, ".gitignore": ".modelbook/\n*.fate\n*.fifo\nsweep*.yaml\n"}, "A script with a pace"
    )
    return bench


def write(bench: Workbench, path: str = "sweep.yaml", /, **changes: Any) -> str:
    kept = {key: value for key, value in (FILE | changes).items() if value is not None}
    (bench.root / path).write_text(yaml.safe_dump(kept, sort_keys=False))
    return path


def report(bench: Workbench, file: str = "sweep.yaml") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bench.run("sweep", "report", file, "--json").out)
    return found


def test_a_sweep_runs_to_its_best_through_a_kill_and_is_registered(table: Workbench) -> None:
    file = write(table, method="bayes", budget={"trials": 4}, round=2, startup=2, confirm={"best": 1, "seeds": 1},
        parameters=FILE["parameters"] | {"pace": {"min": 0.1, "max": 0.9}})  # fmt: skip
    (table.root / "pace-0002.fate").write_text("kill")
    key = f"file:{table.root}/none.pem"
    refused = table.run("sweep", "run", file, "--register-best", "toy", "--signer", key)
    assert (refused.code, "there is no key here" in refused.err) == (2, True), "before anything is trained"
    done = table.run("sweep", "run", file, "--parallel", "2", "--register-best", "toy")
    assert done.code == 0, done.text
    assert "trial 2: killed (ended by SIGKILL from outside" in done.out
    found = report(table)
    assert (found["stage"], found["settled"], found["why"]) == ("over", True, "4 trials were begun")
    trials = {one["trial"]: one for one in found["trials"]}
    best = found["best"]
    assert trials.keys() == {"1", "2", "3", "4", f"{best['trial']}-s1"}
    assert {one["status"] for one in trials.values()} == {"completed"}
    values = {number: one["value"] for number, one in trials.items() if "-s" not in number}
    assert values[str(best["trial"])] == max(values.values())
    assert best["chosen_by"] == max(values.values())
    assert [best["mean"]] == best["others"] == pytest.approx([max(values.values()) - 0.001])
    assert {one["params"]["pace"] for one in trials.values()} == {trials[number]["params"]["pace"] for number in values}
    assert json.loads(table.ok("runs", "show", "pace-0002", "--json"))["attempts"][0]["status"] == "killed"

    card = json.loads(table.ok("show", "toy@1", "--json"))["card"]
    assert card["run"]["id"] == best["run"]
    assert card["tags"] == ["sweep:pace"]
    assert f"best of 4 of the sweep pace: accuracy {best['mean']:.6g} with one other seed." in card["description"]
    again = table.run("sweep", "run", file)
    assert (again.code, "next: modelbook register" in again.out) == (0, True), "it is over, and nothing is trained"
    assert len(report(table)["trials"]) == 5

    table.ok("site", "build", "--output", "out")
    page, version = ((table.root / "out" / name).read_text() for name in ("sweeps/pace.html", "models/toy/1.html"))
    text = " ".join(re.sub("<[^>]+>", " ", page).split())
    seeds = f"with one other seed; {best['chosen_by']:.6g} with the seed that it was chosen by It became toy@1"
    assert f"Best {best['mean']:.6g} trial {best['trial']}, {seeds}" in text
    assert "4 completed and 1 with other seeds" in text
    assert (table.root / "out/sweeps/pace/history.svg").is_file()
    assert '<a href="../../sweeps/pace.html">pace</a>' in version


def test_a_changed_file_is_another_sweep_which_may_inherit(table: Workbench) -> None:
    file = write(table)
    table.ok("sweep", "trial", file, "2")
    began = table.git("rev-parse", "HEAD").strip()
    table.commit({"note.txt": "a\n"}, "Something else")
    planned = json.loads(table.ok("sweep", "plan", file, "--json"))
    about = {"sweep": "pace", "stage": "search", "why": None, "begun": 1, "commit": began}
    assert planned == about | {"trials": [{"trial": "1"}, {"trial": "3"}]}
    table.git("checkout", "--quiet", "--orphan", "elsewhere")
    table.git("commit", "--quiet", "-m", "Another history")
    refused = table.run("sweep", "plan", file)
    assert (refused.code, f"by commit {began[:12]}, which is not of this branch" in refused.err) == (2, True)
    table.git("checkout", "--quiet", "main")
    write(table, parameters=FILE["parameters"] | {"pace": {"values": [0.2, 0.8, 0.9]}})
    for command in (("plan",), ("trial", "1"), ("run",), ("report",)):
        refused = table.run("sweep", command[0], file, *command[1:])
        assert (refused.code, "the sweep 'pace' began with another file" in refused.err) == (2, True), refused.text
        assert "inherit: [pace]" in refused.err
    other = write(
        table, "sweep-2.yaml", name="pace-2", inherit=["pace"], method="bayes", budget={"trials": 2}, startup=1
    )
    assert table.run("sweep", "report", other).code == 1, "it has no trial of its own"
    table.ok("sweep", "trial", other, "1")
    assert [one["trial"] for one in report(table, other)["trials"]] == ["1"]
    gone = write(table, "sweep-3.yaml", name="pace-3", inherit=["nobody"])
    refused = table.run("sweep", "plan", gone)
    assert (refused.code, "there is no sweep 'nobody'" in refused.err, "pace, pace-2" in refused.err) == (2, True, True)


def test_a_hopeless_trial_stops_early_and_is_no_model(table: Workbench) -> None:
    file = write(
        table, early_terminate={"type": "asha"}, parameters=FILE["parameters"] | {"pace": {"values": [0.8, 0.2]}}
    )
    table.ok("sweep", "trial", file, "1")
    done = table.run("sweep", "trial", file, "2")
    assert (done.code, "it would not have become the best" in done.out) == (0, True), done.text
    state = json.loads(table.ok("runs", "show", "pace-0002", "--json"))
    assert (state["status"], state["stopped"]["step"]) == ("pruned", 1)
    assert "asha gave it up: accuracy 0.2 at step 1" in state["end"]["error"]
    assert [one["run"] for one in json.loads(table.ok("runs", "--status", "pruned", "--json"))] == ["pace-0002"]
    assert table.run("register", "toy", "--run", "pace-0002").code == 2
    assert "trial 2 is over: pruned" in table.ok("sweep", "trial", file, "2")
    assert report(table)["counts"] == {"completed": 1, "pruned": 1}


def test_ctrl_c_ends_all_trials_cleanly_and_the_next_run_goes_on(table: Workbench) -> None:
    file = write(table, parameters=FILE["parameters"] | {"pace": {"values": [0.2, 0.8]}})
    for number in (1, 2):
        os.mkfifo(table.root / f"{number}.fifo")
        (table.root / f"pace-000{number}.fate").write_text(f"{number}.fifo")
    command = [sys.executable, "-m", "modelbook", "sweep", "run", file, "--parallel", "2"]
    process = subprocess.Popen(
        command, cwd=table.root, env=table.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for number in (1, 2):
        assert Path(table.root / f"{number}.fifo").read_text() == "here"
    second = table.run("sweep", "run", file)
    assert (second.code, "trial 2 is being trained by another process" in second.out) == (1, True), second.text
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, "interrupted" in said, "Traceback" in said) == (130, True, False), said
    assert {one["status"] for one in report(table)["trials"]} == {"killed"}
    done = table.run("sweep", "run", file, "--parallel", "2")
    assert done.code == 0, done.text
    found = report(table)
    assert (found["counts"], found["best"]["params"]["pace"]) == ({"completed": 2}, 0.8)


def test_what_another_machine_trains_is_left_to_it_until_it_is_silent(table: Workbench) -> None:
    file = write(table, parameters=FILE["parameters"] | {"pace": {"values": [0.2, 0.8]}})
    (table.root / "pace-0001.fate").write_text("kill")
    assert table.run("sweep", "trial", file, "1").code == 1
    log = table.root / ".modelbook/store/runs/pace-0001/log"
    *rest, last = sorted(log.iterdir())
    assert '"end"' in last.read_text()
    last.unlink()
    rewrite(rest, socket.gethostname(), "elsewhere")
    done = table.run("sweep", "run", file)
    assert (done.code, "trial 1 is being trained by another process on elsewhere" in done.out) == (0, True), done.text
    assert report(table)["counts"] == {"completed": 1, "running": 1}
    rewrite(rest, '"time":"20', '"time":"19')
    done = table.run("sweep", "run", file)
    assert (done.code, report(table)["counts"]) == (0, {"completed": 2}), done.text

    rewrite(rest[:1], "}", "")
    found = report(table)
    assert found["counts"] == {"completed": 1, "failed": 1}, "what is broken has failed, and the others count"
    assert "its log cannot be read: " in found["trials"][0]["problem"]
    (log.parents[1] / "pace-0002").rename(log.parents[1] / "pace-0003")
    refused = table.run("sweep", "report", file)
    assert (refused.code, "pace-0003 is named as a trial of the sweep 'pace'" in refused.err) == (2, True), refused.text


def rewrite(segments: list[Path], old: str, new: str) -> None:
    for path in segments:
        path.chmod(0o644)
        path.write_text(path.read_text().replace(old, new))


def test_what_cannot_be_meant_is_said(table: Workbench) -> None:
    file = write(table, parameters={"metric": {"value": "acc"}})
    done = table.run("sweep", "run", file)
    assert done.code == 1
    assert "trial 1: failed (it never logged 'accuracy')" in done.out
    assert "no trial logged 'accuracy'; they logged: acc" in done.out
    assert "give the sweep another name" in done.out
    assert table.run("sweep", "plan", file).code == 1

    two = write(table, "sweep-2.yaml", name="pace-2")
    cases = {
        ("trial", "4"): "there is no trial 4: the sweep has 3",
        ("trial", "1-s1"): "trial 1 has not begun",
        ("trial", "one"): "'one' is not a trial",
        ("plan", "--dispatch-after", "0"): "--dispatch-after goes with a workflow on a branch",
        ("report", "--register-best", "toy"): "the sweep is not over: 3 to train",
    }
    for (verb, *more), words in cases.items():
        done = table.run("sweep", verb, two, *more)
        assert (done.code, words in done.err) == (2, True), done.text
    for name, words in {"none.yaml": "cannot be read", "train.py": "train.py"}.items():
        done = table.run("sweep", "plan", name)
        assert (done.code, words in done.err) == (2, True), done.text
    (table.root / "train.py").write_text("print()")  # not committed
    done = table.run("sweep", "run", two, "--parallel", "2")
    assert (done.code, "trial 1 could not be trained" in done.err or "trial 2 could" in done.err) == (2, True), (
        done.text
    )
    assert "allow-dirty" in done.err
