"""The actions are the verbs of the command line, their inputs its options, and both say it in the same words."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import yaml

from modelbook.cli import VERBS, cli

ROOT = Path(__file__).parents[2]
NOT_IN_CI = {
    "import": "a person moves, once",
    "init": "a person makes a registry, once",
    "data": "a person decides what a dataset version is",
    "doctor": "it looks at settings that no job's own token may see",
    "approve": "a person decides it, with a key that no workflow has",
    "revoke": "a person decides it, and says why",
    "trust": "people decide whom they trust, each with a key of his own",
    "cache": "it is of one machine, which a person looks after",
    "show": "for reading",
    "diff": "for reading; a promotion's pull request has it already",
    "compare": "for reading",
    "find": "for reading",
    "sql": "for reading",
    "lineage": "for reading",
    "list": "for reading",
    "history": "for reading",
    "runs": "for reading",
    "schema": "for editors",
    "demo": "for newcomers",
}
PARTS = {
    "env": ["env-check"],
    "export": ["export-hf", "export-cyclonedx"],
    "prune": ["prune-plan", "prune-apply", "prune-restore"],
    "online": ["online-add", "online-check"],
    "sweep": ["sweep-plan", "sweep-report", "sweep-trial"],
    "site": ["site-build"],
}  # of a group, what makes sense in CI
NO_INPUT = {
    "help": "for reading",
    "json": "a step's outputs are what the next step reads",
    "forge": "in a workflow it is GitHub",
}
NO_OPTION = {"working-directory": "a step's own, as `run:` has it"}


def load_runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("runner", ROOT / "actions/run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


runner = load_runner()
ACTIONS = sorted(path.parent.name for path in (ROOT / "actions").glob("*/action.yml"))


def action(verb: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "actions" / verb / "action.yml").read_text())
    return document


def command(verb: str) -> click.Command:
    found: click.Command = runner.command_of(cli, verb)
    return found


def test_there_is_an_action_for_each_verb_that_makes_sense_in_ci() -> None:
    assert sorted(part for verb in set(VERBS) - set(NOT_IN_CI) for part in PARTS.get(verb, [verb])) == ACTIONS
    assert set(NOT_IN_CI) <= set(VERBS)


@pytest.mark.parametrize("verb", ACTIONS)
def test_inputs_are_options(verb: str) -> None:
    options = {runner.input_name(param): param for param in command(verb).params}
    inputs = action(verb)["inputs"]
    assert set(inputs) - set(NO_OPTION) == set(options) - set(NO_INPUT)
    for name, about in inputs.items():
        assert about["description"], name
        if name not in NO_OPTION:
            assert about.get("required", False) == options[name].required, name


@pytest.mark.parametrize("verb", ACTIONS)
def test_every_input_reaches_the_verb_by_the_environment_alone(verb: str) -> None:
    (step,) = action(verb)["runs"]["steps"]
    assert step["run"] == f'python3 "$GITHUB_ACTION_PATH/../run.py" {verb}'
    wanted = {
        runner.PREFIX + name.upper().replace("-", "_"): f"${{{{ inputs.{name} }}}}"
        for name in action(verb)["inputs"]
        if name not in NO_OPTION
    }
    assert step["env"] == wanted


@pytest.mark.parametrize("verb", ACTIONS)
def test_every_output_comes_from_the_one_step(verb: str) -> None:
    (step,) = action(verb)["runs"]["steps"]
    for name, about in action(verb)["outputs"].items():
        assert about["value"] == f"${{{{ steps.{step['id']}.outputs.{name} }}}}"


def arguments(verb: str, **inputs: str) -> list[str]:
    environment = {runner.PREFIX + name.upper(): value for name, value in inputs.items()} | {"PATH": "/usr/bin"}
    found: list[str] = runner.arguments_of(command(verb).params, environment)
    return found


def test_inputs_become_arguments_and_never_words_of_a_shell() -> None:
    nasty = "$(touch /tmp/x); `id` --json '\""
    assert arguments("promote", ref="fraud@5", to=nasty, reason="two\nlines", open_refused="true", signer="") == [
        f"--to={nasty}",
        "--reason=two\nlines",
        "--open-refused",
        "--",
        "fraud@5",
    ]
    assert arguments("verify", ref="--help") == ["--", "--help"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1", ["a=1"]),
        (" a=1  b=2 ", ["a=1", "b=2"]),
        ("a=one two\n", ["a=one two"]),
        ("a=one two\n\n  b=2\n", ["a=one two", "b=2"]),
    ],
)
def test_several_values_stand_on_lines_or_on_one_line(text: str, values: list[str]) -> None:
    assert arguments("train", entry="train.py", param=text) == [*(f"--param={v}" for v in values), "--", "train.py"]
    assert arguments("train", entry="train.py", args=text) == ["--", "train.py", *values]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"open_refused": "yes"}, "open-refused is 'yes': write true or false"),
        ({"stage": "x"}, "no option of this verb"),
    ],
)
def test_an_input_that_means_nothing_is_refused(
    inputs: dict[str, str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments("promote", **inputs)
    assert ended.value.code == 2
    assert words in capsys.readouterr().out


def test_words_of_an_input_are_no_command_to_the_runner() -> None:
    words = runner.shown(["gate", "--to=it's", "--", "x\n::set-output name=passed::true\r::add-mask::a"])
    assert words == "$ modelbook gate '--to=it'\"'\"'s' -- 'x\\n::set-output name=passed::true\\r::add-mask::a'"
