"""`modelbook evaluate`: what a version is worth, measured by a job that did not train it."""

import click

from modelbook.adapters.forge import Change
from modelbook.adapters.prune_guard import check_examples_kept
from modelbook.adapters.signer import StatementSigner
from modelbook.commands._console import print_json, say
from modelbook.commands._evaluating import asked, evaluated
from modelbook.commands._measurement import read_measurement, store_measurement
from modelbook.commands._proposing import evaluation_branch, tell
from modelbook.commands._pulling import refuse
from modelbook.commands._signing import open_allowed_signer, refuse_unverified
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    signer_option,
)
from modelbook.core.documents import dump
from modelbook.core.evaluation import Evaluation, Metric
from modelbook.core.layout import version_folder
from modelbook.core.listed import listed
from modelbook.core.names import check_name, parse_reference
from modelbook.core.signing.statements import evaluation_statement
from modelbook.errors import Refused

LABELS = ("modelbook", "evaluation")
SHOWN = 5  # metrics in the line for a person


@click.command(short_help="Measure a version in a job that did not train it.")
@click.argument("reference", metavar="REF")
@click.option(
    "--suite", default="default", show_default=True, metavar="NAME", help="A suite of the model's model.yaml."
)
@click.option("--beside", metavar="STAGE", help="Measure what holds STAGE (or a version's number) by turns with it.")
@click.option("--rounds", type=click.IntRange(1, 1000), help="Runs of the suite. Default: 1, with --beside 4 of each.")
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
    beside: str | None,
    rounds: int | None,
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
    Examples:
      modelbook evaluate fraud@5 --suite default
      modelbook evaluate fraud@5 --suite latency --beside production
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
    evaluation: Evaluation | None = None
    if measurement and digest:
        evaluation = read_measurement(workspace, Evaluation, measurement, digest)
        if (evaluation.model, evaluation.version, evaluation.ran) != (wanted.name, version, suite):
            is_of = f"{evaluation.ran} of {evaluation.model}@{evaluation.version}"
            raise Refused(f"the measurement is {is_of}, not {suite} of {name}")
        what = evaluation.suite
    else:
        ask = asked(workspace, wanted.name, version, suite, beside=beside, rounds=rounds)
        what = ask.name
    if what in (known := workspace.registry.evaluation_paths(wanted.name, version)):
        each = workspace.registry.evaluation(known[what]).examples
        if each:
            check_examples_kept(workspace.store, each.digest, each.size)
        tell(name, f"suite {what} has measured it already; evaluations never change", None, as_json=as_json)
        return
    branch = evaluation_branch(wanted.name, version, what)
    if not measure_only and branch in (forge := workspace.forge(forge_name)).proposed(branch):
        tell(name, f"suite {what} has measured it already", forge.resume(branch, labels=LABELS), as_json=as_json)
        return
    if evaluation is None:
        if not measure_only:  # before the work, so that a key that will not do wastes none of it
            open_allowed_signer(workspace, signer, wanted.name, statement="evaluation")
        evaluation = evaluated(workspace, ask)
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
    if evaluation.examples:
        check_examples_kept(workspace.store, evaluation.examples.digest, evaluation.examples.size)
    measured = [f"{metric} {_shown(value)}" for metric, value in evaluation.metrics.items() if value.value is not None]
    tell(name, f"suite {suite}: {listed(measured, SHOWN)}", proposal, as_json=as_json)


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


def _change(workspace: Workspace, evaluation: Evaluation, key: StatementSigner) -> Change:
    data = dump(evaluation)
    model, version, suite = evaluation.model, evaluation.version, evaluation.suite
    folder = workspace.path(f"{version_folder(model, version)}/evaluations")
    other = evaluation.beside
    title = f"Evaluate {model}@{version} with {evaluation.ran}"
    return Change(
        branch=evaluation_branch(model, version, suite),
        base=workspace.commit,
        title=f"{title} beside {model}@{other.version}" if other else title,
        body=_table(evaluation),
        files={
            f"{folder}/{suite}.yaml": data,
            f"{folder}/{suite}.sigstore.json": key.sign(evaluation_statement(evaluation, data)),
        },
        labels=LABELS,
    )


def _table(evaluation: Evaluation) -> str:
    other = evaluation.beside
    heads = ["metric", "value", "interval"] + ([f"{evaluation.model}@{other.version}"] if other else [])
    rows = [
        [name, _shown(metric), _interval(metric)] + ([_shown(other.metrics.get(name))] if other else [])
        for name, metric in evaluation.metrics.items()
    ]
    lines = [heads, ["---", *(["---:"] * (len(heads) - 1))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(metric: Metric | None) -> str:
    return "-" if metric is None or metric.value is None else f"{metric.value:.6g}"


def _interval(metric: Metric) -> str:
    found = metric.interval
    return f"{found.low:.4g} to {found.high:.4g} ({found.confidence:.0%})" if found else ""
