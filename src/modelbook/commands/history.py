"""`modelbook history`: what held a stage, from when to when, who brought it there, and on what evidence."""

from datetime import datetime

import click

from modelbook.adapters.clock import now
from modelbook.commands._console import print_json, print_nested, print_table, say
from modelbook.commands._pulling import refuse
from modelbook.commands._workspace import json_option, open_workspace, registry_option, rev_option
from modelbook.core.layout import model_folder
from modelbook.core.moments import moment, period, written
from modelbook.core.names import check_name, person_in
from modelbook.core.stages.accounts import Account, accounts, during, is_known, stages_told
from modelbook.core.stages.history import UNSHALLOW
from modelbook.errors import BadInput, Exit


@click.command(short_help="Tell what held a stage, when, by whom and on what evidence.")
@click.argument("model")
@click.option("--stage", metavar="STAGE", help="The stage to tell of.  [default: all of them]")
@click.option(
    "--at",
    metavar="WHEN",
    help="What held it then: 2026-10-01 for that day, 2026-10-01T03:00 for that moment. UTC, unless it names a zone.",
)
@rev_option
@registry_option
@json_option
def command(model: str, stage: str | None, at: str | None, rev: str, registry_folder: str | None, as_json: bool) -> int:
    """Tell from git alone what held the stages of MODEL, the newest first.

    A version holds a stage from the commit on by which its pointer came to the branch: that of the merge, or what a
    squash or rebase made of it. Whose signature counts is what trust.yaml says now. Exit status 1 if a shallow clone
    cannot say what was --at that time.

    \b
    Examples:
      modelbook history fraud --stage production
      modelbook history fraud --stage production --at 2026-10-01
    """
    check_name(model, "registered model")
    asked = _period(at) if at is not None else None
    scope = model_folder(model)
    workspace = open_workspace(registry_folder, rev=rev, scope=[scope])
    refuse(model, workspace.findings)
    registry = workspace.registry
    registry.check_model(model)
    tenures = workspace.past(scope)
    stages = stages_told(registry, model, tenures)
    if stage and stage not in stages:
        stages = [registry.stage(stage).name]
    told = {name: accounts(registry, model, name, tenures) for name in stages if stage in {None, name}}
    if asked:
        told = {name: during(those, *asked) for name, those in told.items()}
    known = is_known(tenures, asked[0]) if asked else tenures.complete
    time = now()
    if as_json:
        found = {name: [one.as_json(time) for one in reversed(those)] for name, those in told.items()}
        print_json({"model": model, "commit": workspace.commit, "complete": known, "stages": found})
    elif asked:
        _print_then(told, time, known=known)
    else:
        _print_all(model, told, time)
    if not known:
        say("This clone has no more than the latest commits, so what was before them is not told.", as_json=as_json)
        say(f"  {UNSHALLOW}", as_json=as_json)
    return Exit.NO if asked and not known else Exit.YES


def _period(text: str) -> tuple[datetime, datetime]:
    try:
        first, last = period(text)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{text[:80]!r} is no date that is known here", remedy="Write 2026-10-01, or 2026-10-01T03:00+02:00."
        ) from None
    if first > moment(now()):
        raise BadInput(f"{written(first)} has not come yet", remedy="Ask for a time that is over.")
    return first, last


def _print_all(model: str, told: dict[str, tuple[Account, ...]], time: str) -> None:
    if not any(told.values()):
        say(f"No version of {model} has held {' or '.join(told) or 'any stage'} yet.")
        return
    for at, (name, those) in enumerate(told.items()):
        if at:
            say("")
        click.secho(f"{model} in {name}", bold=True)
        print_table([_row(one, time) for one in reversed(those)], as_json=False, empty="nothing yet")


def _row(one: Account, time: str) -> dict[str, object]:
    first = one.steps[0]
    return {
        "version": f"{one.model}@{one.version}",
        "from": one.since or "?",
        "until": one.until or "now",
        "for": one.lasted(time),
        "how": one.words,
        "by": person_in(first.pointer.by),
        "signed by": _signers(one),
        "merged": f"{first.commit.id[:8]} {first.commit.author}",
        "reason": _reason(one),
    }


def _signers(one: Account) -> str:
    first = one.steps[0]
    return ", ".join([*first.signed_by, *(f"{name} (not believed)" for name in first.not_believed)]) or "nobody"


def _reason(one: Account) -> str | None:
    """Why it came; and, if that is another reason, why it is held."""
    reasons = [step.pointer.reason for step in one.steps if step.pointer.reason]
    return "; ".join(dict.fromkeys(" ".join(reason.split()) for reason in reasons)) or None


def _print_then(told: dict[str, tuple[Account, ...]], time: str, *, known: bool) -> None:
    for name, those in told.items():
        if not those:
            say(f"{name}: {'no version' if known else 'not known'}")
        for one in reversed(those):
            click.secho(f"{name}: {one.model}@{one.version}", bold=True)
            span = {"from": one.since or "?", "until": one.until or "now", "for": one.lasted(time)}
            print_nested(span | {"held": "yes" if one.held else "no", "steps": _steps(one.as_json(time)["steps"])})


def _steps(steps: list[dict[str, object]]) -> list[dict[str, object]]:
    """What a person reads: of a later step, what is not as it was before."""
    shown = [{key: value for key, value in step.items() if value} for step in steps]
    return [
        {key: value for key, value in step.items() if key == "does" or before.get(key) != value}
        for step, before in zip(shown, [{}, *shown], strict=False)
    ]
