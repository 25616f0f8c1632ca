"""`modelbook diff`: for a person and for a program, and only of versions that verify."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelbook.cli import cli
from modelbook.errors import BadInput, Refused
from tests.data.pull_requests import NEW, registry
from tests.made import Made
from tests.made_fields import card_fields

COMPARE = f"https://github.com/acme/models/compare/{'4' * 40}...{'5' * 40}"


def committed(folder: Path, made: Made) -> Path:
    for path, data in made.files.items():
        (folder / "registry" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "registry" / path).write_bytes(data)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (
        ["init", "-q"],
        ["remote", "add", "origin", "git@github.com:acme/registry.git"],
        ["add", "-A"],
        [*who, "commit", "-qm", "Registry"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return committed(tmp_path_factory.mktemp("registry"), registry(NEW))


def diff(folder: Path, *arguments: str) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "120")
        return CliRunner().invoke(cli, ["diff", *arguments])


def test_a_person_reads_what_differs_and_what_was_measured(folder: Path) -> None:
    done = diff(folder, "fraud@production", "fraud@5")
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.output.splitlines()]
    assert ["parameters:", "optimizer.lr", "0.1", "0.05"] in lines
    assert ["data:", "train", "transactions@2", "transactions@3"] in lines
    assert ["parents:", "embeddings", "-", "embeddings@2"] in lines
    assert ["environment:", "packages.scikit-learn", "1.6.1", "1.7.0"] in lines
    assert ["default", "latency_p99_ms", "31", "38.5", "+7.5", "-"] in lines
    assert ["compare:", COMPARE] in lines
    assert "depth" not in done.output, "what is the same is not told"


def test_a_program_reads_the_same(folder: Path) -> None:
    found = json.loads(diff(folder, "fraud@4", "fraud@5", "--json").output)
    assert (found["left"], found["right"], found["compare"], found["same"]) == ("fraud@4", "fraud@5", COMPARE, [])
    assert {"kind": "seed and start", "part": "seed", "left": "4", "right": "5"} in found["differences"]
    by_name = {one["metric"]: one for one in found["metrics"]}
    assert len(by_name) == 7
    assert by_name["auc"]["right"] == {"value": 0.958, "n": 20000, "stderr": 0.0013}
    assert by_name["auc"]["difference"] == pytest.approx(0.017)
    assert by_name["auc"]["elsewhere"] is None


def test_one_version_has_nothing_to_differ_in(folder: Path) -> None:
    done = diff(folder, "fraud@5", "fraud@latest")
    assert (done.exit_code, done.output) == (0, "fraud@5 and fraud@latest are one version, fraud@5.\n")


def test_a_version_that_was_never_measured_is_compared_by_how_it_was_made(folder: Path) -> None:
    done = diff(folder, "embeddings@2", "embeddings@2", "--json")
    assert (json.loads(done.output)["metrics"], json.loads(done.output)["differences"]) == ([], [])


def test_commits_between_are_counted_where_they_are_here(tmp_path: Path) -> None:
    made = Made().dataset()
    folder = committed(tmp_path, made)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]

    def commit(*options: str) -> str:
        subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "x", *options], cwd=folder, check=True)
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    commits = [commit(), commit(), commit(), commit("--amend", "--author=y <y@example.org>"), "e" * 40]
    for version, oid in enumerate(commits, 1):
        lineage = card_fields()["lineage"] | {"datasets": [made.use("digits", 1)]}
        made.version("fraud", version, None, lineage=lineage | {"code": lineage["code"] | {"commit": oid}})
    for path, data in made.files.items():
        (folder / "registry" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "registry" / path).write_bytes(data)
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    commit()

    def told(left: int, right: int) -> object:
        found = json.loads(diff(folder, f"fraud@{left}", f"fraud@{right}", "--forge", "git", "--json").output)
        return found["commits"] and tuple(found["commits"].values())

    first, third, other = commits[0][:12], commits[2][:12], commits[3][:12]
    assert told(1, 3) == (f"{first}..{third}", 2, 0)
    assert told(3, 1) == (f"{third}...{first}", 0, 2)
    assert told(3, 4) == (f"{third}...{other}", 1, 1)
    assert told(1, 5) is None, "that commit is in no clone"
    said = diff(folder, "fraud@1", "fraud@3").output
    assert f"commits: 2 more: git log {first}..{third}\n" in said


def test_what_does_not_verify_is_not_compared(tmp_path: Path) -> None:
    made = registry(NEW).edit("models/fraud/versions/4/card.yaml", "trees: 500", "trees: 501")
    done = diff(committed(tmp_path, made), "fraud@4", "fraud@5")
    assert isinstance(done.exception, Refused)
    assert "trees" not in done.output


def test_a_version_that_is_not_there_is_bad_input(folder: Path) -> None:
    assert isinstance(diff(folder, "fraud@4", "fraud@9").exception, BadInput)
