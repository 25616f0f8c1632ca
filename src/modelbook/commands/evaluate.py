"""`modelbook evaluate`: what a version is worth, measured by a job that did not train it."""

import tempfile
from pathlib import Path

import click

from modelbook.adapters.clock import now
from modelbook.adapters.forge import Change
from modelbook.adapters.person import person
from modelbook.adapters.signer import StatementSigner
from modelbook.commands._console import print_json, say
from modelbook.commands._dataset_pull import pull_dataset
from modelbook.commands._measurement import read_measurement, store_measurement
from modelbook.commands._measuring import check_names, measure, read_examples
from modelbook.commands._proposing import evaluation_branch, tell
from modelbook.commands._pulling import pull_version, refuse
from modelbook.commands._signing import open_allowed_signer, refuse_unverified
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    signer_option,
    this_job,
)
from modelbook.core.digests import digest_of
from modelbook.core.documents import dump
from modelbook.core.evaluation import Evaluation, Examples
from modelbook.core.layout import dataset_folder, version_folder
from modelbook.core.names import check_name, parse_reference
from modelbook.core.registered_model import Suite
from modelbook.core.run_record import DatasetUse
from modelbook.core.statements import evaluation_statement
from modelbook.core.storage import examples_key
from modelbook.errors import BadInput, Refused
from modelbook.training.code_version import committed_code
from modelbook.training.environment import capture

LABELS = ("modelbook", "evaluation")
SHOWN = 4  # metrics in the line for a person


@click.command(short_help="Measure a version in a job that did not train it.")
@click.argument("reference", metavar="REF")
@click.option(
    "--suite", default="default", show_default=True, metavar="NAME", help="A suite of the model's model.yaml."
)
@click.option("--measure-only", is_flag=True, help="Measure and store the result; another job signs it.")
@click.option("--measurement", metavar="ID", help="Sign the stored result of --measure-only.")
@click.option("--digest", metavar="DIGEST", help="With --measurement: refuse unless it has this digest.")
@signer_option
@forge_option
@registry_option
@json_option
def command(
    reference: str,
    suite: str,
    measure_only: bool,
    measurement: str | None,
    digest: str | None,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Pull REF verified, run the suite on its pinned dataset version, and sign what it measured.

    \b
    Example:
      modelbook evaluate fraud@5 --suite default
    """
    wanted = parse_reference(reference)
    check_name(suite, "suite")
    if measurement and not digest:
        raise click.UsageError("--measurement needs --digest: the digest is what ties the two jobs together.")
    workspace = open_workspace(registry_folder)
    refuse(wanted.name, workspace.problems)
    workspace.refuse_uncommitted()
    version = workspace.registry.resolve(wanted)
    name = f"{wanted.name}@{version}"
    if suite in workspace.registry.evaluation_paths(wanted.name, version):
        tell(name, f"suite {suite} has measured it already; evaluations never change", None, as_json=as_json)
        return
    branch = evaluation_branch(wanted.name, version, suite)
    if not measure_only and branch in (forge := workspace.forge(forge_name)).proposed(branch):
        tell(name, f"suite {suite} has measured it already", forge.resume(branch, labels=LABELS), as_json=as_json)
        return
    if measurement and digest:
        evaluation = read_measurement(workspace, Evaluation, measurement, digest)
        if (evaluation.model, evaluation.version, evaluation.suite) != (wanted.name, version, suite):
            is_of = f"{evaluation.suite} of {evaluation.model}@{evaluation.version}"
            raise Refused(f"the measurement is {is_of}, not {suite} of {name}")
    else:
        if not measure_only:  # before the work, so that a key that will not do wastes none of it
            open_allowed_signer(workspace, signer, wanted.name, statement="evaluation")
        evaluation = _measure(workspace, wanted.name, version, suite)
        if measure_only:
            stored = store_measurement(workspace, evaluation)
            if as_json:
                print_json(stored)
            else:
                say(f"measurement {stored['measurement']}, {stored['digest']}")
            return
    _look(evaluation)
    key, _ = open_allowed_signer(workspace, signer, wanted.name, statement="evaluation")
    change = _change(workspace, evaluation, key)
    refuse_unverified(workspace, change, wanted.name, version)
    proposal = workspace.forge(forge_name).submit(change)
    measured = [
        f"{metric} {value.value:.6g}" for metric, value in evaluation.metrics.items() if value.value is not None
    ]
    shown = ", ".join(measured[:SHOWN]) + (f" and {len(measured) - SHOWN} more" if len(measured) > SHOWN else "")
    tell(name, f"suite {suite}: {shown}", proposal, as_json=as_json)


def _look(evaluation: Evaluation) -> None:
    """Name every metric that is no number, and refuse to sign for good what measured nothing."""
    for metric, value in evaluation.metrics.items():
        if value.problem:
            say(f"warning: {metric} is {value.problem}: it will pass no gate", as_json=True)
    if all(value.value is None for value in evaluation.metrics.values()):
        raise Refused(
            f"suite {evaluation.suite} measured no number, so there is nothing to sign",
            where=evaluation.code.entry_point,
            remedy="Mend the suite and evaluate again.",
        )


def _measure(workspace: Workspace, model: str, version: int, suite_name: str) -> Evaluation:
    registry = workspace.registry
    suite = _suite(workspace, model, suite_name)
    dataset, _, number = suite.dataset.partition("@")
    use = DatasetUse(
        dataset=dataset,
        version=int(number),
        role="test",
        digest=_dataset_digest(workspace, dataset, int(number)),
    )
    entry_point = workspace.repository.root / suite.entry_point
    code = committed_code(workspace.repository.root, suite.entry_point)
    with tempfile.TemporaryDirectory(prefix="modelbook-") as folder:
        scratch = Path(folder)
        pull_version(workspace, model, version, scratch / "model")
        pull_dataset(workspace, dataset, int(number), scratch / "dataset")
        started = now()
        metrics = measure(entry_point, scratch / "model", scratch / "dataset", scratch)
        check_names(metrics, suite.entry_point)
        each = read_examples(scratch, metrics, suite.entry_point)
    examples = None
    if each:
        stored = workspace.store.put_bytes(examples_key(digest_of(each)), each)
        examples = Examples(size=stored.size, digest=stored.digest)
    return Evaluation(
        model=model,
        version=version,
        card=registry.digest(registry.card_path(model, version)),
        suite=suite_name,
        dataset=use,
        job=this_job(),
        user=person(workspace.repository.root),
        started=started,
        ended=now(),
        code=code,
        environment=capture(workspace.repository.root),
        metrics=metrics,
        examples=examples,
    )


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


def _change(workspace: Workspace, evaluation: Evaluation, key: StatementSigner) -> Change:
    data = dump(evaluation)
    model, version, suite = evaluation.model, evaluation.version, evaluation.suite
    folder = workspace.path(f"{version_folder(model, version)}/evaluations")
    rows = [f"| {name} | {_shown(metric.value)} |" for name, metric in evaluation.metrics.items()]
    return Change(
        branch=evaluation_branch(model, version, suite),
        base=workspace.commit,
        title=f"Evaluate {model}@{version} with {suite}",
        body="\n".join(["| metric | value |", "| --- | ---: |", *rows]),
        files={
            f"{folder}/{suite}.yaml": data,
            f"{folder}/{suite}.sigstore.json": key.sign(evaluation_statement(evaluation, data)),
        },
        labels=LABELS,
    )


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
