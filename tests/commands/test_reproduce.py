"""Training a version again from what its card records."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands.workbench import POLICY, TRAIN, Workbench

HERE = ("--environment", "machine")
# Its weights are never the same twice, and its skill not quite.
SKILL = 'skill = run.param("skill", 0.8)'
NOISY = TRAIN.replace(SKILL, f"{SKILL} + numpy.random.default_rng().normal() * 1e-4")
MARGINS = "reproduce: {margins: {accuracy: 0.01}}\n"


def reproductions(bench: Workbench, version: str) -> list[dict[str, Any]]:
    number = version.partition("@")[2]
    folder = bench.root / f"registry/models/toy/versions/{number}/reproductions"
    return [yaml.safe_load(path.read_bytes()) for path in sorted(folder.glob("*.yaml"))]


def test_a_version_comes_out_bit_for_bit_the_same(bench: Workbench) -> None:
    version = bench.version(0.8)
    bench.commit({"train.py": "raise SystemExit('another code by now')\n"})
    shown = bench.root.parent / "mlflow.db"
    done = bench.run("reproduce", version, "--runs", "3", *HERE, env={"MLFLOW_TRACKING_URI": f"sqlite:///{shown}"})
    said = done.out
    assert not shown.exists(), "a repetition is no run of the team's"
    assert f"{version} is reproduced: the weights came out bit for bit the same, once" in said
    (found,) = reproductions(bench, version)
    assert found["installed"] == "machine"
    assert bench.git("status", "--porcelain") == ""
    bench.ok("verify")
    assert not list((bench.root / ".modelbook/store/runs").glob(f"{found['id']}*")), "the store has none of it"


def test_a_gate_may_ask_for_it(bench: Workbench) -> None:
    version = bench.version(0.8)
    gate = "    gates:\n      - metrics.accuracy >= 0.5\n"
    bench.commit({"registry/policy.yaml": POLICY.replace(gate, gate + '      - reproduced("identical")\n')})
    refused = bench.run("gate", version, "--to", "staging")
    assert (refused.code, "nobody has trained the candidate again" in refused.out) == (1, True)
    bench.ok("reproduce", version, *HERE)
    bench.ok("gate", version, "--to", "staging")
    bench.promote(version, "staging")


def test_other_weights_need_a_margin_and_enough_runs(bench: Workbench) -> None:
    bench.commit({"train.py": NOISY})
    version = bench.version(0.8)
    plain = bench.run("reproduce", version, *HERE)
    assert (plain.code, "policy.yaml gives no margin" in plain.out) == (1, True)
    bench.commit({"registry/policy.yaml": POLICY + MARGINS})
    once = bench.run("reproduce", version, *HERE)
    assert (once.code, f"next: modelbook reproduce {version} --runs 5" in once.out) == (1, True)
    said = json.loads(bench.ok("reproduce", version, "--runs", "4", *HERE, "--json"))
    assert (said["passed"], said["version"]) == (True, version)
    assert ", mean of 4 0." in said["facts"]["accuracy"]
    assert "accuracy is equivalent" in said["verdict"]
    assert len(reproductions(bench, version)) == 3, "what failed stays on record"
    bench.ok("verify")


def test_a_metric_that_strays_is_not_reproduced(bench: Workbench) -> None:
    bench.commit({"train.py": NOISY.replace("1e-4", "0.2"), "registry/policy.yaml": POLICY + MARGINS})
    version = bench.version(0.8)
    done = bench.run("reproduce", version, "--runs", "2", *HERE)
    assert (done.code, "equivalence is not proven for accuracy" in done.out) == (1, True)


def test_a_training_that_fails_is_recorded_as_such(bench: Workbench) -> None:
    once = 'import os\nif os.environ.get("BROKEN"): raise SystemExit("no such disk")\n'
    bench.commit({"train.py": once + TRAIN})
    version = bench.version(0.8)
    done = bench.run("reproduce", version, "--runs", "5", *HERE, env={"BROKEN": "1"})
    assert (done.code, "a training anew left no model: failed (exit status 1)" in done.out) == (1, True)
    (found,) = reproductions(bench, version)
    (repetition,) = found["repetitions"]
    assert "no such disk" in repetition["error"]


def test_another_job_signs_what_one_job_found(bench: Workbench) -> None:
    version = bench.version(0.8)
    measured = json.loads(bench.ok("reproduce", version, *HERE, "--measure-only", "--json"))
    assert reproductions(bench, version) == []
    told = ("--measurement", measured["measurement"], "--digest")
    assert bench.run("reproduce", version, *told, "sha256:" + "0" * 64).code == 1
    other = bench.version(0.9)
    refused = bench.run("reproduce", other, *told, measured["digest"])
    assert (refused.code, f"the result is of {version}" in refused.err) == (1, True)
    for _ in range(2):  # signing it twice is signing it once
        bench.ok("reproduce", version, *told, measured["digest"])
    assert len(reproductions(bench, version)) == 1
    bench.ok("verify")


def test_the_code_may_lie_in_another_clone(bench: Workbench, tmp_path: Path) -> None:
    version = bench.version(0.8)
    bench.git("clone", "--quiet", str(bench.root), str(tmp_path / "code"))
    bench.ok("reproduce", version, *HERE, "--code", str(tmp_path / "code"))
    bench.git("init", "--quiet", str(tmp_path / "empty"))
    refused = bench.run("reproduce", version, *HERE, "--code", str(tmp_path / "empty"))
    assert (refused.code, "is not in this repository" in refused.err) == (2, True)


def test_a_script_in_a_folder_with_arguments_runs_as_it_ran(bench: Workbench) -> None:
    check = "import sys, helper\nassert sys.argv[1:] == ['--fast', 'a b'], sys.argv\n"
    script = check + TRAIN.replace(SKILL, "skill = 0.7")
    bench.commit({"models/toy/train.py": script, "models/toy/helper.py": ""})
    done = bench.run("train", "train.py", "--data", "numbers@1", "--", "--fast", "a b", cwd=bench.root / "models/toy")
    run = done.out.rsplit("--run ", 1)[1].split()[0]
    version = bench.ok("register", "toy", "--run", run).partition(":")[0]
    bench.ok("evaluate", version)
    assert "is reproduced" in bench.ok("reproduce", version, *HERE)


def test_what_nobody_can_know_cannot_be_repeated(bench: Workbench) -> None:
    version = bench.version(0.8)
    for args, words in (
        (("reproduce", "toy@9"), "toy has no version 9"),
        (("reproduce", version, "--measurement", "x"), "--measurement needs --digest"),
    ):
        refused = bench.run(*args)
        assert (refused.code, words in refused.err) == (2, True), refused.text


@pytest.mark.parametrize("entry", ["../outside.py", "missing.py"])
def test_an_entry_point_that_the_commit_does_not_hold_is_refused(bench: Workbench, entry: str) -> None:
    """Only an old or a strange record names one; `train` refuses it."""
    run = bench.train(0.8)
    place = bench.root / f".modelbook/store/runs/{run}/run.json"
    record = json.loads(place.read_text())
    record["code"]["entry_point"] = entry
    place.chmod(0o644)
    place.write_text(json.dumps(record))
    version = bench.ok("register", "toy", "--run", run).partition(":")[0]
    refused = bench.run("reproduce", version, *HERE)
    assert refused.code == 2
    assert ("lies outside the repository" if "outside" in entry else "there is no such entry point") in refused.err
    assert reproductions(bench, version) == []


def test_code_that_was_not_committed_is_trained_again_from_its_patch(bench: Workbench) -> None:
    committed = (bench.root / "train.py").read_bytes()
    (bench.root / "train.py").write_text(TRAIN.replace(SKILL, "import odd\nskill = odd.SKILL"))
    (bench.root / "odd.py").write_text("SKILL = 0.65\n")
    done = bench.run("train", "train.py", "--data", "numbers@1", "--allow-dirty")
    run = done.out.rsplit("--run ", 1)[1].split()[0]
    (bench.root / "train.py").write_bytes(committed)
    (bench.root / "odd.py").unlink()
    version = bench.ok("register", "toy", "--run", run).partition(":")[0]
    bench.ok("evaluate", version)
    assert "is reproduced" in bench.ok("reproduce", version, *HERE)
