"""Many versions side by side: each against the first, as core/queries/differences.py compares two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelbook.core.card import ModelCard
from modelbook.core.evaluation import Evaluation, Metric
from modelbook.core.judging.examples import Results
from modelbook.core.judging.numbers import NONE
from modelbook.core.queries.differences import differences, metric_pairs

Versions = Sequence[tuple[ModelCard, Mapping[str, Evaluation]]]
"""The card and the verified evaluations of each version."""


@dataclass(frozen=True)
class Part:
    """One thing in which the versions may differ, with its value in each; None where a version has none."""

    kind: str
    name: str
    values: tuple[str | None, ...]


@dataclass(frozen=True)
class Measured:
    """One metric in each version, in their order; None where it was not measured.

    `noise` says of each whether it differs from the first by more than noise; None where nobody can tell. `elsewhere`
    says of each on what other data or hardware it was measured than the first; such numbers are not compared.
    `methods` are the tests that were made, `untold` says why not as a gate would make them.
    """

    suite: str
    name: str
    metrics: tuple[Metric | None, ...]
    noise: tuple[bool | None, ...]
    elsewhere: tuple[str | None, ...]
    methods: tuple[str | None, ...]
    untold: tuple[str, ...]


def parts(versions: Versions) -> list[Part]:
    """What differs between any version and the first: code, data, parents, parameters, start, environment."""
    first = versions[0][0]
    found: dict[tuple[str, str], list[tuple[str | None, str | None] | None]] = {}
    for at, (card, _) in enumerate(versions):
        for kind, drifts in differences(first, card).kinds.items():
            for one in drifts:
                row = found.setdefault((kind, one.part), [None] * len(versions))
                row[at] = (one.left, one.right)
    rows = []
    for (kind, name), row in found.items():
        base = next(pair[0] for pair in row if pair)
        rows.append(Part(kind, name, tuple(base if pair is None else pair[1] for pair in row)))
    return rows


def measured(versions: Versions, results: Results = NONE) -> list[Measured]:
    """Every metric of any version, by suite and name; `results` are what suites found for each example, by digest."""
    first = versions[0][1]
    pairs = [{(one.suite, one.name): one for one in metric_pairs(first, other, results)} for _, other in versions]
    rows = []
    for suite, name in sorted(set().union(*pairs)):
        row = [by_name.get((suite, name)) for by_name in pairs]
        rows.append(
            Measured(
                suite,
                name,
                tuple(one.right if one else None for one in row),
                tuple(one.beyond_noise if one and at else None for at, one in enumerate(row)),
                tuple(one.elsewhere if one else None for one in row),
                tuple(one.method if one and at else None for at, one in enumerate(row)),
                tuple(dict.fromkeys(one.untold for one in row if one and one.untold)),
            )
        )
    return rows
