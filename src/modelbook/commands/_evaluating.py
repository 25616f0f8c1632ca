"""Measuring a version by a suite, alone or by turns with another: what is asked for, and what comes of it."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelbook.adapters.clock import now
from modelbook.adapters.person import person
from modelbook.commands._console import say
from modelbook.commands._dataset_pull import pull_dataset
from modelbook.commands._measuring import check_names, measure, read_examples
from modelbook.commands._pulling import pull_version
from modelbook.commands._workspace import Workspace, this_job
from modelbook.core.digests import digest_of
from modelbook.core.evaluation import Beside, Evaluation, Examples, Metric, of_the_machine
from modelbook.core.layout import dataset_folder
from modelbook.core.measuring.beside import compared_with, evaluation_name
from modelbook.core.measuring.rounds import Side, combined, turns
from modelbook.core.names import check_name, parse_reference
from modelbook.core.pointer import Holder
from modelbook.core.registered_model import Suite
from modelbook.core.run_record import DatasetUse
from modelbook.core.storage import examples_key
from modelbook.errors import BadInput
from modelbook.training.code_version import committed_code
from modelbook.training.environment import capture

ROUNDS = 4  # of each of two: the fewest that are even, and still show how far rounds differ


@dataclass(frozen=True)
class Asked:
    """One measurement: `name` is what its evaluation is called, `beside` what is measured by turns with the version."""

    model: str
    version: int
    suite: str
    name: str
    beside: Holder | None
    rounds: int


def asked(
    workspace: Workspace, model: str, version: int, suite: str, *, beside: str | None, rounds: int | None
) -> Asked:
    """What there is to measure. `beside` is a stage or a version; without it the suite's `compare` decides."""
    registry = workspace.registry
    if beside is not None:
        other = registry.resolve(parse_reference(f"{model}@{beside}"))
        if other == version:
            raise BadInput(f"{model}@{version} cannot be measured beside itself", remedy="Leave --beside out.")
        holder: Holder | None = Holder(version=other, card=registry.digest(registry.card_path(model, other)))
    else:
        record = registry.model(model)
        known = record.suites.get(suite) if record else None
        holder = compared_with(registry, model, version, known) if known else None
    name = check_name(evaluation_name(registry, model, version, suite, holder), "suite")
    rounds = rounds or (ROUNDS if holder else 1)
    if holder and rounds < 2:
        remedy = "Leave --rounds out, or give an even number of rounds."
        raise BadInput("one round beside another version says nothing of how far rounds differ", remedy=remedy)
    return Asked(model, version, suite, name, holder, rounds)


def evaluated(workspace: Workspace, ask: Asked) -> Evaluation:
    """Pull what is to be measured, verified, run the suite, and say what it measured."""
    registry, (model, version) = workspace.registry, (ask.model, ask.version)
    suite = _suite(workspace, model, ask.suite)
    dataset, _, number = suite.dataset.partition("@")
    use = DatasetUse(
        dataset=dataset,
        version=int(number),
        role="test",
        digest=_dataset_digest(workspace, dataset, int(number)),
    )
    code = committed_code(workspace.repository.root, suite.entry_point)
    with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
        scratch = Path(folder)
        pull_version(workspace, model, version, scratch / "candidate")
        if ask.beside:
            pull_version(workspace, model, ask.beside.version, scratch / "baseline")
        pull_dataset(workspace, dataset, int(number), scratch / "dataset")
        started = now()
        found, each = _by_turns(workspace.repository.root, suite, ask, scratch)
    metrics = combined(found["candidate"])
    beside = None
    if ask.beside:
        others = of_the_machine(combined(found["baseline"]))
        beside = Beside(
            version=ask.beside.version, card=ask.beside.card, suite=ask.suite, rounds=ask.rounds, metrics=others
        )
    examples = None
    if ask.name != ask.suite:
        metrics = of_the_machine(metrics)
    elif each:
        stored = workspace.store.put_bytes(examples_key(digest_of(each)), each)
        examples = Examples(size=stored.size, digest=stored.digest)
    return Evaluation(
        model=model,
        version=version,
        card=registry.digest(registry.card_path(model, version)),
        suite=ask.name,
        dataset=use,
        job=this_job(),
        user=person(workspace.repository.root),
        started=started,
        ended=now(),
        code=code,
        environment=capture(workspace.repository.root),
        metrics=metrics,
        examples=examples,
        beside=beside,
    )


def _by_turns(
    root: Path, suite: Suite, ask: Asked, scratch: Path
) -> tuple[dict[Side, list[Mapping[str, Metric]]], bytes | None]:
    """What each round of each version gave, and what the candidate's first round found for each example."""
    found: dict[Side, list[Mapping[str, Metric]]] = {"candidate": [], "baseline": []}
    each = None
    for side in (side for side in turns(ask.rounds) if ask.beside or side == "candidate"):
        number = len(found[side]) + 1
        if ask.rounds > 1:
            version = ask.version if side == "candidate" or not ask.beside else ask.beside.version
            say(f"{ask.model}@{version}, round {number} of {ask.rounds}", as_json=True)
        own = scratch / f"{side}-{number}"
        own.mkdir()
        turn = (number, ask.rounds)
        metrics = measure(root / suite.entry_point, scratch / side, scratch / "dataset", own, turn=turn)
        check_names(metrics, suite.entry_point)
        if ask.beside and not of_the_machine(metrics):
            remedy = 'Measure it by `modelbook.measure`, or write "hardware": true beside a value that depends on it.'
            message = "the suite measured nothing that depends on the machine, so there is nothing to measure beside"
            raise BadInput(message, where=suite.entry_point, remedy=remedy)
        if side == "candidate" and number == 1:
            each = read_examples(own, metrics, suite.entry_point)
        found[side].append(metrics)
    return found, each


def _suite(workspace: Workspace, model: str, name: str) -> Suite:
    path = f"models/{model}/model.yaml"
    record = workspace.registry.model(model)
    if record and name in record.suites:
        return record.suites[name]
    known = ", ".join(record.suites) if record else ""
    raise BadInput(
        f"{model} has no suite {name!r}" + (f" (it has: {known})" if known else ""),
        where=workspace.path(path),
        remedy=f"Write it:\n{_example(workspace, model, name)}" if record is None else "Add it under `suites:`.",
    )


def _example(workspace: Workspace, model: str, suite: str) -> str:
    """A whole model.yaml for this registry, to paste."""
    registry = workspace.registry
    known = [f"{name}@{registry.dataset_versions(name)[-1]}" for name in registry.datasets()]
    lines = ["format: modelbook/model/v1", f"model: {model}", "suites:", f"  {suite}:"]
    lines += ["    entry_point: evaluate.py", f"    dataset: {known[0] if known else 'some-data@1'}"]
    return "\n".join(f"    {line}" for line in lines)


def _dataset_digest(workspace: Workspace, dataset: str, version: int) -> str:
    path = f"{dataset_folder(dataset, version)}/card.yaml"
    if path not in workspace.registry.files:
        raise BadInput(
            f"the suite's dataset {dataset}@{version} is not in this registry",
            remedy="Add it: `modelbook data add`.",
        )
    return workspace.registry.digest(path)
