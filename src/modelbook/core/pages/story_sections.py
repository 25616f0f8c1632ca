"""What every story of a stage tells alike: findings, who signs, what changed, what was measured, and where it is from.

Only the headings, the tables and the links are ours; whatever comes from a card, a policy or a person is made inert.
"""

from modelbook.core.pages.card_markdown import cell, commit_link, job_link, origin_rows
from modelbook.core.pages.github_page import GitHubPage
from modelbook.core.pages.markdown import inert
from modelbook.core.pages.promotion_story import Story, metric_text, pair_sizes
from modelbook.core.pages.sections import Section, table
from modelbook.core.queries.differences import MetricPair
from modelbook.core.queries.drift import PACKAGES, Drift

_OPEN = 6  # differences of the environment that are shown unfolded


def findings(story: Story) -> Section:
    """All findings, with what to do."""
    rows = []
    for one in story.decision.findings:
        line = f":{one.line}" if one.line else ""
        remedy = f" {cell(one.remedy)}" if one.remedy else ""
        mark = "❌" if one.level == "error" else "⚠️"
        rows.append(f"- {mark} {cell(one.path)}{line}: {cell(one.message)}{remedy}")
    return Section("Findings", 90, (), tuple(rows))


def before_it_merges(story: Story) -> Section:
    """What the clock says, who has signed and who has to."""
    decision, timing = story.decision, story.decision.timing
    rows = [f"- {cell(what)}: {cell(said)}" for what, said in timing.facts.items()]
    if decision.opens:
        rows.append(f"- may enter from {cell(decision.opens)} on")
    rows.append(f"- {cell(story.signing.words)}")
    if story.signing.lacking and decision.passed:
        rows[-1] += f": `modelbook approve {story.decision.reference} --to {decision.stage}`"
    return Section("Before it merges", 95, (), tuple(rows))


def what_changed(story: Story, page: GitHubPage | None) -> Section:
    """Code, data, parents, parameters and seed of both versions, where they differ."""
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
    title = "What differs from" if story.decision.kind else "What changed since"
    return Section(f"{title} {inert(held)}", 70, head, lines, ("", *foot) if foot else ())


def environment(story: Story) -> Section:
    """In what the environments of both trainings differ."""
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


def what_was_measured(story: Story, *, gated: bool) -> Section:
    """The signed metrics that a gate reads, or, folded, those that none does."""
    pairs = [one for one in story.metrics if (one.name in story.gated) == gated]
    suites = len({one.suite for one in story.metrics}) > 1
    names = ["metric", story.decision.reference, story.held or "", "difference", "n", "suite" if suites else ""]
    cells = [_metric_row(one, suites=suites) for one in pairs]
    head, rows = table(names, cells, right={*names[1:5]})
    title = "What was measured" if gated or story.decision.kind else "Metrics that no gate reads"
    if gated or not rows:
        return Section(title, 50, head, rows)
    head = ("<details>", f"<summary>{title}: {len(pairs)}</summary>", "", *head)
    return Section(title, 10, head, rows, ("", "</details>"), heading=False)


def _metric_row(one: MetricPair, *, suites: bool) -> list[str]:
    left = f"only on {one.elsewhere}" if one.elsewhere else metric_text(one.left)
    difference = "" if one.difference is None else f"{one.difference:+.3g}"
    cells = [one.name, metric_text(one.right), left, difference, pair_sizes(one), one.suite if suites else ""]
    return [cell(text) for text in cells]


def where_from(story: Story, page: GitHubPage | None) -> Section:
    """Who trained, graded, signed and proposed the version, from what."""
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
