"""`modelbook online check`: whether what gates ask for and what users do went apart."""

import click

from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_report
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import Workspace, json_option, open_workspace, registry_option, rev_option
from modelbook.core.experiments.divergence import Divergence, divergences, promotions
from modelbook.core.experiments.divergence_markdown import (
    divergence_body,
    divergence_occasion,
    divergence_title,
    divergence_topic,
)
from modelbook.core.experiments.proxy_evidence import Known, known_of
from modelbook.core.findings import Finding, blocks
from modelbook.core.judging.better import Direction, asked_by
from modelbook.core.layout import model_folder, pointer_path
from modelbook.core.names import check_name
from modelbook.core.pages.report import Report
from modelbook.core.stages.history import UNSHALLOW
from modelbook.errors import Exit

LABELS = ("modelbook", "divergence")


@click.command(name="check", short_help="Ask whether gates and users went apart.")
@click.argument("model", metavar="[MODEL]", required=False)
@click.option("--stage", metavar="STAGE", help="Whose promotions.  [default: the last stage]")
@click.option("--last", type=click.IntRange(1, 100), default=3, show_default=True, help="How many promotions.")
@click.option("--issue", is_flag=True, help="Open an issue on GitHub where they did, once, with the evidence.")
@rev_option
@registry_option
@json_option
def command(
    model: str | None,
    stage: str | None,
    last: int,
    issue: bool,
    rev: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Look at the last promotions of MODEL, or of every model with online results.

    They went apart where a metric that a gate of the stage asks for became better in each of them, and an online metric
    fell beyond noise from the first to the last. Exit status 1 if so, or if anything that was asked does not verify.

    \b
    Examples:
      modelbook online check fraud
      modelbook online check --issue
    """
    scope = [model_folder(check_name(model, "registered model"))] if model else []
    workspace = open_workspace(registry_folder, rev=rev, scope=scope)
    refuse(model or "the registry", workspace.problems)
    registry = workspace.registry
    if model:
        registry.check_model(model)
    stage = registry.stage(stage).name if stage else registry.policy.stages[-1].name
    findings: list[Finding] = []
    facts: dict[str, str] = {}
    opened: list[str] = []
    apart = 0
    for name in [model] if model else [one for one in registry.models() if registry.experiments(one)]:
        known = known_of(registry, name)
        findings += known.findings
        found = _found(workspace, name, stage, known, last)
        if isinstance(found, str):
            facts[name] = f"nothing can be said: {found}"
            continue
        facts[name] = f"{len(found)} pairs of metrics went apart" if found else "nothing went apart"
        apart += len(found)
        path = registry.shown(pointer_path(name, stage))
        findings += [Finding(path, None, "divergence", one.words, level="warning") for one in found]
        opened += [_open(workspace, name, stage, one, known) for one in found] if issue else []
    passed = not apart and not blocks(findings)
    verdict = "what gates ask for and what users do went apart" if apart else "nothing is known to have gone apart"
    if not passed and not apart:
        verdict = "not all that is on record verifies: see the findings"
    steps = [f"read {url}" for url in opened]
    report = Report(f"Check online results in {stage}", passed, verdict, facts, (), tuple(findings), tuple(steps))
    set_outputs({"passed": str(report.passed).lower(), "issues": "\n".join(opened)})
    print_report(report, as_json=as_json)
    return Exit.YES if report.passed else Exit.NO


def _found(workspace: Workspace, model: str, stage: str, known: Known, last: int) -> list[Divergence] | str:
    registry = workspace.registry
    asked = [each for gate in registry.gates(model, registry.stage(stage)) for each in asked_by(gate)]
    gated: dict[str, Direction] = {metric: known.better.get(metric, direction) for metric, direction in asked}
    if not gated:
        return f"no gate of {stage} holds a metric to anything"
    past = workspace.past(model_folder(model))
    steps = promotions(past.of(model, stage))
    if len(steps) < last and not past.complete:
        return f"this clone has no more than the latest commits. {UNSHALLOW}"
    return divergences(known.history, steps, gated, known.better, last=last)


def _open(workspace: Workspace, model: str, stage: str, one: Divergence, known: Known) -> str:
    """The address of the issue: that which is there, or a new one."""
    from modelbook.adapters.github_issues import open_issue
    from modelbook.adapters.github_tokens import JOB_FIRST
    from modelbook.adapters.open_github import open_api

    # What a job's own token writes starts no workflow, and an issue has none to start.
    api = open_api(workspace.repository, tokens=JOB_FIRST)
    body = divergence_body(model, stage, one, known.experiments)
    topic = divergence_topic(model, stage, one)
    return open_issue(api, topic, divergence_occasion(one), divergence_title(model, one), body, LABELS)
