"""The main job on the command line, and what holds while it is done."""

import json
import subprocess
import sys

from tests.commands.workbench import Workbench


def test_a_better_version_replaces_the_first_and_a_worse_one_is_refused(bench: Workbench) -> None:
    first = bench.version(0.7)
    for stage in ("staging", "production"):
        bench.promote(first, stage)
    second = bench.version(0.9)
    for stage in ("staging", "production"):
        bench.promote(second, stage)
    third = bench.version(0.8)
    bench.promote(third, "staging")
    refused = bench.run("promote", third, "--to", "production", "--json")
    assert refused.code == 1
    report = json.loads(refused.out)
    assert report["passed"] is False
    [gate] = report["gates"]
    assert gate["verdict"] == "failed"
    assert round(gate["measured"][0]["margin"], 6) == -0.1
    assert "promote/toy-3-to-production" not in bench.git("branch")
    assert "| candidate | toy@2 |" in bench.git("log", "--format=%B")  # who, on what numbers: readable in git alone
    assert bench.run("verify").code == 0
    rows = {row["version"]: row["stages"] for row in json.loads(bench.ok("list", "toy", "--json"))}
    assert rows == {"toy@1": None, "toy@2": "production", "toy@3": "staging"}
    target = bench.root.parent / "pulled"
    bench.ok("pull", "toy@production", str(target))
    assert json.loads((target / "config.json").read_text()) == {"skill": 0.9}
    assert sorted(path.name for path in target.iterdir()) == [
        "card.yaml",
        "config.json",
        "model.safetensors",
        "model.sig",
        "modelbook",
    ]


def test_plan_lists_what_waits_until_it_is_done(bench: Workbench) -> None:
    bench.ok("register", "toy", "--run", bench.train(0.8))
    assert json.loads(bench.ok("plan", "--json")) == {
        "evaluate": [{"version": "toy@1", "suite": "default"}],
        "promote": [],
        "verify": [],
        "later": [],
        "held": [],
        "taken-back": [],
    }
    bench.ok("evaluate", "toy@1")
    assert json.loads(bench.ok("plan", "--json")) == {
        "evaluate": [],
        "promote": [{"version": "toy@1", "stage": "staging"}],
        "verify": [],
        "later": [],
        "held": [],
        "taken-back": [],
    }
    bench.promote("toy@1", "staging")
    names = ("evaluate", "promote", "verify", "later", "held", "taken-back")
    nothing: dict[str, list[str]] = {name: [] for name in names}
    assert json.loads(bench.ok("plan", "--json")) == nothing


def test_running_a_step_again_changes_nothing(bench: Workbench) -> None:
    """Invariants 4 and 9: every step can be repeated."""
    run = bench.train(0.8)
    bench.ok("register", "toy", "--run", run)
    bench.ok("evaluate", "toy@1")
    bench.ok("promote", "toy@1", "--to", "staging")
    before = bench.git("for-each-ref")
    assert "already" in bench.ok("register", "toy", "--run", run)
    assert "measured it already" in bench.ok("evaluate", "toy@1")
    bench.git("merge", "--quiet", "promote/toy-1-to-staging")
    after = bench.git("for-each-ref")
    assert "nothing to do" in bench.ok("promote", "toy@1", "--to", "staging")
    assert bench.git("for-each-ref") == after
    assert before.split("\n")[0].split("\t")[1] in after


def test_the_measuring_job_hands_its_result_over_by_digest(bench: Workbench) -> None:
    """Invariant 7: the job that measures needs no key, and the job that signs takes only what it was promised."""
    bench.ok("register", "toy", "--run", bench.train(0.8))
    keyless = {"MODELBOOK_SIGNER": "file:/nowhere.pem"}
    measured = bench.run("evaluate", "toy@1", "--measure-only", "--json", env=keyless)
    assert measured.code == 0, measured.text
    told = json.loads(measured.out)
    wrong = "sha256:" + "0" * 64
    refused = bench.run("evaluate", "toy@1", "--measurement", told["measurement"], "--digest", wrong)
    assert refused.code == 1
    assert wrong in refused.err
    bench.ok("evaluate", "toy@1", "--measurement", told["measurement"], "--digest", told["digest"])
    assert bench.run("verify", "toy@1").code == 0


def test_the_stored_folder_proves_itself(bench: Workbench) -> None:
    run = bench.train(0.8)
    bench.ok("register", "toy", "--run", run)
    folder = bench.weights(run).parent
    version = bench.root / "registry/models/toy/versions/1"
    for name in ("card.yaml", "model.sig"):
        assert (folder / name).read_bytes() == (version / name).read_bytes()


def test_every_command_has_help_with_an_example(bench: Workbench) -> None:
    from modelbook.cli import VERBS

    for verb in VERBS:
        text = bench.ok(verb, "--help") + (bench.ok(verb, "add", "--help") if verb == "data" else "")
        assert "Example" in text, verb


def test_a_model_whose_name_begins_alike_does_not_take_the_numbers(bench: Workbench) -> None:
    bench.git("branch", "register/toy-large-3")
    assert bench.ok("register", "toy", "--run", bench.train(0.8)).startswith("toy@1:")


def test_a_run_becomes_one_version_of_one_model(bench: Workbench) -> None:
    run = bench.train(0.8)
    bench.ok("register", "toy", "--run", f"run:{run}")
    head = bench.git("rev-parse", "HEAD")
    refused = bench.run("register", "other", "--run", run)
    assert refused.code == 1
    assert "is toy@1 already" in refused.err
    assert bench.git("rev-parse", "HEAD") == head


def test_what_measures_must_be_committed_and_must_measure(bench: Workbench) -> None:
    bench.ok("register", "toy", "--run", bench.train(0.8))
    suite = bench.root / "evaluate.py"
    honest = suite.read_text()
    suite.write_text(honest.replace('config["skill"]', "1.0"))
    refused = bench.run("evaluate", "toy@1")
    assert refused.code == 1
    assert "evaluate.py" in refused.err
    bench.commit({"evaluate.py": honest.replace('config["skill"]', 'float("nan")')})
    refused = bench.run("evaluate", "toy@1")
    assert refused.code == 1
    assert "measured no number" in refused.err
    bench.commit({"evaluate.py": honest})
    bench.ok("evaluate", "toy@1")


def test_output_that_nobody_reads_to_its_end_is_neither_yes_nor_no(bench: Workbench) -> None:
    bench.ok("register", "toy", "--run", bench.train(0.8))
    piped = 'set -o pipefail; "$0" -m modelbook show toy@1 | head -1'
    command = ["bash", "-c", piped, sys.executable]
    done = subprocess.run(command, cwd=bench.root, env=bench.env, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 3}  # 0 where all of it was written before the reader went
    assert done.stderr == ""
