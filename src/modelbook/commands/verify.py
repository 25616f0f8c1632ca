"""`modelbook verify`: a version, a stage, a model, the whole registry, or a change of it."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from modelbook.adapters.clock import now
from modelbook.adapters.registry_files import read_history
from modelbook.adapters.workers import spread
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._beside import Beside
from modelbook.commands._console import counted, print_report
from modelbook.commands._folder import folder_of, verify_folder
from modelbook.commands._workspace import Workspace, json_option, open_workspace, registry_option, rev_option
from modelbook.core.documents import DocumentError
from modelbook.core.findings import Finding
from modelbook.core.judging.examples import Results
from modelbook.core.layout import (
    EXPERIMENT_FILES,
    IMMUTABLE,
    POLICY,
    STAGE_SIGNATURES,
    TRUST,
    model_folder,
    place_of,
    pointer_path,
)
from modelbook.core.listed import listed
from modelbook.core.names import parse_reference
from modelbook.core.pages.report import Report, change_report, findings_report
from modelbook.core.pointer import StagePointer
from modelbook.core.registry import Registry
from modelbook.core.revocation import in_use
from modelbook.core.stages.tenure import Tenures
from modelbook.core.verifying.verification import verify_dataset, verify_stage, verify_version
from modelbook.errors import Exit

Numbered = tuple[str, int]
"""A model or a dataset, and a version of it."""


@click.command(short_help="Check signatures, digests and rules.")
@click.argument("reference", metavar="[REF]", required=False)
@click.option("--all", "everything", is_flag=True, help="Check the whole registry, as without REF.")
@click.option("--change", metavar="BASE", help="Judge the change from the commit BASE to --rev, by the rules of BASE.")
@click.option("--pull-request", type=int, metavar="N", help="With --change: report on this pull request as well.")
@click.option("--status", is_flag=True, help="With --change: set the status of --rev, as a merge queue needs it.")
@click.option("--key", type=click.Path(path_type=Path), metavar="PEM", help="With a folder: the key that counts.")
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    metavar="YAML",
    help="With a folder: the trust.yaml that says whose signature counts; trusted_root.json is read beside it.",
)
@click.option(
    "--trust-from",
    envvar="MODELBOOK_TRUST_FROM",
    metavar="COMMIT",
    help="Take the trust.yaml of COMMIT for granted, and look at what followed.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many processes check the whole registry.  [default: one for each processor]",
)
@rev_option
@registry_option
@json_option
def command(
    reference: str | None,
    everything: bool,
    change: str | None,
    pull_request: int | None,
    status: bool,
    key: Path | None,
    trust: Path | None,
    trust_from: str | None,
    jobs: int | None,
    rev: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Check REF (a version, a stage or a folder), or without REF the whole registry: every signature, digest and rule.

    A folder is one that `modelbook pull` wrote, and needs no registry: ./model, or any with a card.yaml. Every
    byte in it is checked, and whose signature counts is yours to say.

    Needs no network. Exit status 0 if everything verifies, 1 if anything does not; every finding is listed.

    \b
    Examples:
      modelbook verify fraud@5
      modelbook verify fraud@production
      modelbook verify ./model --key owner.pem
      modelbook verify --change origin/main        # what a pull request would bring
    """
    if (pull_request is not None or status) and change is None:
        raise click.UsageError("--pull-request and --status go with --change BASE.")
    if sum(map(bool, (reference, change, everything))) > 1:
        raise click.UsageError("Give one of REF, --all and --change.")
    if reference and (folder := folder_of(reference)) is not None:
        if (key is None) == (trust is None):
            raise click.UsageError(f"{folder} is a folder: give --key or --trust, to say whose signature counts.")
        report = verify_folder(folder, key, trust)
        set_outputs({"passed": str(report.passed).lower()})
        print_report(report, as_json=as_json)
        return Exit.YES if report.passed else Exit.NO
    if key is not None or trust is not None:
        raise click.UsageError("--key and --trust go with a folder, and there is none of that name with a card.yaml.")
    scope = [model_folder(parse_reference(reference).name)] if reference else []
    workspace = open_workspace(registry_folder, rev=rev, scope=scope)
    workspace = replace(workspace, trust_from=trust_from)
    if change:
        report = _change(workspace, change)
    elif reference:
        report = _reference(workspace, reference)
    else:
        report = _everything(workspace, jobs)
    set_outputs({"passed": str(report.passed).lower()})
    print_report(report, as_json=as_json)
    if pull_request is not None:
        from modelbook.commands._reporting import report_on_pull_request

        report_on_pull_request(workspace, pull_request, report)
    if status:
        from modelbook.commands._reporting import report_on_commit

        report_on_commit(workspace, report)
    return Exit.YES if report.passed else Exit.NO


