"""The metrics of a version as numbers that a gate may use, and why it may not use the others."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from modelbook.core.evaluation import Evaluation, Metric, inside_another
from modelbook.core.judging.examples import Column, Results, columns_of
from modelbook.core.judging.significance import Estimate, estimate_of

NONE: Results = MappingProxyType({})


@dataclass(frozen=True)
class Numbers:
    """The metrics of one version: `values` are finite numbers, `withheld` says why the others are none.

    `metrics` has what else was recorded of those values: sizes and standard errors; `examples` has the values of each
    example, and `unread` says of metrics whose suite has such values why they cannot be had. `sources` has the
    evaluation that each metric comes from, withheld or not.
    """

    values: Mapping[str, float]
    withheld: Mapping[str, str]
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    examples: Mapping[str, Column] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, Evaluation] = field(default_factory=dict)

    def why_not(self, name: str, whose: str) -> str | None:
        """Why the metric cannot be used, or None if it can."""
        if name not in self.values:
            return self.withheld.get(name) or f"no evaluation of {whose} measured {name!r}"
        problem = not_a_number(self.values[name])
        return f"{name} is {problem}" if problem else None

    def estimate(self, name: str) -> Estimate | str:
        """What is known of the noise in a metric that can be used; a text says why nothing is."""
        return estimate_of(name, self.metrics.get(name) or Metric(value=self.values[name]))


def numbers_of(evaluations: Mapping[str, Evaluation], results: Results = NONE) -> Numbers:
    """The metrics of a version from its verified evaluations, by suite name; `results` are those of each example.

    A metric without a finite value, or one that two suites measured, is withheld: it passes no gate.
    """
    values: dict[str, float] = {}
    withheld: dict[str, str] = {}
    measured_by: dict[str, str] = {}
    for suite in sorted(evaluations):
        for name, metric in evaluations[suite].metrics.items():
            if name in measured_by:
                withheld[name] = f"{name!r} is measured by two suites ({measured_by[name]}, {suite}): rename one"
                values.pop(name, None)
                continue
            measured_by[name] = suite
            problem = not_a_number(metric.value)
            if problem:
                withheld[name] = f"{name} is {metric.problem or problem}"
            else:
                values[name] = float(metric.value or 0.0)
    while clash := inside_another(values):
        for name in clash:
            withheld[name] = f"{clash[0]!r} is a metric, and holds {clash[1]!r} as well: rename one"
            values.pop(name)
    metrics = {name: metric for one in evaluations.values() for name, metric in one.metrics.items() if name in values}
    examples, unread = dict[str, Column](), dict[str, str]()
    for evaluation in evaluations.values():
        found = columns_of(evaluation, results)
        if isinstance(found, str):
            unread |= {name: found for name in evaluation.metrics if name in values}
        else:
            examples |= {name: column for name, column in found.items() if name in values}
    sources = {name: evaluation for evaluation in evaluations.values() for name in evaluation.metrics}
    return Numbers(values, withheld, metrics, examples, unread, sources)


def not_a_number(value: object) -> str | None:
    """Why `value` may not be compared, or None if it is a finite number. `True` is no number here."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "missing" if value is None else f"{value!r}, which is not a number"
    return None if math.isfinite(value) else f"{value}, which is not finite"
