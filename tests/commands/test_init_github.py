"""`modelbook init --github`: a team's workflows, pinned by commit, written once and moved by asking again."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelbook.cli import cli

FIRST, NEXT = "1" * 40, "2" * 40
TRAIN = ".github/workflows/train.yml"
CALLERS = [TRAIN, *(f".github/workflows/{name}.yml" for name in ("deploy", "promote", "reproduce", "verify"))]


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
    assert committed(repository) == {".github/dependabot.yml", *CALLERS}
    own = (repository / TRAIN).read_text() + "# ours\n"
    (repository / TRAIN).write_text(own)

    moved = init(repository, "--github", f"acme/modelbook@{NEXT}")
    assert moved.exit_code == 0
    assert f"{TRAIN} differs from what is written here, and was left alone" in moved.output
    assert committed(repository) == set(CALLERS) - {TRAIN}
    assert (repository / TRAIN).read_text() == own
    assert FIRST not in (repository / ".github/workflows/verify.yml").read_text()

    again = init(repository, "--github", f"acme/modelbook@{NEXT}", "--json")
    assert (again.exit_code, '"files": []' in again.output) == (0, True), again.output
    assert committed(repository) == set(CALLERS) - {TRAIN}, "nothing new, no commit"


@pytest.mark.parametrize(
    "pin", ["acme/modelbook@v1", "acme/modelbook@main", f"modelbook@{FIRST}", f"a/b/c@{FIRST}", FIRST]
)
def test_only_a_commit_is_pinned(repository: Path, pin: str) -> None:
    done = init(repository, "--github", pin)
    assert done.exit_code == 2
    assert "is not OWNER/modelbook@COMMIT" in done.output
    assert not (repository / "registry").exists()
