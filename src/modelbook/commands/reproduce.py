"""`modelbook reproduce`: train a version again from what its card records, and sign how well it was met."""

from pathlib import Path

import click

from modelbook.adapters.forge import Change, Proposal
from modelbook.adapters.git import Repository
from modelbook.adapters.signer import StatementSigner
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_report, say, to_stderr
from modelbook.commands._measurement import read_measurement, store_measurement
from modelbook.commands._proposing import proposal_fields, reproduction_branch
from modelbook.commands._pulling import refuse
from modelbook.commands._retraining import Again, retrain
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
from modelbook.core.layout import version_folder
from modelbook.core.names import parse_reference
from modelbook.core.pages.markdown import markdown
from modelbook.core.pages.report import Report, reproduction_report
from modelbook.core.queries.drift import drift
from modelbook.core.reproduction import Reproduction, judge_reproduction
from modelbook.core.signing.statements import reproduction_statement
from modelbook.core.verifying.verification import VersionVerdict, verify_version
from modelbook.errors import Exit, Refused

LABELS = ("modelbook", "reproduction")
ENOUGH = 5  # repetitions that are proposed where one cannot decide


@click.command(short_help="Train a version again from what its card records, and compare.")
@click.argument("reference", metavar="REF")
@click.option("--runs", type=click.IntRange(1, 100), default=1, show_default=True, help="How often, at most.")
@click.option(
    "--environment",
    type=click.Choice(["lock", "machine"]),
    default="lock",
    show_default=True,
    help="The packages: those of the recorded lock file in an environment of their own, or this machine's.",
)
@click.option(
    "--code",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="A clone that holds the recorded commit.  [default: this repository]",
)
@click.option("--measure-only", is_flag=True, help="Train, compare and store the result; another job signs it.")
@click.option("--measurement", metavar="ID", help="Sign the stored result of --measure-only.")
@click.option("--digest", metavar="DIGEST", help="With --measurement: refuse unless it has this digest.")
@signer_option
@forge_option
@registry_option
@json_option
def command(
    reference: str,
    runs: int,
    environment: str,
    code: Path | None,
    measure_only: bool,
    measurement: str | None,
    digest: str | None,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Train REF again: its commit checked out clean, its packages, data, parameters and seed as recorded.

    It is reproduced if the weights come out bit for bit the same, or if the metrics to which policy.yaml gives a margin
    are proven to be equivalent (two one-sided tests; more than one run is needed). The result is signed either way.
    Exit status 1 if it is not reproduced.

    \b
    Examples:
      modelbook reproduce fraud@5
      modelbook reproduce fraud@production --runs 5
    """
    wanted = parse_reference(reference)
    if measurement and not digest:
        raise click.UsageError("--measurement needs --digest: the digest is what ties the two jobs together.")
    workspace = open_workspace(registry_folder)
    refuse(wanted.name, workspace.problems)
    workspace.refuse_uncommitted()
    version = workspace.registry.resolve(wanted)
    name = f"{wanted.name}@{version}"
    verdict = verify_version(workspace.registry, wanted.name, version)
    refuse(name, verdict.findings)
    if not measure_only:  # before the work, so that a key that will not do wastes none of it
        open_allowed_signer(workspace, signer, wanted.name, statement="reproduction")
    if measurement and digest:
        reproduction = read_measurement(workspace, Reproduction, measurement, digest)
    else:
        again = Again(
            workspace.registry.card(wanted.name, version),
            workspace.registry.digest(workspace.registry.card_path(wanted.name, version)),
            verdict.evaluations,
            runs,
            Repository.find(code) if code else workspace.repository,
            environment == "lock",
            to_stderr if as_json else None,
        )
        reproduction = retrain(workspace, again)
    report = _report(workspace, verdict, reproduction)
    if measure_only:
        fields = store_measurement(workspace, reproduction)
    else:
        key, _ = open_allowed_signer(workspace, signer, wanted.name, statement="reproduction")
        fields = proposal_fields(_propose(workspace, reproduction, report, key, forge_name))
    set_outputs({"version": name, "reproduction": reproduction.id, "passed": str(report.passed).lower()} | fields)
    print_report(report, as_json=as_json, also={"version": name, "reproduction": reproduction.id} | fields)
    for label in ("measurement", "digest", "url"):
        if fields.get(label):
            say(f"  {label}: {fields[label]}", as_json=as_json)
    return Exit.YES if report.passed else Exit.NO


def _report(workspace: Workspace, verdict: VersionVerdict, reproduction: Reproduction) -> Report:
    """Raises Refused for a reproduction of something else."""
    card = workspace.registry.card(verdict.model, verdict.version)
    digest = workspace.registry.digest(workspace.registry.card_path(verdict.model, verdict.version))
    if (reproduction.model, reproduction.version, reproduction.card) != (card.model, card.version, digest):
        is_of = f"{reproduction.model}@{reproduction.version}"
        raise Refused(f"the result is of {is_of} ({reproduction.card}), not of {card.model}@{card.version} ({digest})")
    rule = workspace.registry.policy.reproduce
    found = judge_reproduction(card, verdict.evaluations, reproduction, rule)
    steps = []
    if found.level is None and found.metrics and all(metric.holds for metric in found.metrics):
        steps = [f"modelbook evaluate {card.model}@{card.version}"]
    elif found.level is None and found.metrics and len(reproduction.repetitions) < ENOUGH:
        steps = [f"modelbook reproduce {card.model}@{card.version} --runs {ENOUGH}"]
    elif found.level is None and found.other_weights and not found.metrics:
        steps = ["say in policy.yaml how far a metric may lie off: `reproduce: {margins: {accuracy: 0.005}}`"]
    return reproduction_report(
        reproduction, found, drift(card.lineage.environment, reproduction.environment), next_steps=steps
    )


def _propose(
    workspace: Workspace, reproduction: Reproduction, report: Report, key: StatementSigner, forge_name: str
) -> Proposal:
    """Bring it into the registry. The same result twice is one proposal."""
    model, version, number = reproduction.model, reproduction.version, reproduction.id
    branch = reproduction_branch(model, version, number)
    forge = workspace.forge(forge_name)
    if branch in forge.proposed(branch):
        return forge.resume(branch, labels=LABELS)
    folder = workspace.path(f"{version_folder(model, version)}/reproductions")
    data = dump(reproduction)
    if workspace.registry.files.get(f"{version_folder(model, version)}/reproductions/{number}.yaml") == data:
        return Proposal("", workspace.commit, merged=True, created=False)  # signed anew, its signature would change
    change = Change(
        branch=branch,
        base=workspace.commit,
        title=f"Reproduce {model}@{version}",
        body=markdown(report),
        files={
            f"{folder}/{number}.yaml": data,
            f"{folder}/{number}.sigstore.json": key.sign(reproduction_statement(reproduction, data)),
        },
        labels=LABELS,
    )
    refuse_unverified(workspace, change, model, version)
    return forge.submit(change)
