"""Only like with like: a metric is compared only where one suite measured it of both, on the same data.

What depends on the machine is compared only where both were measured on the same hardware as well. Either the classes
are the same (core/measuring/hardware.py), or the candidate's evaluation holds what the baseline's card gave in the same
job, measured by turns (`modelbook evaluate --beside`); the latter counts before the former.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from modelbook.core.evaluation import Evaluation, Metric, inside_another, of_the_machine
from modelbook.core.judging.numbers import Numbers, not_a_number
from modelbook.core.measuring.hardware import hardware_class
from modelbook.core.pointer import Holder
from modelbook.core.registered_model import Suite

Kept = TypeVar("Kept")


def counts(suites: Mapping[str, Suite], evaluation: Evaluation) -> bool:
    """Whether it is by a suite that model.yaml names now, on the dataset version that it pins for it.

    Where model.yaml names no suite at all, each counts.
    """
    suite = suites.get(evaluation.ran)
    used = f"{evaluation.dataset.dataset}@{evaluation.dataset.version}"
    return not suites or (suite is not None and suite.dataset == used)


def that_count(evaluations: Mapping[str, Evaluation], baseline: Holder | None) -> dict[str, Evaluation]:
    """The evaluations of a version, one a suite, where `baseline` is what it is compared with.

    What was measured once more beside that very baseline takes the place of what depends on the machine; what was
    measured once more beside another counts no longer.
    """
    found = {name: one for name, one in evaluations.items() if name == one.ran}
    for one in evaluations.values():
        if one.suite == one.ran or not _is_beside(one, baseline):
            continue
        first = found.get(one.ran)
        kept = {name: metric for name, metric in first.metrics.items() if not metric.hardware} if first else {}
        metrics = kept | of_the_machine(one.metrics)
        examples = first.examples if first else None
        found[one.ran] = one.model_copy(update={"suite": one.ran, "metrics": metrics, "examples": examples})
    return found


def like_with_like(candidate: Numbers, baseline: Numbers, holder: Holder, command: str) -> Numbers:
    """The baseline's numbers as far as they may stand beside the candidate's; `command` would mend what may not."""
    both = {**candidate.sources, **baseline.sources}
    for name in both:
        hardware = _hardware(name, candidate.sources, baseline.sources)
        source = candidate.sources.get(name)
        beside = source.beside if hardware and source and _is_beside(source, holder) else None
        if again := beside.metrics.get(name) if beside else None:
            baseline = _with(baseline, name, again)
        elif name in baseline.values and (why := _other_test(source, baseline.sources[name])):
            baseline = _with(baseline, name, Metric(problem=why))
        elif name in baseline.values and hardware and (why := _differ(source, baseline.sources[name])):
            suite = (source or baseline.sources[name]).ran
            again = Metric(problem=f"{why}. Measure both on one machine: `{command.format(suite=suite)}`")
            baseline = _with(baseline, name, again)
    return baseline


def comparable(name: str, left: Evaluation, right: Evaluation) -> Metric | str | None:
    """The metric of `left` as it may be read beside that of `right`; a text names the other hardware that it is of.

    Both are by the same suite on the same data, and `right` is the one that may have measured `left` again.
    """
    other = right.beside
    if other and other.card == left.card and name in other.metrics:
        return other.metrics[name]
    both = (dict.fromkeys(each.metrics, each) for each in (left, right))
    if name in left.metrics and name in right.metrics and _hardware(name, *both) and _differ(right, left):
        return hardware_class(left.environment) or "hardware that is not on record"
    return left.metrics.get(name)


def _is_beside(evaluation: Evaluation, holder: Holder | None) -> bool:
    other = evaluation.beside
    return bool(other and holder and (other.version, other.card) == (holder.version, holder.card))


def _hardware(name: str, *sources: Mapping[str, Evaluation]) -> bool:
    return any(name in one and name in of_the_machine(one[name].metrics) for one in sources)


def _other_test(candidate: Evaluation | None, baseline: Evaluation) -> str | None:
    """Why a metric of both is not the same measurement; None if it is, or if the candidate has no such metric."""
    if candidate is None:
        return None
    ours, theirs = (f"suite {one.ran} on {one.dataset.dataset}@{one.dataset.version}" for one in (candidate, baseline))
    same = (candidate.ran, candidate.dataset.digest) == (baseline.ran, baseline.dataset.digest)
    return None if same else f"not comparable: it was measured by {theirs}, the candidate's by {ours}"


def _differ(candidate: Evaluation | None, baseline: Evaluation) -> str | None:
    """Why two evaluations were not made on the same hardware; None if they were."""
    if candidate is None:
        return "not comparable: it depends on the machine, and nobody measured it of the candidate"
    ours, theirs = hardware_class(candidate.environment), hardware_class(baseline.environment)
    if ours is not None and ours == theirs:
        return None
    unknown = "hardware that is not on record"
    return f"not comparable: it was measured on {theirs or unknown}, the candidate's on {ours or unknown}"


def _with(numbers: Numbers, name: str, metric: Metric) -> Numbers:
    """The numbers with this metric in the place of what was there by its name, or could not stand beside it."""
    gone = {name, *(other for other in numbers.values if inside_another({name, other}))}

    def without(items: Mapping[str, Kept]) -> dict[str, Kept]:
        return {other: one for other, one in items.items() if other not in gone}

    values, withheld, metrics = without(numbers.values), without(numbers.withheld), without(numbers.metrics)
    if problem := not_a_number(metric.value):
        withheld[name] = f"{name} is {metric.problem or problem}"
    else:
        values[name], metrics[name] = float(metric.value or 0.0), metric
    examples, unread = without(numbers.examples), without(numbers.unread)
    return replace(numbers, values=values, withheld=withheld, metrics=metrics, examples=examples, unread=unread)
