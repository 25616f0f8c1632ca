"""Looking at runs and datasets from the command line."""

import json
import subprocess
import sys
from pathlib import Path

from modelbook.core.digests import digest_of
from tests.commands.workbench import Workbench

WAITING = """\
import modelbook

run = modelbook.run()
run.log({"loss": 0.5}, step=1)
print("begun", flush=True)
with open("go") as gate:  # a named pipe: opening it waits for somebody who writes
    gate.read()
"""


def test_runs_are_listed_and_a_finished_one_is_shown_from_its_log(bench: Workbench) -> None:
    run = bench.train(0.8, "--experiment", "first")
    assert [row["run"] for row in json.loads(bench.ok("runs", "--json"))] == [run]
    assert json.loads(bench.ok("runs", "--experiment", "other", "--json")) == []
    shown = bench.ok("runs", "show", run, "--follow")
    assert "step 1: loss 0.2" in shown
    assert ": skill=0.8\n" in shown
    assert "completed" in shown.splitlines()[-1]


def test_runs_are_found_and_asked_in_sql_and_one_unreadable_log_hides_no_other(bench: Workbench) -> None:
    worse, better = bench.train(0.6, "--tag", "old"), bench.train(0.8)
    [row] = json.loads(bench.ok("runs", "find", 'params.skill > 0.7 && status == "completed"', "--json"))
    assert (row["run"], row["params.skill"], row["status"]) == (better, 0.8, "completed")
    told = bench.ok("runs", "find", "metrics.loss > 0.1", "--sort", "-metrics.loss", "--columns", "run,tags")
    assert [line.split() for line in told.splitlines()[1:]] == [[worse, "old"], [better, "-"]]
    wrong = bench.run("runs", "find", "metrics.los > 0.1")
    assert (wrong.code, "nothing here has metrics.los; near it: loss" in wrong.err) == (0, True)
    [log] = (bench.root / ".modelbook/store/runs" / worse / "log").glob("00000001.jsonl")
    log.chmod(0o644)
    log.write_text("{\n")
    for asked in (("runs",), ("runs", "find"), ("sql", "SELECT run FROM runs")):
        done = bench.run(*asked, "--json")
        assert (done.code, [one["run"] for one in json.loads(done.out)]) == (1, [better]), done.text
        assert "not an event of a run's log" in done.err


DRAWING = """\
import matplotlib
matplotlib.use("agg")
from matplotlib import pyplot
import modelbook

run = modelbook.run()
for last in (2, 3):
    figure, axes = pyplot.subplots()
    axes.plot(range(last))
    run.log_figure(figure, "plots/loss.png")
run.log_file("confusion.csv", "1,0\\n0,1\\n")
run.log_artifact("config.json", "{}")
raise SystemExit(1)
"""


def test_the_plots_of_a_run_are_listed_and_fetched_even_if_it_failed(bench: Workbench, tmp_path: Path) -> None:
    bench.commit({"train.py": DRAWING})
    assert bench.run("train", "train.py", "--run-id", "drawn").code == 1
    assert "plots/loss.png" in bench.ok("runs", "show", "drawn")
    rows = json.loads(bench.ok("runs", "files", "drawn", "--json"))
    paths = ["files/confusion.csv", "files/plots/loss.png", "artifacts/config.json"]
    assert [row["path"] for row in rows] == [*paths, "artifacts/modelbook/requirements.txt"]
    bench.ok("runs", "files", "drawn", str(tmp_path / "fetched"))
    picture = (tmp_path / "fetched/files/plots/loss.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert digest_of(picture) == rows[1]["digest"]
    assert (tmp_path / "fetched/artifacts/config.json").read_text() == "{}"
    plots = bench.root / ".modelbook/store/runs/drawn/files"
    assert len(list(plots.rglob("loss.png"))) == 2  # both are there; the later counts
    [kept] = plots.rglob("confusion.csv")
    kept.chmod(0o644)
    kept.write_text("9,0\n0,1\n")
    changed = bench.run("runs", "files", "drawn", str(tmp_path / "changed"))
    assert changed.code == 1
    assert not (tmp_path / "changed").exists()
    assert bench.run("runs", "files", "absent").code == 2


def test_a_run_can_be_followed_while_it_trains(bench: Workbench) -> None:
    bench.commit({"train.py": WAITING})
    subprocess.run(["mkfifo", str(bench.root / "go")], check=True)
    training = subprocess.Popen(
        [sys.executable, "-m", "modelbook", "train", "train.py", "--run-id", "followed"],
        cwd=bench.root,
        env=bench.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert training.stdout is not None
    while "begun" not in training.stdout.readline():
        pass
    command = [sys.executable, "-m", "modelbook", "runs", "show", "followed", "--follow", "--json"]
    kinds = []
    with subprocess.Popen(command, cwd=bench.root, env=bench.env, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        for line in following.stdout:
            kinds.append(json.loads(line)["kind"])
            if kinds[-1] == "metrics":
                (bench.root / "go").write_text("on")  # only now may it end: what was read was read while it ran
    assert following.returncode == 0
    training.communicate(timeout=60)
    assert kinds[0] == "start"
    assert kinds[-1] == "end"


def test_datasets_are_pulled_and_compared(bench: Workbench, tmp_path: Path) -> None:
    folder = tmp_path / "numbers"
    (folder / "süb dir").mkdir(parents=True)
    (folder / "numbers.csv").write_text("x,y\n3,4\n")
    (folder / "süb dir/a (1).txt").write_text("1")
    bench.ok("data", "add", "numbers", str(folder))
    rows = json.loads(bench.ok("data", "diff", "numbers@1", "numbers@2", "--json"))
    assert [(row["change"], row["path"]) for row in rows] == [
        ("changed", "numbers.csv"),
        ("added", "süb dir/a (1).txt"),
    ]
    bench.ok("data", "pull", "numbers@2", str(tmp_path / "pulled"))
    assert (tmp_path / "pulled/süb dir/a (1).txt").read_text() == "1"
    link = folder / "link"
    link.symlink_to("/etc/passwd")
    refused = bench.run("data", "add", "numbers", str(folder))
    assert refused.code == 2
    assert "regular files" in refused.err


def test_an_unknown_model_leads_to_the_list_whatever_is_registered(bench: Workbench) -> None:
    bench.ok("register", "toy", "--run", bench.train(0.8))
    done = bench.run("list", "tyo")
    assert done.code == 2
    assert done.err == "error: no registered model is named 'tyo'\n  See `modelbook list`.\n"


def test_runs_of_a_script_by_hand_are_seen_without_a_registry(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    script = tmp_path / "alone/own.py"
    script.write_text("import modelbook\nwith modelbook.run() as run:\n    run.log({'loss': 0.5}, step=1)\n")
    refused = bench.run("runs", cwd=script.parent)
    assert (refused.code, "not a git repository" in refused.err) == (2, True), "there is nothing yet"
    subprocess.run([sys.executable, script], cwd=script.parent, env=bench.env, check=True, capture_output=True)
    (row,) = json.loads(bench.run("runs", "--json", cwd=script.parent).out)
    assert (row["experiment"], row["status"], row["metrics"]) == ("own", "completed", {"loss": 0.5})
    assert "loss" in bench.run("runs", "show", row["run"], cwd=script.parent).out
