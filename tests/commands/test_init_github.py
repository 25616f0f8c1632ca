"""`modelbook init --github`: a team's workflows, pinned by commit, written once and moved by asking again."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelbook.cli import cli

FIRST, NEXT = "1" * 40, "2" * 40
TRAIN = ".github/workflows/train.yml"
CALLERS = [TRAIN, *(f".github/workflows/{name}.yml" for name in ("promote", "reproduce", "verify"))]


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


def test_whom_github_asks_to_review_is_named_once(repository: Path) -> None:
    pin = ("--github", f"acme/modelbook@{FIRST}")
    assert "name with --code-owner whom GitHub asks" in init(repository, *pin).output
    done = init(repository, *pin, "--code-owner", "@acme/ml-leads", "--code-owner", "@bob")
    assert (done.exit_code, committed(repository)) == (0, {".github/CODEOWNERS"}), done.output
    lines = (repository / ".github/CODEOWNERS").read_text().splitlines()
    assert lines[1:] == ["/registry/ @acme/ml-leads @bob", "/.github/ @acme/ml-leads @bob"]
    assert "--code-owner" not in done.output


@pytest.mark.parametrize("place", [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"])
def test_what_a_team_wrote_of_its_reviewers_is_left_alone(repository: Path, place: str) -> None:
    (repository / place).parent.mkdir(exist_ok=True)
    (repository / place).write_text("* @acme/everybody\n")
    done = init(repository, "--github", f"acme/modelbook@{FIRST}", "--code-owner", "@bob")
    assert f"{place} differs from what is written here, and was left alone" in done.output
    assert (repository / place).read_text() == "* @acme/everybody\n"
    assert ".github/CODEOWNERS" not in committed(repository)


@pytest.mark.parametrize("owner", ["bob", "@", "@a b", "@a\n* @mallory", "@a/b/c", "bob@example.org"])
def test_only_people_and_teams_are_code_owners(repository: Path, owner: str) -> None:
    done = init(repository, "--github", f"acme/modelbook@{FIRST}", "--code-owner", owner)
    assert (done.exit_code, "is neither @USER nor @ORG/TEAM" in done.output) == (2, True)
    assert not (repository / "registry").exists()
    assert init(repository, "--code-owner", "@bob").exit_code == 2, "it goes with --github"
