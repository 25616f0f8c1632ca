"""Training a version again: its code, its packages and its data brought together, and every repetition compared."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelbook.adapters.checkout import checkout
from modelbook.adapters.clock import now
from modelbook.adapters.git import Repository
from modelbook.adapters.virtual_environment import make_environment, outside
from modelbook.commands._console import say
from modelbook.commands._measuring import measure
from modelbook.commands._pulling import pull_dataset
from modelbook.commands._workspace import Workspace, person, this_job
from modelbook.core.card import ModelCard
from modelbook.core.digests import hex_of
from modelbook.core.evaluation import Evaluation, Metric
from modelbook.core.reproduction import Repetition, Reproduction, suites_to_measure, weights_of
from modelbook.core.run_record import Environment
from modelbook.core.storage import key_in
from modelbook.errors import BadInput, ModelbookError, Refused
from modelbook.training.child_environment import without_secrets
from modelbook.training.process import Terminal
from modelbook.training.provenance import REQUIREMENTS, locked_environment
from modelbook.training.repetition import Ground, repeat
from modelbook.training.run_id import new_run_id

_CAPTURE = """\
from modelbook.training.provenance import locked_environment
print(locked_environment(None)[0].model_dump_json())
"""


@dataclass(frozen=True)
class Again:
    """What is to be trained again, how often at most, where its code's commits are, and whose packages it gets."""

    card: ModelCard
    digest: str
    evaluations: Mapping[str, Evaluation]
    runs: int
    code: Repository
    own_environment: bool
    terminal: Terminal | None


def retrain(workspace: Workspace, again: Again) -> Reproduction:
    """Train `again.card` anew, and record what came of it. One repetition with the same weights is enough.

    Raises Refused for a version of which nobody can know what made it, BadInput where something is not at hand.
    """
    commit = _commit_of(again.card)
    number, started = new_run_id({}), now()
    with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
        scratch = Path(folder)
        checkout(again.code, commit, scratch / "code")
        python, environ, environment = _interpreter(workspace, again)
        ground = Ground(
            scratch / "code",
            _data(workspace, again.card, scratch / "data"),
            python,
            environ,
            environment,
            this_job(),
            person(workspace.repository),
        )
        repetitions = _repetitions(workspace, again, ground, scratch, number)
    return Reproduction(
        id=number,
        model=again.card.model,
        version=again.card.version,
        card=again.digest,
        job=ground.job,
        user=ground.user,
        started=started,
        ended=now(),
        installed="lock" if again.own_environment else "machine",
        environment=environment,
        repetitions=tuple(repetitions),
    )


def _commit_of(card: ModelCard) -> str:
    code = card.lineage.code
    if not code.commit:
        why = "no commit is on record"
    elif code.dirty:
        why = f"its code was not as in commit {code.commit[:12]}"
    elif code.entry_point == "interactive":
        why = "it was trained at a prompt or in a notebook, and no script is on record"
    else:
        return code.commit
    raise Refused(
        f"nobody can train {card.model}@{card.version} again: {why}",
        remedy="Commit the training script, and train it with `modelbook train`.",
    )


def _interpreter(workspace: Workspace, again: Again) -> tuple[Path, Mapping[str, str], Environment]:
    if not again.own_environment:
        return Path(sys.executable), os.environ, locked_environment(again.code.root)[0]
    card = again.card
    name = f"{card.model}@{card.version}"
    lock = next((artifact for artifact in card.artifacts if artifact.path == REQUIREMENTS), None)
    if lock is None:
        raise BadInput(
            f"no lock file was recorded with {name}",
            remedy="Train it with the packages of this machine: --environment machine.",
        )
    folder = workspace.repository.main_root / ".modelbook" / "environments" / hex_of(lock.digest)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    workspace.store.fetch(
        key_in(workspace.store.uri, lock.uri), folder / "lock.txt", digest=lock.digest, size=lock.size
    )
    say(f"environment of {name}: {folder}", as_json=True)
    clean = {name: value for name, value in without_secrets(os.environ).items() if not name.startswith("AWS_")}
    python = make_environment((folder / "lock.txt").read_bytes(), folder, card.lineage.environment.python, clean)
    environ = outside(os.environ)
    asked = subprocess.run([python, "-c", _CAPTURE], env=environ, cwd=folder, capture_output=True, check=False)
    if asked.returncode:
        said = asked.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ModelbookError(
            f"the recorded packages cannot run Modelbook: {''.join(said)}",
            where=str(folder),
            remedy="Train it with the packages of this machine: --environment machine.",
        )
    return python, environ, Environment.model_validate_json(asked.stdout)


def _data(workspace: Workspace, card: ModelCard, folder: Path) -> dict[str, Path]:
    found = {}
    for use in card.lineage.datasets:
        found[use.dataset] = folder / use.dataset
        pull_dataset(workspace, use.dataset, use.version, found[use.dataset])
    return found


def _repetitions(workspace: Workspace, again: Again, ground: Ground, scratch: Path, number: str) -> list[Repetition]:
    recorded = weights_of({artifact.path: artifact.digest for artifact in again.card.artifacts})
    suites = suites_to_measure(again.evaluations, workspace.registry.policy.reproduce)
    found: list[Repetition] = []
    for count in range(1, again.runs + 1):
        say(f"training again, {count} of at most {again.runs}", as_json=True)
        own = scratch / f"repetition-{count}"
        own.mkdir()
        one, model = repeat(again.card, f"{number}-{count}", ground, own, again.terminal)
        same = weights_of(one.files) == recorded
        if not one.error and not same and suites:
            measured = {suite: _measured(workspace, again, suite, model, ground, own) for suite in suites}
            one = one.model_copy(update={"suites": measured})
        found.append(one)
        if one.error or (same and count == 1):
            break  # a training that fails will fail again; one that gives the same bits has proven it
    return found


def _measured(
    workspace: Workspace, again: Again, suite: str, model: Path, ground: Ground, scratch: Path
) -> dict[str, Metric]:
    """What the suite measures of the model in the folder `model`, by the code and data of the evaluation on record."""
    evaluation = again.evaluations[suite]
    code, use = evaluation.code, evaluation.dataset
    own = scratch / suite
    own.mkdir()
    if code.commit is None or code.dirty:
        raise Refused(f"nobody can measure with suite {suite} again: no commit holds its code")
    checkout(workspace.repository, code.commit, own / "code")
    pull_dataset(workspace, use.dataset, use.version, own / "dataset")
    return measure(own / "code" / code.entry_point, model, own / "dataset", own, ground.python)