def _reference(workspace: Workspace, text: str) -> Report:
    wanted = parse_reference(text)
    registry = workspace.registry
    # Git reads histories of any length while signatures are checked here.
    problems = Beside(lambda: workspace.problems)
    past = Beside(partial(_past, workspace, wanted.name, wanted.stage)) if wanted.stage else None
    version = registry.resolve(wanted)
    facts = {"version": f"{wanted.name}@{version}", "commit": workspace.commit}
    verdict = verify_version(registry, wanted.name, version)
    uncommitted = _uncommitted(workspace, model_folder(wanted.name))
    findings = [*problems.result(), *uncommitted]
    if wanted.stage and past:
        stage = verify_stage(registry, wanted.name, wanted.stage)
        findings += [*stage.findings, *past.result()]
        facts |= {"stage": wanted.stage, "promoted by": stage.signed_by or "nobody whom trust.yaml allows"}
    findings += [*verdict.findings, *in_use(registry, wanted.name, version)]
    facts["signed by"] = verdict.signed_by or "nobody whom trust.yaml allows"
    facts["evaluations"] = ", ".join(verdict.evaluations) or "none"
    return findings_report(f"Verify {text}", facts, findings)


def _past(workspace: Workspace, model: str, stage: str) -> list[Finding]:
    """What the commits show of a stage's pointer."""
    return read_history(workspace.repository, workspace.folder, workspace.commit, [pointer_path(model, stage)])


def _everything(workspace: Workspace, jobs: int | None) -> Report:
    registry = workspace.registry
    findings = list(workspace.findings) + _uncommitted(workspace, "")
    # By any file of theirs, so that what belongs to nothing is seen too.
    numbered = {(p.name or "", p.version, "dataset" in p.kind) for p in registry.places.values() if p.version}
    versions = sorted((name, version) for name, version, is_dataset in numbered if not is_dataset)
    datasets = sorted((name, version) for name, version, is_dataset in numbered if is_dataset)
    findings += [
        Finding(registry.shown(path), None, "missing", f"a registry needs its {path}")
        for path in (POLICY, TRUST)
        if path not in registry.files
    ]
    if not findings or registry.files.keys() >= {POLICY, TRUST}:
        findings += _contents(registry, versions, datasets, jobs)
    findings += [
        Finding(
            registry.shown(path),
            None,
            "unknown-file",
            "the registry has no place for this file",
            "Remove it, or check its name.",
        )
        for path in registry.files
        if path not in registry.places
    ]
    start = workspace.repository.commit(workspace.trust_from) if workspace.trust_from else None
    findings += read_history(workspace.repository, workspace.folder, workspace.commit, trust_from=start)
    facts = {"commit": workspace.commit, "versions": str(len(versions)), "datasets": str(len(datasets))}
    return findings_report("Verify the registry", facts, dict.fromkeys(findings))


