"""The body of a promotion's pull request: the screen on which a team decides.

Only the headings, the tables and the links are ours; whatever comes from a card, a policy or a person is made inert.
"""

from modelbook.core.listed import listed
from modelbook.core.pages.card_markdown import cell
from modelbook.core.pages.github_page import GitHubPage
from modelbook.core.pages.markdown import LIMIT, inert
from modelbook.core.pages.mermaid import relative_bars
from modelbook.core.pages.promotion_story import GateLine, Story, gate_lines, ratios
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

_BARS = 8  # of the plot: more than that is no picture any more
_NAMES = 5  # gates that are named together
_WORDS = {"passed": "✅&nbsp;passed", "failed": "❌&nbsp;**failed**", "first": "✅&nbsp;accepted (first)"}


def body(story: Story, page: GitHubPage | None, *, limit: int = LIMIT) -> str:
    """GitHub-flavoured Markdown of at most `limit` characters; `page` is where the registry is on GitHub."""
    sections = [
        _verdict(story),
        findings(story),
        _gates(story, page),
        _reasons(story),
        before_it_merges(story),
        what_changed(story, page),
        environment(story),
        _plot(story),
        what_was_measured(story, gated=True),
        what_was_measured(story, gated=False),
        where_from(story, page),
        _further(story),
    ]
    return fitted([one for one in sections if one.rows], limit)


def _verdict(story: Story) -> Section:
    decision = story.decision
    report = promotion_report(decision)
    waits = story.signing.lacking if decision.passed else decision.opens
    mark = "⏳" if waits else "✅" if decision.passed else "❌"
    if decision.passed:
        against = f", in place of {story.held}." if story.held else ", as the first version there."
    else:
        against = f". {story.held or 'No version'} holds {decision.stage} now."
    signing = f" It waits for {story.signing.awaited} to sign." if story.signing.lacking and decision.passed else ""
    rows = [f"{mark} **{inert(sentence(report.verdict, story.decision.reference))}**{inert(against + signing)}"]
    pointer = decision.pointer
    if pointer and pointer.reason:
        rows += ["", f"> {cell(pointer.reason)} ({cell(pointer.by)})"]
    return Section("Verdict", NEVER_CUT, (), tuple(rows), heading=False)


def sentence(text: str, name: str) -> str:
    return text if text.startswith(name) else text[:1].upper() + text[1:]


def _gates(story: Story, page: GitHubPage | None) -> Section:
    names = ["gate", "verdict", "value", "limit", "margin", "baseline", "difference", "n"]
    cells = []
    # Those that refuse stand first: they are what is to be decided about.
    for gate in sorted(story.decision.gates, key=lambda one: one.passed):
        name, verdict = cell(gate.name), _WORDS[gate.verdict]
        if page and gate.line:
            name = f"[{name}]({page.line(story.policy_at, gate.path, gate.line)})"
        for line in gate_lines(story, gate) or [GateLine()]:
            difference = "<br>".join(map(_unbroken, line.difference.split("\n")))
            numbers = [_unbroken(one) for one in (line.value, line.limit, line.margin, line.baseline)]
            cells.append([name, verdict, *numbers, difference, cell(line.n)])
            name = verdict = ""  # a gate with several comparisons has a row for each
    head, rows = table(names, cells, right={"value", "limit", "margin", "baseline", "n"})
    return Section("Gates", 80, head, rows)


def _reasons(story: Story) -> Section:
    """Why gates failed, or were not asked: in a table there is no room for it."""
    reasons: dict[str, list[str]] = {}
    for gate in story.decision.gates:
        if gate.verdict != "passed":
            reasons.setdefault(gate.reason, []).append(gate.name)
    rows = [f"- **{listed(list(map(cell, names)), _NAMES)}**: {cell(reason)}" for reason, names in reasons.items()]
    return Section("Why gates failed", 85, (), tuple(rows), heading=False)


def _plot(story: Story) -> Section:
    found, without = ratios(story)
    if not found or story.decision.baseline is None:
        return Section("Plot", 20, (), ())
    bars = [(f"{_short(name)} {ratio - 100:+.3g} %", ratio) for name, ratio in found[:_BARS]]
    title = f"version {story.decision.version} in percent of version {story.decision.baseline.version}"
    note = [f"{len(found) - _BARS} more metrics" if len(found) > _BARS else ""]
    note += [f"{', '.join(map(cell, without[:_BARS]))} (no ratio to zero or less)" if without else ""]
    left_out = "; ".join(one for one in note if one)
    foot = (f"*The line is {inert(story.held or '')} = 100." + (f" Not drawn: {left_out}.*" if left_out else "*"),)
    lines = relative_bars(title, bars)
    # The chart stays whole or goes whole: it is one row.
    return Section("Plot", 20, (), ("\n".join(lines),), ("", *foot), heading=False)


def _short(name: str) -> str:
    return name if len(name) <= 24 else ".." + name[-22:]


def _further(story: Story) -> Section:
    model, version, stage = story.decision.model, story.decision.version, story.decision.stage
    title = "A closer look"
    rows = [
        f"modelbook gate {story.decision.reference} --to {stage}   # judge it again, offline",
        f"modelbook show {story.decision.reference}   # the whole card",
        f"modelbook pull {story.decision.reference} ./{model}-{version}   # a verified copy of its files",
    ]
    if story.held:
        rows.insert(1, f"modelbook diff {story.held} {story.decision.reference}   # what changed, on a terminal")
    if story.held and story.decision.passed:
        rows.append(f'modelbook rollback {model} --stage {stage} --reason "…"   # once merged: back to {story.held}')
        title = "A closer look, and the way back"
    return Section(title, 92, ("```sh",), tuple(rows), ("```",))


def _unbroken(text: str) -> str:
    return cell(text).replace(" ", "&nbsp;")
