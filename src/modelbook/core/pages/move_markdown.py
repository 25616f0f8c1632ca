"""The body of the pull request of a rollback, a hold or a release: what a person reads at three in the morning.

Only the headings, the tables and the links are ours; whatever comes from a card, a pointer or a person is made inert.
"""

from modelbook.core.pages.card_markdown import cell, commit_link
from modelbook.core.pages.github_page import GitHubPage
from modelbook.core.pages.markdown import LIMIT, inert
from modelbook.core.pages.move_story import MoveStory
from modelbook.core.pages.report import promotion_report
from modelbook.core.pages.sections import NEVER_CUT, Section, fitted, table
from modelbook.core.pages.story_sections import (
    before_it_merges,
    environment,
    findings,
    what_changed,
    what_was_measured,
    where_from,
)
from modelbook.core.stages.accounts import Account

_DIGEST = len("sha256:") + 12  # characters of a digest: the whole of it stands in the registry


def move_body(told: MoveStory, page: GitHubPage | None, *, limit: int = LIMIT) -> str:
    """GitHub-flavoured Markdown of at most `limit` characters; `page` is where the registry is on GitHub.

    It is of a decision that passed: no other is proposed.
    """
    story = told.story
    sections = [
        _verdict(told),
        findings(story),
        _times(told, page),
        before_it_merges(story),
        _next(told),
        _undo(told),
        what_changed(story, page),
        environment(story),
        what_was_measured(story, gated=False),
        where_from(story, page),
    ]
    return fitted([one for one in sections if one.rows], limit)


def _verdict(told: MoveStory) -> Section:
    story, decision = told.story, told.story.decision
    verdict = promotion_report(decision).verdict
    waits = story.signing.lacking
    said = [f"{'⏳' if waits else '✅'} **{inert(verdict)}**."]
    if story.held and decision.kind == "rollback":
        said.append(f"{inert(story.held)} holds it now.")
    if waits:
        said.append(f"It waits for {inert(story.signing.awaited)} to sign.")
    rows = [" ".join(said)]
    if decision.pointer and decision.pointer.reason:
        rows += ["", f"> {cell(decision.pointer.reason)} ({cell(decision.pointer.by)})"]
    if decision.kind == "rollback":
        rows += ["", "No gate, soak or frozen window is asked: the version was judged when it came into the stage."]
    return Section("Verdict", NEVER_CUT, (), tuple(rows), heading=False)


def _times(told: MoveStory, page: GitHubPage | None) -> Section:
    """What stands in the stage and, for a rollback, what stood there: since when, by whom, why."""
    stage = inert(told.story.decision.stage)
    columns = [("goes back from {}", told.stands), ("to {}", told.back)]
    if told.story.decision.kind != "rollback":
        columns = [("{} stays", told.stands)]
    known = [(name.format(f"{one.model}@{one.version}"), one) for name, one in columns if one]
    cells = [dict(_time(one, told.now, page)) for _, one in known]
    rows = [[label, *(one[label] for one in cells)] for label in (cells[0] if cells else ())]
    head, lines = table(["", *(name for name, _ in known)], [row for row in rows if any(row[1:])])
    foot: tuple[str, ...] = ()
    if told.passed_over:
        model = told.story.decision.model
        names = [f"{model}@{one}" + (" (revoked)" if one in told.revoked else "") for one in told.passed_over]
        foot = ("", f"In between it held {cell(', '.join(names))}.")
    if step := told.hold:
        why = f"{cell(step.pointer.reason or '')} ({cell(step.pointer.by)}, {cell(step.at)})"
        foot = (*foot, "", f"Held now: {why}")
    return Section(f"In {stage}", 85, head, lines, foot)


def _time(one: Account, now: str | None, page: GitHubPage | None) -> list[tuple[str, str]]:
    first = one.steps[0]
    spoken = one.lasted(now) if now else None
    lasted = f" ({spoken})" if spoken else ""
    commit = commit_link(first.commit.id, page.landed(first.commit.id) if page else None)
    signed = [*first.signed_by, *(f"{name} (not believed)" for name in first.not_believed)]
    return [
        ("since", cell((one.since or "a time that this clone does not have") + ("" if one.until else lasted))),
        ("until", cell(one.until + lasted) if one.until else ""),
        ("what happened", cell(one.words)),
        ("proposed", f"by {cell(first.pointer.by)}, {cell(first.pointer.decided)}"),
        ("why", cell(first.pointer.reason or "")),
        ("signed", f"by {cell(', '.join(signed) or 'nobody')}"),
        ("merged", f"{commit} by {cell(first.commit.author)}"),
        ("card", f"`{first.pointer.card[:_DIGEST]}…`"),
        ("evidence", cell(", ".join(one.path for one in first.pointer.evidence if one.path.endswith(".yaml")))),
    ]


def _next(told: MoveStory) -> Section:
    decision = told.story.decision
    model, stage, name = inert(decision.model), inert(decision.stage), inert(decision.reference)
    release = f"`modelbook release {decision.model} --stage {decision.stage}`"
    if decision.kind == "release":
        rows = [
            f"- {name} stays in {stage} until something is promoted; nothing is deployed by this",
            f"- `modelbook plan` and `modelbook promote` may propose versions of {model} for {stage} again",
        ]
    else:
        moved = f"- {name} holds {stage}, and the next deployment brings it to where it serves"
        rows = [moved if decision.kind == "rollback" else f"- {name} stays in {stage}; nothing is deployed by this"]
        rows.append(f"- no promotion of {model} enters {stage}, by hand or by itself, until {release}")
        rows.append("- promotions of it that are open are verified again and turn red; a rollback is still possible")
    return Section("When it is merged", 88, (), tuple(rows))


def _undo(told: MoveStory) -> Section:
    decision, held = told.story.decision, told.story.decision.baseline
    model, stage = decision.model, decision.stage
    at = f"{model} --stage {stage}"
    rows = [f"modelbook history {at}   # all that held it, offline"]
    if decision.kind == "rollback" and held:
        rows.append(f"modelbook diff {model}@{held.version} {decision.reference}   # what differs, on a terminal")
    if decision.kind == "rollback" and held:
        rows.append(f'modelbook rollback {at} --to {held.version} --reason "…"   # once merged: undo it')
    if decision.kind == "release":
        rows.append(f'modelbook hold {at} --reason "…"   # once merged: undo it')
    else:
        what = "undo it" if decision.kind == "hold" else "let promotions in again"
        rows.append(f"modelbook release {at}   # once merged: {what}")
    return Section("A closer look, and the way back", 92, ("```sh",), tuple(rows), ("```",))
