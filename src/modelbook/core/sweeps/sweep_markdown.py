"""The report of a sweep as the summary of a job: tables, and charts that GitHub draws from text."""

from collections.abc import Iterator, Sequence

from modelbook.core.listed import listed, many
from modelbook.core.pages.markdown import inert
from modelbook.core.sweeps.standings import ranked
from modelbook.core.sweeps.sweep_charts import charts
from modelbook.core.sweeps.sweep_report import SweepReport, spread, value_text
from modelbook.core.sweeps.trials import TrialResult

_SHOWN = 20  # trials of the table


def sweep_markdown(report: SweepReport, *, pictures: str | None = None) -> str:
    """GitHub-flavoured Markdown; `pictures` says where they are to be found."""
    return "\n".join([*_head(report), *_best(report), *charts(report), *_trials(report), *_foot(report, pictures)])


def _head(report: SweepReport) -> Iterator[str]:
    sweep, metric = report.sweep, report.sweep.metric
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items()) or "none yet"
    yield from (f"### Sweep {inert(sweep.name)}", "", "| | |", "| --- | --- |")
    yield f"| {inert(metric.name)} | {metric.goal} |"
    yield f"| method | {inert(sweep.method + (f', {sweep.sampler}' if sweep.sampler else ''))} |"
    yield f"| trials | {inert(counts)} |"
    yield f"| GPU hours | {report.hours:.2f} |"
    if report.inherited:
        yield f"| inherited trials | {report.inherited} |"
    yield from (f"| stage | {inert(report.words)} |", "")


def _best(report: SweepReport) -> Iterator[str]:
    if not report.places:
        yield from ("**No trial has a value yet.**", "")
        return
    names = [one.name for one in report.varied]
    yield from ("**Best**" if report.settled else "**Best so far**", "")
    yield f"| trial | {' | '.join(['mean', 'other seeds', 'chosen by', 'run', *map(inert, names)])} |"
    yield f"| ---: | ---: | ---: | ---: | --- |{' ---: |' * len(names)}"
    for one in report.places[:3]:
        trial = one.trial
        told = f"{spread(one)} | {len(one.others)} | {one.chosen_by:.6g} | {inert(trial.run)}"
        yield f"| {trial.leg} | {told} |{_cells(trial, names)}"
    yield ""


def _trials(report: SweepReport) -> Iterator[str]:
    names, order = [one.name for one in report.varied], ranked(report.sweep, report.trials)
    rest = [one for one in report.searched if one.value is None]
    rows = [*order, *rest]
    if not rows:
        return
    yield from (f"<details><summary>{many(len(rows), 'trial')}, the best first</summary>", "")
    yield f"| trial | {' | '.join([inert(report.sweep.metric.name), 'status', *map(inert, names)])} |"
    yield f"| ---: | ---: | --- |{' ---: |' * len(names)}"
    for one in rows[:_SHOWN]:
        value = "-" if one.value is None else f"{one.value:.6g}"
        yield f"| {one.leg} | {value} | {one.status} |{_cells(one, names)}"
    if len(rows) > _SHOWN:
        yield from ("", f"{len(rows) - _SHOWN} more: `modelbook sweep report --json`")
    yield from ("", "</details>", "")


def _foot(report: SweepReport, pictures: str | None) -> Iterator[str]:
    for problem, legs in report.problems.items():
        yield f"- trial {listed(legs, 8)}: {inert(problem)}"
    if len(report.commits) > 1:
        yield f"- the trials were trained by the code of {len(report.commits)} commits, and are hardly to be compared"
    if pictures:
        yield from ("", f"Parallel coordinates, contour and the rest as pictures: {inert(pictures)}")


def _cells(one: TrialResult, names: Sequence[str]) -> str:
    return "".join(f" {inert(shown(one, name))} |" for name in names)


def shown(one: TrialResult, name: str) -> str:
    """The value of a parameter as a person reads it, on one line; a dash where the trial has none."""
    return value_text(one.params.get(name))
