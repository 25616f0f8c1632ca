"""`modelbook online add`: the results of an experiment, checked, signed and proposed."""

from pathlib import Path

import click

from modelbook.adapters.clock import now
from modelbook.adapters.download import download
from modelbook.adapters.file_errors import explained
from modelbook.adapters.forge import Change, Proposal
from modelbook.adapters.person import person
from modelbook.commands._console import say
from modelbook.commands._proposing import online_branch, tell
from modelbook.commands._pulling import refuse
from modelbook.commands._signing import arriving, open_allowed_signer, refuse_unmergeable
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    signer_option,
    this_job,
)
from modelbook.core.documents import dump, validate
from modelbook.core.experiments.online_evidence import verify_online
from modelbook.core.experiments.online_input import GivenResults, read_results
from modelbook.core.experiments.online_markdown import results_markdown
from modelbook.core.experiments.sample_ratio import sample_ratio
from modelbook.core.layout import online_path
from modelbook.core.moments import period, written
from modelbook.core.names import check_name
from modelbook.core.online import OnlineResults
from modelbook.core.signing.statements import online_statement
from modelbook.core.strict_yaml import MAX_BYTES, Parsed
from modelbook.errors import BadInput

LABELS = ("modelbook", "online")


def _time(_context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    """Callback of an option that takes an ISO date, or one with a time: its first second, or its last for an end.

    In UTC; of today no more than what is over.
    """
    try:
        first, last = map(written, period(text)) if text else (None, None)
        return first if parameter.name == "started" or first is None else min(last or first, max(first, now()))
    except ValueError:
        raise click.BadParameter(f"{text!r} is no date such as 2026-10-01, or 2026-10-01T09:00") from None


@click.command(name="add", short_help="Sign the results of an experiment, and propose them.")
@click.argument("model", metavar="MODEL")
@click.option("--experiment", required=True, metavar="NAME", help="What the experiment is called.")
@click.option("--file", type=click.Path(path_type=Path), metavar="FILE", help="Its results, as CSV or JSON.")
@click.option("--url", metavar="URL", help="Fetch them instead, from where policy.yaml allows it.")
@click.option("--artifact", metavar="NAME", help="In a workflow: what an earlier job of the same run uploaded.")
@click.option("--kind", type=click.Choice(["ab-test", "shadow"]), help="Default: what the file says, or ab-test.")
@click.option("--started", metavar="DATE", callback=_time, help="When it began, unless the file says it.")
@click.option("--ended", metavar="DATE", callback=_time, help="When it ended, unless the file says it.")
@click.option("--apart-from", multiple=True, metavar="NAME", help="An experiment at the same time, on other units.")
@signer_option
@forge_option
@registry_option
@json_option
def command(
    model: str,
    experiment: str,
    file: Path | None,
    url: str | None,
    artifact: str | None,
    kind: str | None,
    started: str | None,
    ended: str | None,
    apart_from: tuple[str, ...],
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> None:
    """Keep what users gave each version of MODEL in an experiment: n, mean and standard error, or counts.

    A split of units that is no accident (sample-ratio mismatch) is told loudly; such an experiment counts for nothing.

    \b
    Examples:
      modelbook online add fraud --experiment spring --file results.csv --started 2026-10-01 --ended 2026-10-14
      modelbook online add fraud --experiment spring --url https://metrics.acme.com/exports/spring.json
    """
    check_name(model, "registered model")
    check_name(experiment, "experiment")
    if sum(given is not None for given in (file, url, artifact)) != 1:
        raise click.UsageError("Give one of --file, --url and --artifact.")
    workspace = open_workspace(registry_folder)
    refuse(model, workspace.problems)
    workspace.refuse_uncommitted()
    registry = workspace.registry
    name = f"{model} {experiment}"
    if experiment in registry.experiments(model):
        tell(name, "it is on record already; what an experiment found never changes", None, as_json=as_json, key="name")
        return
    branch = online_branch(model, experiment)
    if branch in (forge := workspace.forge(forge_name)).proposed(branch):
        tell(name, "proposed already", forge.resume(branch, labels=LABELS), as_json=as_json, key="name")
        return
    key, _ = open_allowed_signer(workspace, signer, model, statement="online")
    where = str(file or url or f"the artifact {artifact}")
    given = read_results(_fetch(workspace, file, url, artifact), where)
    said = {"kind": kind or given.kind or "ab-test", "started": started or given.started, "ended": ended or given.ended}
    results = _results(workspace, model, experiment, given, said, apart_from, where)
    data = dump(results)
    path = online_path(model, experiment)
    files = {path: data, path.removesuffix(".yaml") + ".sigstore.json": key.sign(online_statement(results, data))}
    findings = verify_online(arriving(workspace, files), model, experiment).findings
    refuse_unmergeable([one for one in findings if one.level == "error"])
    change = Change(
        branch=branch,
        base=workspace.commit,
        title=f"Add what the experiment {experiment} found of {model}",
        body=results_markdown(results, sample_ratio(results), findings),
        files={workspace.path(inside): content for inside, content in files.items()},
        labels=LABELS,
    )
    proposal: Proposal = forge.submit(change)
    for one in findings:
        say(f"warning: {one}", as_json=True)
    arms = " and ".join(f"{model}@{arm.version}" for arm in results.arms)
    tell(name, f"{len(results.arms[0].metrics)} metrics of {arms}", proposal, as_json=as_json, key="name")


def _fetch(workspace: Workspace, file: Path | None, url: str | None, artifact: str | None) -> bytes:
    if file is not None:
        if not file.is_file():
            raise BadInput("there is no such file", where=str(file), remedy="Name the file of the results.")
        with explained(file, "read"), file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    if artifact is not None:
        from modelbook.adapters.github_artifacts import read_artifact
        from modelbook.adapters.github_tokens import JOB_FIRST
        from modelbook.adapters.open_github import open_api

        return read_artifact(open_api(workspace.repository, tokens=JOB_FIRST), artifact, limit=MAX_BYTES)
    sources = workspace.registry.policy.online.sources
    return download(url or "", sources, limit=MAX_BYTES, where=workspace.path("policy.yaml"))


def _results(
    workspace: Workspace,
    model: str,
    experiment: str,
    given: GivenResults,
    said: dict[str, str | None],
    apart_from: tuple[str, ...],
    where: str,
) -> OnlineResults:
    """The record of what was given. Raises BadInput for what is missing or does not fit together."""
    registry = workspace.registry
    for name in ("started", "ended"):
        if said[name] is None:
            raise BadInput(f"it does not say when the experiment {name}", where=where, remedy=f"Give --{name} DATE.")
    known = registry.versions(model)
    if unknown := [arm.version for arm in given.arms if arm.version not in known]:
        remedy = f"Its versions: {', '.join(map(str, known))}." if known else "See `modelbook list`."
        raise BadInput(f"{model} has no version {unknown[0]}", where=where, remedy=remedy)
    if len(given.arms) < 2:
        remedy = "Add what another version gave in the same experiment: a difference needs two."
        raise BadInput("an experiment on one version only compares nothing", where=where, remedy=remedy)
    cards = {arm.version: registry.digest(registry.card_path(model, arm.version)) for arm in given.arms}
    fields = {
        "model": model,
        "experiment": experiment,
        **said,
        "apart_from": list(dict.fromkeys([*given.apart_from, *apart_from])),
        "job": this_job(),
        "user": person(workspace.repository.root),
        "recorded": now(),
        "arms": [arm.arm(cards[arm.version]).model_dump(exclude_none=True) for arm in given.arms],
    }
    return validate(OnlineResults, Parsed(fields, ""), where)
