"""Finding versions and runs, and asking in SQL: the command line on real repositories."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from modelbook.adapters.bounded import bounded
from modelbook.cli import cli, run
from modelbook.errors import BadInput
from tests.commands.test_diff import committed
from tests.made import Made


def some() -> Made:
    made = Made().dataset().dataset("other", 1)
    for version, accuracy in ((1, 0.91), (2, 0.97), (3, 0.95)):
        tags = ["baseline", "gpu"] if version > 1 else ["baseline"]
        made.version("fraud", version, {"accuracy": accuracy, "latency_ms": 10 + version}, tags=tags)
    made.version("spam", 1, None, data="other")
    return made.pointer("fraud", "staging", 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return committed(tmp_path_factory.mktemp("registry"), some())


def modelbook(folder: Path, *arguments: str) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return CliRunner().invoke(cli, arguments, standalone_mode=False)


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, made: Made) -> None:
    for path, data in made.files.items():
        (folder / "registry" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "registry" / path).write_bytes(data)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Change")


def found(folder: Path, *arguments: str) -> list[dict[str, object]]:
    done = modelbook(folder, *arguments, "--json")
    assert done.exit_code == 0, done.output
    rows: list[dict[str, object]] = json.loads(done.stdout)
    return rows


def test_versions_are_found_as_a_gate_would_judge_them_and_sorted(folder: Path) -> None:
    rows = found(folder, "find", 'metrics.accuracy >= 0.95 && "baseline" in tags', "--sort", "-metrics.accuracy")
    assert [row["ref"] for row in rows] == ["fraud@2", "fraud@3"]
    assert rows[0] == {
        "ref": "fraud@2",
        "stages": ["staging"],
        "metrics.accuracy": 0.97,
        "tags": ["baseline", "gpu"],
        "created": "2026-03-02T12:00:00Z",
    }
    assert [row["ref"] for row in found(folder, "find", '"staging" in stages')] == ["fraud@2"]
    assert [row["ref"] for row in found(folder, "find", "params.lr * 10.0 == 1.0 && metrics.latency_ms < 12.0")] == [
        "fraud@1"
    ]
    assert len(found(folder, "find", "8 in params.layers && model == 'spam'")) == 1
    assert len(found(folder, "find")) == 4
    assert len(found(folder, "find", "--limit", "2")) == 2


def test_a_table_names_what_was_asked_for_and_a_file_holds_the_same(folder: Path, tmp_path: Path) -> None:
    asked = ["find", "metrics.accuracy > 0.9", "--columns", "ref,metrics.latency_ms,params.layers", "--sort", "ref"]
    table = modelbook(folder, *asked)
    assert table.stdout.splitlines()[:2] == [
        "ref      metrics.latency_ms  params.layers",
        "fraud@1  11                  8, 8",
    ]
    rows = list(csv.DictReader(io.StringIO(modelbook(folder, *asked, "--format", "csv").stdout)))
    assert rows[2] == {"ref": "fraud@3", "metrics.latency_ms": "13.0", "params.layers": "[8, 8]"}
    file = tmp_path / "found.parquet"
    assert modelbook(folder, *asked, "--format", "parquet", "--output", str(file)).exit_code == 0
    assert duckdb.read_parquet(str(file)).sum('"metrics.latency_ms"').fetchall() == [(36.0,)]
    assert [path.name for path in tmp_path.iterdir()] == ["found.parquet"]


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("metric.accuracy > 0.9", "there is no field 'metric'; near it: metrics"),
        ('metrics.accuracy > "high"', '`metrics.accuracy` is a number, and "high" is not'),
        ("tags == 1", "`tags` is a list"),
        ("metrics.accuracy >", "not CEL"),
        ("baseline.metrics.accuracy > 0.5", "`baseline` is for gates"),
        ("siez(tags) > 1", "there is no function 'siez'; near it: size"),
        ("1 == 1", "it names no field"),
        ("metrics.by_digit.8.accuracy > 0.9", 'at character 17: write ["8"] for a part of a name'),
        ('metrics["by_digit.8.f1"] > 0.9', 'several names: write `metrics.by_digit["8"].f1`'),
        ("version == 1 || " * 1000 + "true", "at most 10,000"),
    ],
)
def test_what_is_no_condition_is_refused_with_what_is_near(condition: str, says: str, folder: Path) -> None:
    done = modelbook(folder, "find", condition)
    assert isinstance(done.exception, BadInput)
    assert says in str(done.exception)


def test_a_metric_that_nobody_has_is_told_with_what_is_near(folder: Path) -> None:
    done = modelbook(folder, "find", "metrics.acuracy > 0.9")
    assert done.exit_code == 0
    assert "nothing here has metrics.acuracy; near it: accuracy" in done.stderr


def test_what_has_no_answer_is_not_found_and_that_is_said(folder: Path) -> None:
    done = modelbook(folder, "find", "params.note > 1.0")
    assert (done.exit_code, done.stdout) == (0, "Nothing is like that.\n")
    assert "for 4 there is no answer" in done.stderr


def test_one_unreadable_card_is_named_and_the_rest_is_answered(tmp_path: Path) -> None:
    spoilt = some().put("models/fraud/versions/3/card.yaml", "model: fraud\nversion: 3\nversion: 4\n# digits\n")
    folder = committed(tmp_path, spoilt)
    done = modelbook(folder, "find", "metrics.accuracy > 0.5")
    assert done.return_value == 1
    assert "fraud@2" in done.stdout
    assert "registry/models/fraud/versions/3/card.yaml:3: the key 'version' stands twice" in done.stderr
    assert modelbook(folder, "sql", "SELECT count(*) FROM versions").return_value == 1
    assert modelbook(folder, "lineage", "digits@1", "--downstream").return_value == 1
    listed = modelbook(folder, "list", "fraud", "--json")
    assert (listed.return_value, "versions/3/card.yaml:3" in listed.stderr) == (1, True)
    assert [one["version"] for one in json.loads(listed.stdout)] == ["fraud@1", "fraud@2", "fraud@3"]
    waits = modelbook(folder, "plan", "--json")
    assert (waits.return_value, "versions/3/card.yaml:3" in waits.stderr) == (1, True)
    assert json.loads(waits.stdout)["promote"] == []
    assert "Nothing waits" not in modelbook(folder, "plan").stdout
    shown = modelbook(folder, "data", "show", "digits@1", "--json")
    assert (shown.return_value, json.loads(shown.stdout)["used_by"][0]["version"]) == (1, "fraud@1")
    assert "versions/3/card.yaml:3" in json.loads(shown.stdout)["problems"][0]


def test_an_unreadable_pointer_or_dataset_card_hides_no_other(tmp_path: Path) -> None:
    spoilt = some().pointer("fraud", "production", 1).put("models/fraud/stages/staging.yaml", "version: two\n")
    folder = committed(tmp_path, spoilt.put("datasets/other/versions/1/card.yaml", "[\n"))
    listed = modelbook(folder, "list", "--json")
    assert listed.return_value == 1
    assert [(one["model"], one["production"], one["staging"]) for one in json.loads(listed.stdout)] == [
        ("fraud", 1, None),
        ("spam", None, None),
    ]
    data = modelbook(folder, "data", "list", "--json")
    assert (data.return_value, [one["dataset"] for one in json.loads(data.stdout)]) == (1, ["digits@1"])


def test_a_narrow_terminal_and_one_without_colour_lose_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    done = modelbook(folder, "find", "metrics.accuracy > 0.96", "--columns", "ref,metrics.accuracy,created,by")
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines() == [
        "ref      metrics.accuracy",
        "fraud@2  0.97",
        "    created: 2026-03-02T12:00:00Z  by: alice",
    ]


def test_more_than_a_terminal_holds_is_paged(folder: Path, tmp_path: Path) -> None:
    pager, kept = tmp_path / "pager", tmp_path / "paged"
    pager.write_text(f"#!/bin/sh\ncat > {kept}\n")
    pager.chmod(0o755)
    env = dict(os.environ) | {"PAGER": str(pager), "LINES": "4", "COLUMNS": "80", "TERM": "xterm"}
    for condition, paged in (("version == 3", False), ("version > 0", True)):
        ours, terminal = pty.openpty()
        command = [sys.executable, "-m", "modelbook", "find", condition]
        subprocess.run(command, cwd=folder, env=env, stdin=terminal, stdout=terminal, stderr=terminal, check=True)
        os.close(terminal)
        os.close(ours)
        assert kept.exists() == paged
    lines = kept.read_text().splitlines()
    assert [line.split()[0] for line in lines if line] == ["ref", "fraud@1", "fraud@2", "fraud@3", "spam@1"]


@pytest.mark.parametrize(("terminal", "draws"), [("xterm", True), ("dumb", False)])
def test_a_first_index_shows_how_many_cards_are_read_where_a_bar_can_be_drawn(
    terminal: str, draws: bool, tmp_path: Path
) -> None:
    folder = committed(tmp_path, some())
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "modelbook", "find", "--json"]
    env = dict(os.environ) | {"TERM": terminal, "COLUMNS": "80"}
    done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=theirs, check=True)
    os.close(theirs)
    told = b""
    while chunk := _read(ours):
        told += chunk
    os.close(ours)
    assert len(json.loads(done.stdout)) == 4
    assert (b"reading cards" in told, b"4/?" in told) == (draws, draws)
    assert draws or told == b""


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # as Linux says that nobody is at the other end
        return b""


def test_processes_that_ask_at_once_get_the_same_and_leave_one_index(tmp_path: Path) -> None:
    folder = committed(tmp_path, some())
    command = [sys.executable, "-m", "modelbook", "find", "metrics.accuracy > 0.9", "--json"]
    asking = [subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) for _ in range(3)]
    answers = [process.communicate()[0] for process in asking]
    assert [process.returncode for process in asking] == [0, 0, 0]
    assert len(set(answers)) == 1
    assert len(json.loads(answers[0])) == 3
    assert len(list((folder / ".git/modelbook/index").iterdir())) == 1


def test_a_registry_that_is_not_checked_out_is_found_in_the_commit(folder: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--no-checkout", str(folder), str(clone)], check=True)
    assert [path.name for path in clone.iterdir()] == [".git"]
    assert len(found(clone, "find")) == 4


def test_the_past_and_other_branches_are_asked_too(tmp_path: Path) -> None:
    made = some()
    folder = committed(tmp_path, made)

    git(folder, "checkout", "-q", "-b", "proposal")
    commit(folder, made.version("fraud", 4, {"accuracy": 0.99}))
    git(folder, "checkout", "-q", "-")
    best = "metrics.accuracy > 0.98"
    assert found(folder, "find", best) == []
    [row] = found(folder, "find", best, "--all-branches")
    assert (row["ref"], row["on"]) == ("fraud@4", "proposal")
    assert [row["ref"] for row in found(folder, "find", best, "--rev", "proposal")] == ["fraud@4"]


def test_a_day_is_that_of_the_commits_not_that_of_this_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, first = Made().dataset(), tmp_path / "first"
    first.mkdir()
    for day in (1, 3):
        for role in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{role}_DATE", f"2026-10-0{day}T12:00:00Z")
        made.version("fraud", day, None)
        commit(first, made) if day > 1 else committed(first, made)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(first), str(clone)], check=True)
    for when, known in (("2026-10-01", 1), ("2026-10-03T11:59", 1), ("2026-10-03", 2), ("2026-12-24", 2)):
        assert len(found(clone, "find", "--rev", f"HEAD@{{{when}}}")) == known, when
    for rev in ("HEAD@{2026-09-30}", "HEAD@{2026-13-01}", "nothing@{2026-10-01}"):
        assert isinstance(modelbook(clone, "find", "--rev", rev).exception, BadInput)


def test_a_query_that_would_run_for_ever_is_ended() -> None:
    with pytest.raises(BadInput, match="the query was stopped after 1 seconds of work"):
        bounded(lambda: [one for one in iter(int, 1) if one], what="the query", seconds=1)
    with pytest.raises(BadInput, match="takes more than"):
        bounded(lambda: len(bytearray(1 << 30)), what="the query", memory=1 << 28)
    with pytest.raises(ZeroDivisionError):
        bounded(lambda: 1 // 0, what="the query")
    assert bounded(lambda: 1, what="the query") == 1
    with pytest.raises(BadInput, match=r"stopped after 0\.2 seconds\n"):
        bounded(lambda: time.sleep(3600), what="the query", seconds=0.2, waits=True)


def test_find_loads_nothing_that_a_warm_answer_has_no_use_for(folder: Path) -> None:
    found(folder, "find", "metrics.accuracy > 0.9")  # warm now
    heavy = "{'pydantic', 'yaml', 'cryptography', 'boto3', 'duckdb', 'numpy', 'scipy'}"
    code = f"import sys; from modelbook.cli import run; run(['find', 'seed > 1']); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_errors_reach_a_person_without_a_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert run(["find", "mtrics.accuracy > 0.5"]) == 2
    assert run(["lineage", "nobody@1"]) == 2
    assert run(["find", "--columns", "ref,tag"]) == 2
    assert "near it: tags" in capsys.readouterr().err
