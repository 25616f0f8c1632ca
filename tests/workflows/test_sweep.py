"""A Bayesian sweep on the repository's own workflow files, in rounds: one leg is killed and gone on with."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.parts.act_run import ActRun, JobKey, job_key
from tests.workflows.founding import BUCKET, Founded
from tests.workflows.team import VERSION, Team, team
from tests.workflows.ways import APP

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(400)]

FILE = "tune/sweep.yaml"
# A linear reader of the scanned digits. Only the trial that is killed keeps checkpoints: importing torch takes longer
# than this training.
TRAIN = """\
import os, signal
import numpy
import modelbook

run = modelbook.run()
lr, decay, epochs = run.param("lr", 0.1), run.param("decay", 0.0), run.param("epochs", 4)
rows = numpy.loadtxt(run.dataset("digits") / "train.csv", delimiter=",", skiprows=1)
numpy.random.shuffle(rows)
pixels, labels = rows[:, :64] / 16, rows[:, 64].astype(int)
weights, start, saver = numpy.zeros((64, 10)), 1, None
if os.environ["MODELBOOK_RUN_ID"].endswith("KILLED"):
    import torch
    class Weights:
        def state_dict(self): return {"weights": torch.from_numpy(weights)}
        def load_state_dict(self, state): weights[:] = state["weights"].numpy()
    saver = run.checkpoints(model=Weights(), every=1)
    start = saver.restore() or 1
for epoch in range(start, epochs + 1):
    for batch in numpy.split(numpy.arange(1200), 40):
        scores = numpy.exp(pixels[batch] @ weights)
        error = scores / scores.sum(axis=1, keepdims=True) - numpy.eye(10)[labels[batch]]
        weights -= lr * (pixels[batch].T @ error / len(batch) + decay * weights)
    right = (pixels[1200:] @ weights).argmax(axis=1) == labels[1200:]
    run.log({"validation_accuracy": float(right.mean())}, step=epoch)
    if saver:
        saver.step(epoch)
        if start == 1 and epoch == 2:
            saver.wait()
            os.kill(os.getpid(), signal.SIGKILL)
run.save_weights({"weights": weights})
run.finish()
"""
SWEEP = {
    "name": "rate",
    "program": "tune/train.py",
    "data": ["digits@1"],
    "method": "bayes",
    "metric": {"name": "validation_accuracy", "goal": "maximize"},
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 0.0001, "max": 1.0},
        "decay": {"values": [0.0, 0.01, 0.1]},
        "epochs": {"value": 4},
    },
}
SMALL = {"round": 2, "startup": 2, "budget": {"trials": 2}, "confirm": False}
WHOLE = {"startup": 4, "budget": {"trials": 12}, "confirm": {"best": 1, "seeds": 1}}


@pytest.mark.parametrize(
    ("size", "rounds", "killed"),
    [
        pytest.param(SMALL, [[1, 2], [2]], 2, id="small"),
        pytest.param(
            WHOLE, [[1, 2, 3, 4], [5, 6, 7, 8], [6, 9, 10, 11, 12]], 6, marks=pytest.mark.campaign, id="whole"
        ),
    ],
)
def test_it_goes_in_rounds_through_a_kill_to_a_registration(
    size: dict[str, Any], rounds: Sequence[Sequence[int]], killed: int, begun: Founded, tmp_path: Path
) -> None:
    with team(tmp_path, begun, APP) as acme:
        script = TRAIN.replace("KILLED", f"-{killed:04}")
        commit = bring(acme, {FILE: yaml.safe_dump(SWEEP | size), "tune/train.py": script})
        run = acme.dispatch("sweep.yml", **{"file": FILE, "register-best": "digits"})
        bring(acme, {"notes.txt": "merged meanwhile\n"})
        for number, legs in enumerate(rounds):
            run = next_round(acme) if number else run
            died = {leg(killed): "failure"} if killed in legs and not restored(acme, killed) else {}
            last = number == len(rounds) - 1 and not size["confirm"]
            run.assert_jobs(jobs(map(leg, legs)) | died | (REGISTERED if last else {}))
            assert ("**Best**" if last else "**Best so far**") in run.summary
        assert restored(acme, killed) == [2]

        if size["confirm"]:
            run = next_round(acme)
            (again,) = [key for key in run.jobs if "-s1" in key[1]]
            run.assert_jobs(jobs([again]) | REGISTERED)
        assert acme.started().keys() == {"verify.yml"}, "the sweep is over"
        assert {start["code"]["commit"] for start in starts(acme)} == {commit}
        assert_it_is_registered(acme, trials=size["budget"]["trials"], other=1 if size["confirm"] else 0)
        assert "xychart-beta" in run.summary
        assert "fANOVA" in run.summary
        assert "artifact sweep-pictures: contour.png history.png importance.png parallel.png" in run.log
        acme.assert_no_secret_in_any_log()


REGISTERED: dict[str | JobKey, str] = {"register/register": "success"}


def jobs(legs: "map[JobKey] | list[JobKey]") -> dict[str | JobKey, str]:
    """The jobs of a round that went well."""
    found: dict[str | JobKey, str] = dict.fromkeys(("container", "plan", "report", "next"), "success")
    return found | dict.fromkeys(legs, "success")


def leg(number: int) -> JobKey:
    return job_key("trial", {"trial": str(number)})


def next_round(acme: Team) -> ActRun:
    """Run what the last round started: the same workflow, once, with the same inputs."""
    (started,) = [run for name, run in acme.started().items() if name == "sweep.yml"]
    asked = {"file": FILE, "register-best": "digits", "container": "", "after": str(1000 + len(acme.runs))}
    assert started["inputs"] == asked
    return acme.follow("sweep.yml")[0]


def assert_it_is_registered(acme: Team, *, trials: int, other: int) -> None:
    """The pull request is open, and its card says what the best trial was the best of, and by which seeds."""
    (pull,) = acme.state["pulls"]
    assert pull["issue"]["title"] == "Register digits@1"
    card = yaml.safe_load(acme.git("show", f"register/digits-1:{VERSION}/1/card.yaml"))
    assert f"best of {trials} of the sweep rate: validation_accuracy 0." in card["description"]
    assert card["description"].endswith("with one other seed." if other else "with the one seed that it was chosen by.")
    assert card["tags"] == ["sweep:rate"]


def bring(acme: Team, files: dict[str, str]) -> str:
    """Put files onto main, as if their pull request had been merged; the commit."""
    desk = acme.clone(f"desk-{acme.git('rev-parse', 'main')}")
    for name, text in files.items():
        (desk / name).parent.mkdir(exist_ok=True)
        (desk / name).write_text(text)
    git = ["git", "-c", "user.name=Alice", "-c", "user.email=alice@example.org"]
    for command in (["add", "-A"], ["commit", "-qm", "Tune"], ["push", "-q", "origin", "HEAD:main"]):
        subprocess.run([*git, *command], cwd=desk, check=True)
    return acme.git("rev-parse", "main")


def events(acme: Team, run: str) -> list[dict[str, Any]]:
    folder = acme.s3.folder / BUCKET / "registry/runs" / run / "log"
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def starts(acme: Team) -> list[dict[str, Any]]:
    """How each attempt at each trial began."""
    names = [path.name for path in (acme.s3.folder / BUCKET / "registry/runs").glob("rate-*")]
    return [event for name in names for event in events(acme, name) if event["kind"] == "start"]


def restored(acme: Team, killed: int) -> list[int]:
    """The steps of the checkpoints that the trial went on from."""
    return [event["step"] for event in events(acme, f"rate-{killed:04}") if event["kind"] == "restore"]
