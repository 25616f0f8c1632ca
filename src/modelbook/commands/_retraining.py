"""Training a version again: its code, its packages and its data brought together, and every repetition compared."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelbook.adapters.checkout import checkout, inside
from modelbook.adapters.clock import now
from modelbook.adapters.git import Repository
from modelbook.adapters.person import person
from modelbook.commands._console import say
from modelbook.commands._dataset_pull import pull_dataset, pull_datasets
from modelbook.commands._interpreters import interpreter, recorded_file
from modelbook.commands._measuring import measure
from modelbook.commands._workspace import Workspace, this_job
from modelbook.core.card import ModelCard
from modelbook.core.evaluation import Evaluation, Metric
from modelbook.core.reproduction import Repetition, Reproduction, suites_to_measure, weights_of
from modelbook.errors import Refused
from modelbook.training.code_patch import LIMIT
from modelbook.training.process import Terminal
from modelbook.training.provenance import PATCH
from modelbook.training.repetition import Ground, repeat
from modelbook.training.run_id import new_run_id


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
    commit, patch = _code_of(workspace, again.card)
    number, started = new_run_id({}), now()
    with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
        scratch = Path(folder)
        checkout(again.code, commit, scratch / "code", patch)
        python, environ, environment = interpreter(workspace, again.card, scratch, own=again.own_environment)
        ground = Ground(
            scratch / "code",
            pull_datasets(workspace, again.card.lineage.datasets, scratch / "data"),
            python,
            environ,
            environment,
            this_job(),
            person(workspace.repository.root),
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


def _code_of(workspace: Workspace, card: ModelCard) -> tuple[str, bytes]:
    """The commit to check out, and the patch that makes of it what was trained; empty where the commit is all."""
    code = card.lineage.code
    if card.run.imported:
        why = (
            f"it was imported from {card.run.imported.source}, which does not record how it was trained exactly enough"
        )
    elif not code.commit:
        why = "no commit is on record"
    elif code.dirty and not code.patch:
        why = f"its code was not as in commit {code.commit[:12]}"
    elif code.entry_point == "interactive":
        why = "it was trained at a prompt or in a notebook, and no script is on record"
    else:
        return code.base or code.commit, recorded_file(workspace, card, PATCH, LIMIT) if code.patch else b""
    raise Refused(
        f"nobody can train {card.model}@{card.version} again: {why}",
        remedy="Commit the training script, and train it with `modelbook train`.",
    )


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
    own = scratch / "suites" / suite
    own.mkdir(parents=True)
    if code.commit is None or code.dirty:
        raise Refused(f"nobody can measure with suite {suite} again: no commit holds its code")
    checkout(workspace.repository, code.commit, own / "code")
    pull_dataset(workspace, use.dataset, use.version, own / "dataset")
    entry_point = inside(own / "code", code.entry_point, f"the entry point {code.entry_point}")
    return measure(entry_point, model, own / "dataset", own, ground.python, ground.environ)
