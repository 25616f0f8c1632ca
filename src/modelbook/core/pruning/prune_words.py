"""A plan in words: the body of its pull request."""

from modelbook.core.listed import many
from modelbook.core.pages.markdown import inert
from modelbook.core.pruning.prune_plan import PrunePlan, by_kind

_MOST = 100  # groups that the body lists


def sized(count: int) -> str:
    """Bytes for a person, in powers of ten as clouds bill them: `1.5 GB`."""
    size, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{size:.3g} {unit}"


def amount(objects: int, size: int) -> str:
    """How many objects of how many bytes together: `1 object, 1 kB`."""
    return f"{many(objects, 'object')}, {sized(size)}"


def plan_markdown(plan: PrunePlan) -> str:
    """What goes and why, what it saves, and what stays: Markdown."""
    lines = [
        f"Merging this deletes **{amount(plan.objects, plan.bytes)}**, of `{plan.store}`, "
        f"and saves {plan.saves:,.2f} a month.",
        f"Plan `{plan.id}`, made at `{plan.commit[:12]}` over {plan.refs} refs. What is named by then stays.",
        "",
        "| goes | objects | size |",
        "| --- | ---: | ---: |",
    ]
    lines += [f"| {kind} | {n:,} | {sized(size)} |" for kind, (n, size) in sorted(by_kind(plan.groups).items())]
    lines += ["", "| what | objects | size | last written | why |", "| --- | ---: | ---: | --- | --- |"]
    lines += [
        f"| `{one.prefix}` | {one.objects:,} | {sized(one.bytes)} | {one.newest} | {inert(one.why)} |"
        for one in plan.groups[:_MOST]
    ]
    if len(plan.groups) > _MOST:
        lines.append(f"| and {len(plan.groups) - _MOST:,} more, in prune.json | | | | |")
    lines += ["", "| stays because | objects | size |", "| --- | ---: | ---: |"]
    lines += [
        f"| {inert(one.why)} | {one.objects:,} | {sized(one.bytes)} |"
        for one in (*plan.stays, *((plan.waits,) if plan.waits else ()))
    ]
    lines += ["", f"Brought back by `modelbook prune restore {plan.id}`, until it is purged."]
    return "\n".join(lines) + "\n"
