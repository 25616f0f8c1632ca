"""The body of a promotion's pull request: the screen on which a team decides.

Only the headings, the tables and the links are ours; whatever comes from a card, a policy or a person is made inert.
"""

from collections.abc import Sequence

from modelbook.core.card_markdown import cell, commit_link, job_link, origin_rows
from modelbook.core.differences import MetricPair
from modelbook.core.drift import PACKAGES, Drift
from modelbook.core.github_page import GitHubPage
from modelbook.core.markdown import LIMIT, inert
from modelbook.core.mermaid import relative_bars
from modelbook.core.promotion_story import GateLine, Story, gate_lines, metric_text, pair_sizes, ratios
from modelbook.core.report import promotion_report
from modelbook.core.sections import NEVER_CUT, Section, fitted, table

_BARS = 8  # of the plot: more than that is no picture any more
_NAMES = 5  # gates that are named together
_OPEN = 6  # differences of the environment that are shown unfolded
_WORDS = {"passed": "✅&nbsp;passed", "failed": "❌&nbsp;**failed**", "first": "✅&nbsp;accepted (first)"}


def body(story: Story, page: GitHubPage | None, *, limit: int = LIMIT) -> str:
    """GitHub-flavoured Markdown of at most `limit` characters; `page` is where the registry is on GitHub."""
    sections = [
        _verdict(story),
        _findings(story),
        _gates(story, page),
        _reasons(story),
        _before_it_merges(story),
        _changed(story, page),
        _environment(story),
        _plot(story),
        _metrics(story, gated=True),
        _metrics(story, gated=False),
        _origin(story, page),
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
    rows = [f"{mark} **{inert(_sentence(report.verdict, story.decision.reference))}**{inert(against + signing)}"]
    pointer = decision.pointer
    if pointer and pointer.reason:
        rows += ["", f"> {cell(pointer.reason)} ({cell(pointer.by)})"]
    return Section("Verdict", NEVER_CUT, (), tuple(rows), heading=False)


def _sentence(text: str, name: str) -> str:
    return text if text.startswith(name) else text[:1].upper() + text[1:]


def _findings(story: Story) -> Section:
    rows = []
    for one in story.decision.findings:
        line = f":{one.line}" if one.line else ""
        remedy = f" {cell(one.remedy)}" if one.remedy else ""
        mark = "❌" if one.level == "error" else "⚠️"
        rows.append(f"- {mark} {cell(one.path)}{line}: {cell(one.message)}{remedy}")
    return Section("Findings", 90, (), tuple(rows))


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
    rows = [f"- **{_few(names)}**: {cell(reason)}" for reason, names in reasons.items()]
    return Section("Why gates failed", 85, (), tuple(rows), heading=False)


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(map(cell, names[:_NAMES])) + more


def _before_it_merges(story: Story) -> Section:
    decision, timing = story.decision, story.decision.timing
    rows = [f"- {cell(what)}: {cell(said)}" for what, said in timing.facts.items()]
    if decision.opens:
        rows.append(f"- may enter from {cell(decision.opens)} on")
    rows.append(f"- {cell(story.signing.words)}")
    if story.signing.lacking and decision.passed:
        rows[-1] += f": `modelbook approve {story.decision.reference} --to {decision.stage}`"
    return Section("Before it merges", 95, (), tuple(rows))


def _changed(story: Story, page: GitHubPage | None) -> Section:
    changed, held = story.changed, story.held
    if changed is None or held is None:
        return Section("What changed", 70, (), ())
    left, right = changed.left.lineage.code, changed.right.lineage.code
    rows = []
    for one in changed.code:
        cells = [cell(one.left or ""), cell(one.right or "")]
        if one.part == "commit":
            cells = [commit_link(one.left, page.commit(left) if page else None)]
            cells += [commit_link(one.right, page.commit(right) if page else None)]
            if page and (address := page.compare(left, right)):
                cells[1] += f" ([compare]({address}))"
        rows.append([f"code: {cell(one.part)}", *cells])
    labels = (("data", changed.data), ("parent", changed.parents), ("parameter", changed.parameters), ("", changed.run))
    for label, found in labels:
        rows += [_difference(label, one) for one in found]
    head, lines = table(["", held, story.decision.reference], rows)
    foot = (f"The same in both: {', '.join(changed.same)}.",) if changed.same else ()
    if not lines:
        head, lines, foot = (), foot, ()
    return Section(f"What changed since {inert(held)}", 70, head, lines, ("", *foot) if foot else ())


def _environment(story: Story) -> Section:
    found = story.changed.environment if story.changed else ()
    if not found or story.held is None:
        return Section("Environment", 30, (), ())
    head, rows = table(
        ["environment", story.held, story.decision.reference], [_difference("", _package(one)) for one in found]
    )
    foot: tuple[str, ...] = ()
    if len(found) > _OPEN:
        head = ("<details>", f"<summary>{len(found)} differences of the environment</summary>", "", *head)
        foot = ("", "</details>")
    return Section("Environment", 30, head, rows, foot, heading=False)


def _package(one: Drift) -> Drift:
    return Drift(one.part.removeprefix(PACKAGES), one.left, one.right)


def _difference(label: str, one: Drift) -> list[str]:
    name = f"{label}: {one.part}" if label else one.part
    return [cell(name), cell(one.left or "-"), cell(one.right or "-")]


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


def _metrics(story: Story, *, gated: bool) -> Section:
    pairs = [one for one in story.metrics if (one.name in story.gated) == gated]
    suites = len({one.suite for one in story.metrics}) > 1
    names = ["metric", story.decision.reference, story.held or "", "difference", "n", "suite" if suites else ""]
    cells = [_metric_row(one, suites=suites) for one in pairs]
    head, rows = table(names, cells, right={*names[1:5]})
    title = "What was measured" if gated else "Metrics that no gate reads"
    if gated or not rows:
        return Section(title, 50, head, rows)
    head = ("<details>", f"<summary>{title}: {len(pairs)}</summary>", "", *head)
    return Section(title, 10, head, rows, ("", "</details>"), heading=False)


def _metric_row(one: MetricPair, *, suites: bool) -> list[str]:
    left = f"only on {one.elsewhere}" if one.elsewhere else metric_text(one.left)
    difference = "" if one.difference is None else f"{one.difference:+.3g}"
    cells = [one.name, metric_text(one.right), left, difference, pair_sizes(one), one.suite if suites else ""]
    return [cell(text) for text in cells]


def _origin(story: Story, page: GitHubPage | None) -> Section:
    candidate = story.decision.candidate
    if candidate is None or candidate.card is None:
        return Section("Where it comes from", 60, (), ())
    rows = origin_rows(candidate.card, page)
    for suite, one in sorted(candidate.evaluations.items()):
        on = cell(f"{one.dataset.dataset}@{one.dataset.version}")
        who = f"by {cell(one.user)} in {job_link(one.job, page)}, signed by {cell(candidate.graded_by.get(suite, ''))}"
        rows.append([f"graded: {cell(suite)}", f"on {on}, {who}"])
    rows.append(["card signed", f"by {cell(candidate.signed_by)}" if candidate.signed_by else ""])
    if pointer := story.decision.pointer:
        rows.append(["proposed", f"by {cell(pointer.by)}, {cell(pointer.decided)}"])
        rows.append(["card", f"`{pointer.card}`"])
        rows.append(["policy", f"`{pointer.policy}`"])
    head, lines = table(["", story.decision.reference], [row for row in rows if row[1]])
    return Section("Where it comes from", 60, head, lines)


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
