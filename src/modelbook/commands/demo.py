"""`modelbook demo`: the main job from end to end, on this machine, with every command shown before it runs."""

import tempfile
from pathlib import Path

import click

from modelbook.commands._demo_shell import DemoShell
from modelbook.errors import BadInput, ModelbookError

MODEL_YAML = """\
format: modelbook/model/v1
model: digits
description: Reads handwritten digits from scans of 8 by 8 pixels.
task: image-classification
owners: ["@you"]
suites:
  default:
    entry_point: evaluate.py
    dataset: digits@1
"""


BETTER = ("hidden=64", "epochs=30")
KILLED = "killed-half-way"


@click.command(short_help="See it all work, in a minute, without an account.")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
def command(folder: Path | None) -> None:
    """Make a registry in the new FOLDER, train small models on real scanned digits, and promote the better one.

    \b
    Example:
      modelbook demo /tmp/digits-demo
    """
    _require_torch()
    root = folder or Path(tempfile.mkdtemp(prefix="modelbook-demo-")) / "digits"
    if root.exists() and any(root.iterdir()):
        raise BadInput("something is here already", where=str(root), remedy="Name a new folder.")
    root.mkdir(parents=True, exist_ok=True)
    shell = DemoShell(root.resolve())
    _make_registry(shell)
    _first_model(shell)
    version = _better_model(shell)
    _killed_training(shell, version)
    _trained_again(shell, version)
    _worse_model(shell)
    _tampering(shell, version)
    _pull(shell)
    _anybody(shell)
    shell.tell("Done. What to try next", f"  cd {shell.root}")
    for line in (
        f"  export MODELBOOK_SIGNER=file:{shell.key}",
        "  modelbook list digits                     # which version serves, and how good each is",
        "  modelbook evaluate digits@3 --beside production   # is it slower? by turns with what serves",
        "  modelbook show digits@production          # what made it: commit, data, parameters, environment",
        "  git log --stat                            # the registry is this repository",
        "  $EDITOR registry/policy.yaml              # make the gates stricter, commit, and promote again",
        "  modelbook train train.py --data digits@1 --param hidden=128",
    ):
        shell.say(line)


def _require_torch() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("torch", "safetensors", "sklearn") if find_spec(name) is None]
    if missing:
        raise BadInput(
            f"the demo trains real models, and needs {', '.join(missing)}",
            remedy="Install them: pip install 'modelbook[demo]'",
        )


def _make_registry(shell: DemoShell) -> None:
    shell.tell("A registry is a git repository with a policy, a trust file and a store for the weights")
    shell.modelbook("init", ".", "--key", str(shell.key))
    shell.copy_example("digits")
    shell.write("registry/models/digits/model.yaml", MODEL_YAML)
    shell.git("add", ".")
    shell.git("commit", "--quiet", "-m", "Training code, and what a digits model is measured by")
    shell.tell("A dataset version is immutable, and named by what it holds")
    shell.python("make_dataset.py", "../digits-data")
    shell.modelbook("data", "add", "digits", "../digits-data", "--description", "Handwritten digits, 8 by 8 pixels")


def _train_and_register(shell: DemoShell, *settings: str, tag: str) -> str:
    params = [part for setting in settings for part in ("--param", setting)]
    printed = shell.modelbook("train", "train.py", "--data", "digits@1", "--seed", "1", "--tag", tag, *params)
    run_id = printed.rsplit("--run ", 1)[-1].split()[0]
    version = shell.modelbook("register", "digits", "--run", run_id).split(":", 1)[0]
    shell.modelbook("evaluate", version)
    return version


def _promote(shell: DemoShell, version: str, stage: str) -> None:
    shell.modelbook("promote", version, "--to", stage)
    branch = f"promote/{version.replace('@', '-')}-to-{stage}"
    shell.modelbook("verify", "--change", "main", "--rev", branch)
    shell.git("merge", "--quiet", "--ff-only", branch)


def _first_model(shell: DemoShell) -> None:
    shell.tell("Train a model, register it, and have another process measure it")
    version = _train_and_register(shell, "hidden=8", "epochs=5", tag="small")
    shell.tell("Promote it: a branch with one commit and the report; merging it is the promotion")
    for stage in ("staging", "production"):
        _promote(shell, version, stage)


def _better_model(shell: DemoShell) -> str:
    shell.tell("A better model takes its place, because the gates compare it with what serves now")
    version = _train_and_register(shell, *BETTER, tag="large")
    for stage in ("staging", "production"):
        _promote(shell, version, stage)
    return version


def _killed_training(shell: DemoShell, version: str) -> None:
    shell.tell(f"A training that is killed loses nothing: here that of {version} once more, ended by SIGKILL half-way")
    params = [part for setting in BETTER for part in ("--param", setting)]
    shell.killed_after_a_checkpoint(
        KILLED, "train", "train.py", "--data", "digits@1", "--seed", "1", *params, "--run-id", KILLED
    )
    shell.modelbook("train", "--resume", KILLED)
    found, recorded = shell.weights_of_run(KILLED), shell.weights_of_run(shell.run_of(version))
    if found != recorded:
        raise ModelbookError(f"the resumed training gave other weights than {version}: {found}, not {recorded}")
    shell.say(f"  its weights are those of {version}, bit for bit: {found}")


def _trained_again(shell: DemoShell, version: str) -> None:
    shell.tell("Months later: train it again from what its card records, and nothing else")
    shell.modelbook("reproduce", version, "--environment", "machine")


def _worse_model(shell: DemoShell) -> None:
    shell.tell("A worse model is refused, and the report says by how much")
    version = _train_and_register(shell, "hidden=64", "label_noise=0.4", tag="noisy")
    _promote(shell, version, "staging")
    shell.modelbook("promote", version, "--to", "production", expect=1)


def _tampering(shell: DemoShell, version: str) -> None:
    shell.tell("One flipped byte in the stored weights: nobody gets them")
    with shell.flipped(shell.stored_weights(version)):
        shell.modelbook("pull", version, "../tampered", expect=1)
    shell.tell("One flipped byte in a model card: nobody believes it")
    card = shell.root / "registry/models/digits/versions/2/card.yaml"
    shell.git("switch", "--quiet", "-c", "tampered")
    with shell.flipped(card):
        shell.git("commit", "--quiet", "-a", "-m", "Nobody will notice")
        shell.modelbook("verify", "digits@2", expect=1)
        shell.modelbook("verify", "--change", "main", expect=1)
    shell.git("checkout", "--quiet", "--", ".")
    shell.git("switch", "--quiet", "main")


def _pull(shell: DemoShell) -> None:
    shell.tell("Pull what is in production: who made it and every byte are checked first")
    shell.modelbook("pull", "digits@production", "../serving")
    shell.modelbook("list", "digits")


def _anybody(shell: DemoShell) -> None:
    shell.tell("Anybody can check, from a bare clone and without a network: signatures, evidence, and git's history")
    shell.git("clone", "--quiet", "--bare", ".", "../clone.git")
    shell.offline("../clone.git", "verify", "digits@production")
    shell.offline("../clone.git", "verify", "--all")
