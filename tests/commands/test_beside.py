"""A candidate and the version that serves, measured by turns in one job: order, record, gates, and what is refused."""

import json
from typing import Any

import yaml

from tests.commands.workbench import MODEL, POLICY, Workbench

# Slower by 1 ms a round, so that a test sees which rounds went into a number, and on this machine alone.
LATENCY = """\
import json, os, pathlib
task = json.loads(pathlib.Path(os.environ["MODELBOOK_EVALUATION"]).read_text())
config = json.loads((pathlib.Path(task["model"]) / "config.json").read_text())
with open(os.environ["TURNS"], "a") as file:
    keys = [name for name in os.environ if name.startswith("MODELBOOK_SIGN")]
    file.write(json.dumps([config["skill"], task["round"], task["rounds"], os.getpid(), keys]) + "\\n")
latency = {"value": 20 - 10 * config["skill"] + task["round"], "hardware": True}
accuracy = {"value": config["skill"], "n": 100, "interval": {"low": 0.3, "high": 0.9, "confidence": 0.95}}
pathlib.Path(task["output"]).write_text(json.dumps({"metrics": {"accuracy": accuracy, "latency_ms.p99": latency}}))
"""
FASTER = POLICY.replace(
    "metrics.accuracy > baseline.metrics.accuracy", "metrics.latency_ms.p99 < baseline.metrics.latency_ms.p99"
)


def served(bench: Workbench, model: str = MODEL) -> str:
    """A version in production, measured by the suite."""
    bench.env["TURNS"] = str(bench.root.parent / "turns")
    bench.commit({"evaluate.py": LATENCY, "registry/policy.yaml": FASTER, "registry/models/toy/model.yaml": model})
    version = bench.version(0.5)
    bench.promote(version, "staging")
    bench.promote(version, "production")
    return version


def turns(bench: Workbench) -> list[list[Any]]:
    """What each process of the suite saw, since the last time."""
    path = bench.root.parent / "turns"
    lines = path.read_text().splitlines()
    path.unlink()
    return [json.loads(line) for line in lines]


def evaluation(bench: Workbench, version: str, name: str = "default") -> dict[str, Any]:
    number = version.partition("@")[2]
    path = bench.root / f"registry/models/toy/versions/{number}/evaluations/{name}.yaml"
    read: dict[str, Any] = yaml.safe_load(path.read_text())
    return read


def test_both_take_turns_in_processes_of_their_own_and_the_gate_reads_what_came_of_it(bench: Workbench) -> None:
    served(bench)
    turns(bench)
    new = bench.ok("register", "toy", "--run", bench.train(0.75)).partition(":")[0]
    told = bench.run("evaluate", new, "--beside", "production")
    assert told.code == 0, told.text
    assert "toy@1, round 2 of 4" in told.err
    seen = turns(bench)
    assert [skill for skill, *_ in seen] == [0.75, 0.5, 0.5, 0.75, 0.75, 0.5, 0.5, 0.75]
    assert [(at, of) for _, at, of, *_ in seen] == [(1, 4), (1, 4), (2, 4), (2, 4), (3, 4), (3, 4), (4, 4), (4, 4)]
    assert len({process for *_, process, _ in seen}) == 8
    assert all(keys == [] for *_, keys in seen)

    found = evaluation(bench, new)
    ours, other = found["metrics"]["latency_ms.p99"], found["beside"]
    assert (ours["value"], ours["n"], ours["hardware"]) == (15.0, 4, True)
    assert (other["version"], other["suite"], other["rounds"], set(other["metrics"])) == (
        1,
        "default",
        4,
        {"latency_ms.p99"},
    )
    assert other["metrics"]["latency_ms.p99"]["value"] == 17.5
    assert (found["metrics"]["accuracy"]["value"], found["metrics"]["accuracy"]["n"]) == (0.75, 100)
    assert found["environment"]["cores"] >= 1

    bench.promote(new, "staging")
    (gate,) = json.loads(bench.ok("gate", new, "--to", "production", "--json"))["gates"]
    # 16 is what the baseline had in its own one round, 17.5 what four rounds beside the candidate gave
    assert gate["measured"][0]["limit"] == 17.5
    bench.promote(new, "production")
    assert bench.run("verify", "--all").code == 0


def test_it_is_measured_once_more_beside_what_serves_by_then(bench: Workbench) -> None:
    model = MODEL.replace("dataset: numbers@1}", "dataset: numbers@1, compare: production}")
    first = served(bench, model)
    assert "beside" not in evaluation(bench, first)  # nothing served yet
    second = bench.version(0.6)
    assert evaluation(bench, second)["beside"]["version"] == 1
    third = bench.version(0.75)
    bench.promote(second, "staging")
    bench.promote(second, "production")
    assert json.loads(bench.ok("plan", "--json"))["evaluate"] == [{"version": third, "suite": "default"}]
    bench.ok("evaluate", third)
    again = evaluation(bench, third, "default-beside-2")
    assert set(again["metrics"]) == {"latency_ms.p99"}
    assert again["beside"]["version"] == 2
    assert json.loads(bench.ok("plan", "--json"))["evaluate"] == []
    assert "has measured it already" in bench.ok("evaluate", third)
    bench.promote(third, "staging")
    assert bench.run("gate", third, "--to", "production").code == 0
    assert bench.run("verify", third).code == 0


def test_the_job_that_signs_takes_what_the_other_measured_beside(bench: Workbench) -> None:
    served(bench)
    new = bench.ok("register", "toy", "--run", bench.train(0.75)).partition(":")[0]
    asked = ("evaluate", new, "--beside", "production", "--rounds", "2", "--measure-only", "--json")
    told = json.loads(bench.ok(*asked))
    bench.ok("evaluate", new, "--measurement", told["measurement"], "--digest", told["digest"])
    assert evaluation(bench, new)["beside"]["rounds"] == 2


def test_what_cannot_be_measured_beside_is_refused(bench: Workbench) -> None:
    first = served(bench)
    new = bench.ok("register", "toy", "--run", bench.train(0.75)).partition(":")[0]
    for args, code, words in (
        (("evaluate", first, "--beside", "production"), 2, "cannot be measured beside itself"),
        (("evaluate", new, "--beside", "nowhere"), 2, "no stage is named 'nowhere'"),
        (("evaluate", new, "--beside", "9"), 2, "toy has no version 9"),
        (("evaluate", new, "--beside", "production", "--rounds", "1"), 2, "says nothing of how far rounds differ"),
    ):
        done = bench.run(*args)
        assert (done.code, words in done.text) == (code, True), done.text
    bench.commit({"evaluate.py": LATENCY.replace(', "hardware": True', "")})
    done = bench.run("evaluate", new, "--beside", "production")
    assert (done.code, "nothing that depends on the machine" in done.text) == (2, True)
    model = MODEL.replace("dataset: numbers@1}", "dataset: numbers@1, compare: nowhere}")
    bench.commit({"registry/models/toy/model.yaml": model})
    done = bench.run("evaluate", new)
    assert (done.code, "`compare`: no stage is named 'nowhere'" in done.text) == (2, True)