def _contents(
    registry: Registry, versions: list[Numbered], datasets: list[Numbered], jobs: int | None
) -> list[Finding]:
    from modelbook.core.verifying.rules import JUDGING, check_rules  # brings CEL, which one version has no use for
    from modelbook.core.verifying.trust_expiry import check_expiry

    findings = [
        finding
        for path, place in registry.places.items()
        if place.kind in JUDGING
        for finding in check_rules(registry, path, place)
    ]
    if findings:
        return findings  # nothing can be judged by rules that cannot be read
    findings += check_expiry(registry, now())
    stages = {(p.name or "", p.part or "") for p in registry.places.values() if p.kind in STAGE_SIGNATURES | {"stage"}}
    experiments = {(p.name or "", p.part or "") for p in registry.places.values() if p.kind in EXPERIMENT_FILES}
    checks: list[Callable[[], Iterable[Finding]]] = [partial(_dataset, registry, *one) for one in datasets]
    checks += [partial(_version, registry, *one) for one in versions]
    checks += [partial(_stage, registry, *one) for one in sorted(stages)]
    checks += [partial(_online, registry, *one) for one in sorted(experiments)]
    with counted("verifying", len(checks)) as told:
        found = spread(lambda check: list(check()), checks, jobs=jobs, progress=told)
    return [*findings, *(finding for part in found for finding in part)]


def _dataset(registry: Registry, dataset: str, version: int) -> Iterable[Finding]:
    return verify_dataset(registry, dataset, version)[1]


def _version(registry: Registry, model: str, version: int) -> Iterable[Finding]:
    return verify_version(registry, model, version).findings


def _stage(registry: Registry, model: str, stage: str) -> Iterable[Finding]:
    verdict = verify_stage(registry, model, stage)
    held = in_use(registry, model, verdict.pointer.version) if verdict.pointer else ()
    return (*verdict.findings, *held)


def _online(registry: Registry, model: str, experiment: str) -> Iterable[Finding]:
    from modelbook.core.experiments.online_evidence import verify_online  # brings statistics

    return verify_online(registry, model, experiment).findings


def _uncommitted(workspace: Workspace, inside: str) -> list[Finding]:
    """What lies on disk otherwise than in HEAD: a person looks at the disk, so it must not differ silently."""
    if not workspace.is_head:
        return []
    folder = workspace.path(inside).rstrip("/")
    message = "the file on disk is not what the commit holds"
    return [
        Finding(path, None, "uncommitted", message, f"Commit it, or restore it: `git checkout -- {path}`.")
        for path in workspace.repository.changed(folder)
    ]


def _change(workspace: Workspace, base: str) -> Report:
    from modelbook.core.verifying.changes import check_change

    start = workspace.repository.commit(base)
    before = workspace.at(start)
    results = _results(before, workspace)
    old, new = before.registry.files, workspace.registry.files
    kept = {
        path: place
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path) and (place := place_of(path)) and place.kind in IMMUTABLE.keys() | {"stage"}
    }
    moved = sorted({model_folder(place.name or "") for place in kept.values() if place.kind == "stage"})
    tenures = before.past(*moved) if moved else Tenures()
    verdict = check_change(before.registry, workspace.registry, now=now(), tenures=tenures, results=results)
    past = read_history(workspace.repository, workspace.folder, start, kept, then=workspace.commit) if kept else []
    # What the verdict says of a path already, it says better.
    told = {finding.path for finding in verdict.findings if finding.level == "error"}
    # Whoever changed whom `base` trusts without its root must not be the judge of the next change.
    also = [*workspace.findings, *before.problems, *(finding for finding in past if finding.path not in told)]
    if moved and (others := workspace.repository.outside(start, workspace.commit, workspace.folder)):
        message = f"a change that moves a stage brings this along, which nothing here judges: {listed(others, 5)}"
        also.append(Finding(others[0], None, "brings-along", message, "Look at it, or ask for two changes.", "warning"))
    return change_report(verdict, base=start, head=workspace.commit, also=also)


def _results(before: Workspace, after: Workspace) -> Results:
    """What gates may ask of each example where a change moves a stage: read from the store of `before`."""
    old, new = before.registry, after.registry
    found: dict[str, bytes | str] = {}
    for path, place in new.places.items():
        if place.kind == "stage" and place.name and old.files.get(path) != new.files[path]:
            with suppress(DocumentError):  # the verdict says what is wrong with it
                found |= before.results(place.name, new.load(StagePointer, path).version, files=new)
    return found
