"""What a suite found for each example: JSON lines in the store, named by what they hold.

    {"id": "17", "accuracy": 1, "log_loss": 0.02, "by_country.de.accuracy": 1}

A metric that stands here is the mean of its values. With these of both, candidate and baseline are compared on each
example (core/judging/pairing.py), which sees through the noise that both share.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from modelbook.core.digests import digest_of
from modelbook.core.evaluation import Evaluation, Metric
from modelbook.core.records import Digest

LIMIT = 64 * 1024 * 1024  # bytes
_LARGEST = math.nextafter(math.inf, 0.0)  # JSON's integers have no end
_ROUNDING = 1e-6  # of a mean that was computed with few bits, or written with few digits

Results = Mapping[Digest, bytes | str]
"""By digest: the bytes of such a file, or why they could not be read."""
Column = Mapping[str, float]
"""One metric of each example, by the example's id."""


class ExamplesError(ValueError):
    """Not such a file; the message says why, and on which line."""


def columns(data: bytes, metrics: Mapping[str, Metric]) -> dict[str, Column]:
    """Each metric of each example. Raises ExamplesError where the means are not those of `metrics`."""
    found: dict[str, dict[str, float]] = {}
    ids: set[str] = set()
    for number, line in enumerate(_lines(data), start=1):
        name = line.pop("id", None)
        if not isinstance(name, str) or not 0 < len(name) <= 200:
            raise ExamplesError(f'line {number}: "id" is a text that names the example')
        if name in ids:
            raise ExamplesError(f"line {number}: the example {name!r} stands twice")
        ids.add(name)
        for metric, value in line.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
                raise ExamplesError(f"line {number}: {metric} is {json.dumps(value)[:40]}, which is no finite number")
            found.setdefault(metric, {})[name] = float(value)
    for metric, column in found.items():
        _agrees(metric, column, metrics.get(metric))
    return dict(found)


def _lines(data: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            read = json.loads(line)
        except (ValueError, RecursionError):
            raise ExamplesError(f"line {number} is no JSON") from None
        if not isinstance(read, dict):
            raise ExamplesError(f"line {number} is no object")
        yield read


def _agrees(name: str, column: Column, metric: Metric | None) -> None:
    if metric is None or metric.value is None:
        raise ExamplesError(f"it has {name} of each example, and the suite measured no {name}")
    if metric.hardware:
        raise ExamplesError(f"it has {name} of each example, and {name} depends on the machine: leave it out")
    try:
        mean = math.fsum(column.values()) / len(column)
    except OverflowError:
        mean = math.inf
    if not math.isclose(mean, metric.value, rel_tol=_ROUNDING, abs_tol=_ROUNDING):
        raise ExamplesError(f"the mean of {name} is {mean:.9g}, and the suite says {metric.value:.9g}")
    if metric.n not in {None, len(column)}:
        raise ExamplesError(f"it has {name} of {len(column)} examples, and the suite says of {metric.n}")


def columns_of(evaluation: Evaluation, results: Results) -> dict[str, Column] | str:
    """The metrics of each example of an evaluation; a text says why they cannot be had."""
    if evaluation.examples is None:
        return {}
    data = results.get(evaluation.examples.digest, "nobody read the store")
    if isinstance(data, bytes) and digest_of(data) != evaluation.examples.digest:
        data = "the bytes in the store are not those that were signed"
    if isinstance(data, str):
        return f"the results of each example in suite {evaluation.suite} cannot be had: {data}"
    try:
        return columns(data, evaluation.metrics)
    except ExamplesError as error:
        return f"the results of each example in suite {evaluation.suite} are none: {error}"
