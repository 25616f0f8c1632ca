"""The body of the pull request that brings an experiment's results: what a reviewer looks at."""

from collections.abc import Sequence

from modelbook.core.experiments.sample_ratio import SampleRatio
from modelbook.core.findings import Finding
from modelbook.core.online import OnlineResults
from modelbook.core.pages.markdown import inert

_SHOWN = 50  # metrics


def results_markdown(results: OnlineResults, ratio: SampleRatio | None, warnings: Sequence[Finding]) -> str:
    """Warnings first, then a row for each metric and a column for each version."""
    lines = [f"> **{inert(one.message)}**\n> {inert(one.remedy or '')}\n" for one in warnings]
    what = {"ab-test": "An A/B test", "shadow": "A shadow run"}[results.kind]
    lines.append(f"{what} from {inert(results.started)} to {inert(results.ended)}.\n")
    heads = ["metric", *(inert(f"{results.model}@{arm.version}") for arm in results.arms)]
    lines.append(_row(heads))
    lines.append(_row(["---", *["---:"] * len(results.arms)]))
    names = list(dict.fromkeys(name for arm in results.arms for name in arm.metrics))
    for name in names[:_SHOWN]:
        lines.append(_row([inert(name), *(_cell(results, at, name) for at in range(len(results.arms)))]))
    if len(names) > _SHOWN:
        lines.append(f"\nand {len(names) - _SHOWN} more")
    if ratio is None:
        lines.append("\nWhether the units were split as they should be was not tested: there is nothing to count.")
    elif not ratio.mismatch:
        lines.append(f"\nThe units were split as meant: {inert(ratio.words)}.")
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(results: OnlineResults, at: int, name: str) -> str:
    metric = results.arms[at].metrics.get(name)
    if metric is None:
        return "-"
    found = metric.estimate(name)
    if isinstance(found, str):
        return inert(found)
    return f"{found.value:.6g} ± {found.stderr:.2g} (n {metric.n:,})"
