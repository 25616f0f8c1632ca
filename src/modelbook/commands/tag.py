"""`modelbook tag`: git tags, and on GitHub releases, that tell the outside what the registry says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click

from modelbook.adapters.registry_files import read_past
from modelbook.adapters.tags import Standing, Tags
from modelbook.adapters.workflow import set_outputs
from modelbook.commands._console import print_report
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import (
    Workspace,
    forge_option,
    json_option,
    open_workspace,
    registry_option,
    rev_option,
)
from modelbook.core.findings import Finding
from modelbook.core.layout import model_folder
from modelbook.core.names import check_name
from modelbook.core.pages.report import Report, findings_report
from modelbook.core.stages.history import UNSHALLOW
from modelbook.core.stages.tags import Step, Tag, in_a_stage, objections, step_for, strays, taken, wanted_tags
from modelbook.errors import BadInput, Exit

_TRIES = 3
_WORDS: Mapping[Step, str] = {"make": "made", "move": "moved", "leave": "left to a job that knows a later commit"}


@click.command(short_help="Set git tags, and releases on GitHub, as the registry says.")
@click.argument("model", required=False)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@rev_option
@forge_option
@registry_option
@json_option
def command(
    model: str | None, dry_run: bool, rev: str, forge_name: str, registry_folder: str | None, as_json: bool
) -> int:
    """Give each version a tag such as fraud@5 that never moves, and each stage one such as fraud/production that does.

    On GitHub each version has a release with its card as well. All of it follows from the registry and its history, so
    that running it again makes what is missing and puts right what is not so. Exit status 1 where a tag is refused.

    \b
    Examples:
      modelbook tag
      modelbook tag fraud --dry-run
    """
    if model:
        check_name(model, "registered model")
    scope = [model_folder(model)] if model else []
    workspace = open_workspace(registry_folder, rev=rev, scope=scope)
    refuse("the registry", workspace.problems)
    if model:
        workspace.registry.check_model(model)
    history, tenures, wrong = read_past(workspace.repository, workspace.folder, workspace.commit, scope)
    if not history.complete:
        message = "this clone has no more than the latest commits, so nobody knows which of them to tag"
        raise BadInput(message, remedy=UNSHALLOW)
    models = [model] if model else workspace.registry.models()
    work = Work(workspace, workspace.tags(forge_name), wrong, dry_run)
    done = work.tags(models, wanted_tags(workspace.registry, models, history, tenures))
    releases = _releases(workspace, work, done) if forge_name == "github" else {}
    report = _report(done, releases, work.warnings, _next(workspace, done) if forge_name == "git" else ())
    set_outputs({"tags": json.dumps(report.facts)})
    print_report(report, as_json=as_json)
    return Exit.YES if report.passed else Exit.NO


@dataclass(frozen=True)
class Done:
    """What became of one tag, and why not more did."""

    tag: Tag
    step: Step
    findings: tuple[Finding, ...] = ()


class Work:
    """Compares tags with what they have to say, and sets them; with `dry_run` it only compares."""

    def __init__(self, workspace: Workspace, tags: Tags, wrong: Sequence[Finding], dry_run: bool) -> None:
        self.dry_run = dry_run
        self.warnings: list[Finding] = []
        self._registry = workspace.registry
        self._commit = workspace.commit
        self._tags = tags
        self._wrong = wrong

    def tags(self, models: Sequence[str], wanted: Sequence[Tag]) -> list[Done]:
        """Set all of `wanted`, each by itself: what is wrong with one keeps no other back."""
        names = frozenset(tag.name for tag in wanted)
        # Where the tags stand is read before the branch is: what moved one since then moved on from there.
        there = self._tags.standing(names)
        self.warnings += strays(self._registry, models, wanted, there.keys())
        newest = self._is_newest()
        return [self._set(tag, there.get(tag.name), newest) for tag in wanted]

    def _is_newest(self) -> bool:
        """Whether the branch ends here. Raises BadInput where it never came by: nobody merged what is at hand.

        A branch that was merged is not enough: what it brought came by the commit that merged it.
        """
        behind = self._tags.behind(self._commit)
        if behind is None:
            raise BadInput(
                "this commit is not on the branch that tags follow, or long past",
                where=self._commit,
                remedy="Check that branch out, as it is on the server now, or have this merged first.",
            )
        return behind == 0

    def _set(self, tag: Tag, standing: Standing | None, newest: bool) -> Done:
        for _ in range(_TRIES):
            relation = self._tags.relation(standing.commit, tag.commit) if standing else None
            step = step_for(tag, relation, newest=newest)
            if step == "refuse":
                return Done(tag, step, (taken(self._registry, tag, standing.commit if standing else ""),))
            if step in {"stands", "leave"}:
                return Done(tag, step, in_a_stage(self._registry, tag) if step == "stands" else ())
            if found := objections(self._registry, tag, self._wrong):
                return Done(tag, "refuse", tuple(found))
            if self.dry_run or self._act(tag, standing):
                return Done(tag, step)
            standing = self._tags.standing({tag.name}).get(tag.name)
            newest = self._is_newest()
        return Done(tag, "leave")

    def _act(self, tag: Tag, standing: Standing | None) -> bool:
        if standing is None:
            return self._tags.make(tag.name, tag.commit)
        return self._tags.move(tag.name, tag.commit, standing)


def _releases(workspace: Workspace, work: Work, done: Sequence[Done]) -> dict[str, str]:
    """Make and mend the releases of versions whose tags stand; gives what was done, by tag."""
    from modelbook.adapters.github_place import page_of
    from modelbook.adapters.github_releases import GitHubReleases
    from modelbook.adapters.open_github import open_api
    from modelbook.core.pages.release_page import release_page

    releases = GitHubReleases(open_api(workspace.repository, permissions={"contents": "write"}))
    place, there, told = page_of(workspace.repository, "github"), releases.standing(), {}
    for tag in (one.tag for one in done if one.step != "refuse" and one.tag.stage is None):
        wanted = release_page(workspace.registry, tag, place)
        number, standing = there.get(tag.name, (None, None))
        if standing is None or number is None:
            told[tag.name] = "made"
            if not work.dry_run:
                releases.make(tag.name, tag.commit, wanted)
        elif wanted.follows(standing):
            told[tag.name] = "edited" + (": revoked" if wanted.revoked and not standing.revoked else "")
            if not work.dry_run:
                releases.edit(number, wanted)
    return told


def _report(
    done: Sequence[Done], releases: Mapping[str, str], warnings: Sequence[Finding], next_steps: Sequence[str]
) -> Report:
    facts = {one.tag.name: f"{_WORDS[one.step]}, {one.tag.commit[:12]}" for one in done if one.step in _WORDS}
    facts |= {f"release {name}": what for name, what in releases.items()}
    found = [*(each for one in done for each in one.findings), *warnings]
    report = findings_report("Tags", facts, dict.fromkeys(found))
    refused = sum(one.step == "refuse" for one in done)
    verdict = f"{refused} of {len(done)} tags refused" if refused else f"{len(done)} tags say what the registry says"
    return Report(report.title, report.passed, verdict, facts, findings=report.findings, next_steps=tuple(next_steps))


def _next(workspace: Workspace, done: Sequence[Done]) -> list[str]:
    """How to push what was set in a clone: git moves a tag elsewhere only where it is told to."""
    if workspace.repository.remote_url() is None:
        return []
    refs = [f"refs/tags/{one.tag.name}" for one in done if one.step == "make"]
    refs += [f"+refs/tags/{one.tag.name}" for one in done if one.step == "move"]
    return [f"git push origin {' '.join(refs)}"] if refs else []
