"""`modelbook init --github`: a team's workflows, pinned by commit, written once and moved by asking again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from modelbook.cli import cli
from modelbook.core.doctor.code_owners import CodeOwners
from modelbook.core.doctor.workflow_files import CALLED

ROOT = Path(__file__).parents[2]
FIRST, NEXT = "1" * 40, "2" * 40
TRAIN = ".github/workflows/train.yml"
OTHERS = [".github/branch-rules.sh", ".github/dependabot.yml", "docs/model-registry.md"]
NAMES = ("deploy", "online", "promote", "reproduce", "retention", "rollback", "site", "sweep", "tag", "verify", "watch")
CALLERS = [TRAIN, *(f".github/workflows/{name}.yml" for name in NAMES)]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "fraud"
    subprocess.run(["git", "init", "-q", "-b", "trunk", str(folder)], check=True)
    for name, value in (("name", "Alice"), ("email", "alice@example.org")):
        subprocess.run(["git", "config", f"user.{name}", value], cwd=folder, check=True)
    return folder


def init(repository: Path, *arguments: str) -> Result:
    key = repository.parent / "key.pem"
    return CliRunner().invoke(cli, ["init", str(repository), "--key", str(key), *arguments])


def commit(repository: Path) -> None:
    subprocess.run(["git", "commit", "-q", "-a", "-m", "Ours"], cwd=repository, check=True)


def committed(repository: Path) -> set[str]:
    command = ["git", "show", "--format=", "--name-only", "HEAD"]
    return set(subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout.split())


def test_a_registry_is_made_with_the_workflows_that_keep_it(repository: Path) -> None:
    done = init(repository, "--github", f"acme/modelbook@{FIRST}")
    assert done.exit_code == 0, done.output
    assert {"registry/policy.yaml", ".github/dependabot.yml", *CALLERS} <= committed(repository)
    for path in CALLERS:
        name = Path(path).name
        text = (repository / path).read_text()
        assert text.count(f"    uses: acme/modelbook/.github/workflows/{name}@{FIRST}\n") == 1
        assert "OWNER" not in text
    assert 'branches: ["trunk"]' in (repository / ".github/workflows/promote.yml").read_text()


def test_asked_again_it_moves_the_pins_and_nothing_that_a_person_wrote(repository: Path) -> None:
    assert init(repository).exit_code == 0
    assert init(repository, "--github", f"acme/modelbook@{FIRST}").exit_code == 0
    assert committed(repository) == {*OTHERS, *CALLERS}
    own = (repository / TRAIN).read_text() + "# ours\n"
    (repository / TRAIN).write_text(own)
    commit(repository)

    moved = init(repository, "--github", f"acme/modelbook@{NEXT}")
    assert moved.exit_code == 0
    assert f"{TRAIN} differs from what is written here: no more than its pins were moved" in moved.output
    assert committed(repository) == set(CALLERS)
    assert (repository / TRAIN).read_text() == own.replace(FIRST, NEXT)
    assert FIRST not in (repository / ".github/workflows/verify.yml").read_text()

    again = init(repository, "--github", f"acme/modelbook@{NEXT}", "--json")
    assert (again.exit_code, '"files": []' in again.output) == (0, True), again.output
    assert committed(repository) == set(CALLERS), "nothing new, no commit"


@pytest.mark.parametrize(
    "pin", ["acme/modelbook@v1", "acme/modelbook@main", f"modelbook@{FIRST}", f"a/b/c@{FIRST}", FIRST]
)
def test_only_a_commit_is_pinned(repository: Path, pin: str) -> None:
    done = init(repository, "--github", pin)
    assert done.exit_code == 2
    assert "is not OWNER/modelbook@COMMIT" in done.output
    assert not (repository / "registry").exists()


def test_a_store_that_no_policy_takes_is_refused_before_anything_is_written(repository: Path) -> None:
    done = init(repository, "--store", "/srv/models", "--github", f"acme/modelbook@{FIRST}")
    assert (done.exit_code, "a store is s3://bucket/prefix" in done.output) == (2, True), done.output
    assert list(repository.iterdir()) == [repository / ".git"]
    assert not (repository.parent / "key.pem").exists()


@pytest.mark.parametrize(("store", "warned"), [("file:.modelbook/store", True), ("s3://acme-models/registry", False)])
def test_a_folder_is_no_store_for_jobs_on_github(repository: Path, store: str, warned: bool) -> None:
    done = init(repository, "--store", store, "--github", f"acme/modelbook@{FIRST}")
    assert done.exit_code == 0, done.output
    assert ("is another folder for each job on GitHub" in done.output) is warned


def test_code_owners_are_those_named_and_a_file_of_a_person_stays(repository: Path) -> None:
    assert (
        init(repository, "--github", f"acme/modelbook@{FIRST}", "--owner", "@acme/ml", "--owner", "@bob").exit_code == 0
    )
    owners = CodeOwners.read((repository / ".github/CODEOWNERS").read_text())
    assert {owners.of(path) for path in ("registry/policy.yaml", TRAIN)} == {("@acme/ml", "@bob")}
    assert owners.of("src/train.py") == ()
    (repository / ".github/CODEOWNERS").rename(repository / "CODEOWNERS")
    (repository / "CODEOWNERS").write_text("* @carol\n")
    again = init(repository, "--github", f"acme/modelbook@{FIRST}", "--owner", "@acme/ml")
    assert (again.exit_code, "CODEOWNERS differs" in again.output) == (0, True), again.output
    assert not (repository / ".github/CODEOWNERS").exists(), "it would put the other out of force"
    assert init(repository, "--github", f"acme/modelbook@{FIRST}", "--owner", "acme; rm").exit_code == 2


def test_a_dry_run_shows_what_would_change_and_changes_nothing(repository: Path) -> None:
    shown = init(repository, "--github", f"acme/modelbook@{FIRST}", "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert {f"new: {path}" for path in ("registry/trust.yaml", *OTHERS, *CALLERS)} <= set(shown.output.splitlines())
    assert {path.name for path in repository.parent.rglob("*") if ".git" not in path.parts} == {repository.name}
    init(repository, "--github", f"acme/modelbook@{FIRST}")
    pins = init(repository, "--github", f"acme/modelbook@{NEXT}", "--dry-run").output
    assert f"+    uses: acme/modelbook/.github/workflows/train.yml@{NEXT}" in pins.splitlines()
    assert FIRST in (repository / TRAIN).read_text()
    assert "Nothing would change." in init(repository, "--github", f"acme/modelbook@{FIRST}", "--dry-run").output


def test_a_registry_may_lie_in_a_folder_of_a_larger_repository(repository: Path) -> None:
    arguments = ("--registry", "ml/registry/", "--github", f"acme/modelbook@{FIRST}", "--owner", "@acme/ml")
    assert init(repository, *arguments).exit_code == 0
    assert "ml/registry/trust.yaml" in committed(repository)
    assert not (repository / "registry").exists()
    assert 'paths: ["ml/registry/**"]' in (repository / ".github/workflows/promote.yml").read_text()
    deploy = (repository / ".github/workflows/deploy.yml").read_text()
    assert 'paths: ["ml/registry/models/*/stages/**"]' in deploy
    for path in CALLERS:
        (job,) = yaml.safe_load((repository / path).read_text())["jobs"].values()
        assert job["with"]["registry"] == "ml/registry"
    owners = CodeOwners.read((repository / ".github/CODEOWNERS").read_text())
    assert owners.of("ml/registry/policy.yaml") == ("@acme/ml",)
    env = os.environ | {"MODELBOOK_REGISTRY": "ml/registry"}
    command = [sys.executable, "-m", "modelbook", "verify"]
    done = subprocess.run(command, cwd=repository, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert init(repository, "--registry", "../out").exit_code == 2


def test_every_workflow_that_a_team_calls_takes_the_registrys_folder_and_is_known_to_doctor() -> None:
    texts = {path.stem: path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml")}
    called = {name: text for name, text in texts.items() if "workflow_call:" in text}
    assert set(called) == set(CALLED)
    for text in called.values():
        document = yaml.safe_load(text)
        assert "registry" in document[True]["workflow_call"]["inputs"]  # YAML 1.1: `on` is true
        assert document["env"]["MODELBOOK_REGISTRY"] == "${{ inputs.registry }}"
