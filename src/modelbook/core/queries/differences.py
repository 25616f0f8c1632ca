"""What lies between two versions of a model: code, data, parameters, environment, and what was measured of both."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from modelbook.core.card import ModelCard
from modelbook.core.evaluation import Evaluation, Metric
from modelbook.core.judging.claims import Claim
from modelbook.core.judging.examples import Column, Results, columns_of
from modelbook.core.judging.numbers import NONE
from modelbook.core.judging.pairing import tested
from modelbook.core.judging.significance import Compared, estimate_of
from modelbook.core.measuring.alike import comparable, that_count
from modelbook.core.pointer import Holder
from modelbook.core.queries.drift import Drift, drift
from modelbook.core.run_record import Code


@dataclass(frozen=True)
class MetricPair:
    """A metric of one suite in both versions; None where a version has no such metric, or it is of other data.

    `elsewhere` names the dataset version on which the left one was measured, where that is not the right one's, or the
    hardware, where that matters: such numbers are not compared. `examples` is what the suite found for each example in
    right and left, `unread` why that cannot be had although the suite gave it.
    """

    suite: str
    name: str
    left: Metric | None
    right: Metric | None
    elsewhere: str | None = None
    examples: tuple[Column, Column] | None = None
    unread: str | None = None

    @property
    def difference(self) -> float | None:
        """Right less left, where both are numbers."""
        if self.left is None or self.right is None or self.left.value is None or self.right.value is None:
            return None
        return self.right.value - self.left.value

    @cached_property
    def tested(self) -> Compared | str | None:
        """The difference with its noise, as a gate tests it; a text says why it cannot be, None that the suite says
        nothing of noise.
        """
        if self.left is None or self.right is None:
            return None
        baseline, candidate = estimate_of(self.name, self.left), estimate_of(self.name, self.right)
        if isinstance(baseline, str) or isinstance(candidate, str):
            return None
        # Each end leaves out one half of what a confidence of 95 % does.
        return tested(Claim("significantly_greater", self.name, 0.975, 1), (candidate, baseline), self.examples)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between which two values the true difference lies, with a confidence of 95 %; None where nobody can tell."""
        return (self.tested.low, self.tested.high) if isinstance(self.tested, Compared) else None

    @property
    def method(self) -> str | None:
        """The test that was made; None where there was none."""
        return self.tested.method if isinstance(self.tested, Compared) else None

    @property
    def untold(self) -> str | None:
        """Why it was not tested as a gate would test it; None if it was, or if the suite says nothing of noise."""
        return self.tested if isinstance(self.tested, str) else self.unread if self.tested else None

    @property
    def beyond_noise(self) -> bool | None:
        """Whether the difference is more than noise; None where nobody can tell."""
        return None if self.interval is None else not self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True)
class Differences:
    """What differs from one version (`left`) to another (`right`), by kind. `same` are the kinds in which nothing does.

    `parameters` are named as in `optimizer.lr`, their values are JSON.
    """

    left: ModelCard
    right: ModelCard
    code: tuple[Drift, ...]
    data: tuple[Drift, ...]
    parents: tuple[Drift, ...]
    parameters: tuple[Drift, ...]
    run: tuple[Drift, ...]
    environment: tuple[Drift, ...]

    @property
    def kinds(self) -> dict[str, tuple[Drift, ...]]:
        """What differs, by what a person calls it."""
        return {
            "code": self.code,
            "data": self.data,
            "parents": self.parents,
            "parameters": self.parameters,
            "seed and start": self.run,
            "environment": self.environment,
        }

    @property
    def same(self) -> tuple[str, ...]:
        """The kinds in which both versions are the same."""
        return tuple(kind for kind, found in self.kinds.items() if not found)


def differences(left: ModelCard, right: ModelCard) -> Differences:
    """Compare two versions, of one model or of two, by their cards."""
    one, other = made_of(left), made_of(right)
    code, data, parents, parameters, run = (_between(one[kind], other[kind]) for kind in one)
    environments = drift(left.lineage.environment, right.lineage.environment)
    return Differences(left, right, code, data, parents, parameters, run, environments)


def made_of(card: ModelCard) -> dict[str, dict[str, str | None]]:
    """What a version was made of, besides its environment, by the kinds of `Differences.kinds`: texts by name."""
    return {
        "code": _code(card.lineage.code),
        "data": _data(card),
        "parents": _parents(card),
        "parameters": dict(_flat(card.run.params)),
        "seed and start": _start(card),
    }


def metric_pairs(
    left: Mapping[str, Evaluation], right: Mapping[str, Evaluation], results: Results = NONE
) -> tuple[MetricPair, ...]:
    """Every metric of either version, by suite and name. Only what was measured on the same data is compared.

    What depends on the machine is compared on the same hardware only (core/measuring/alike.py): where `right` was
    measured beside `left`, the numbers of both are of that time. `results` are what suites found for each example, by
    digest.
    """
    found = []
    first = next(iter(left.values()), None)
    right = that_count(right, Holder(version=first.version, card=first.card) if first else None)
    left = that_count(left, None)
    for suite in sorted(left.keys() | right.keys()):
        one, other = left.get(suite), right.get(suite)
        elsewhere = None
        if one and other and one.dataset.digest != other.dataset.digest:
            elsewhere, one = f"{one.dataset.dataset}@{one.dataset.version}", None
        columns = _columns(one, other, results)
        lefts, rights = (each.metrics if each else {} for each in (one, other))
        for name in sorted(lefts.keys() | rights.keys()):
            mine = comparable(name, one, other) if one and other else lefts.get(name)
            where = mine if isinstance(mine, str) else elsewhere
            told, unread = (None, columns) if isinstance(columns, str) else (columns.get(name), None)
            mine = None if isinstance(mine, str) else mine
            found.append(MetricPair(suite, name, mine, rights.get(name), where, told, unread))
    return tuple(found)


def _columns(
    left: Evaluation | None, right: Evaluation | None, results: Results
) -> dict[str, tuple[Column, Column]] | str:
    """What the suite found for each example in right and left, by metric; a text says why that cannot be had."""
    if left is None or right is None or left.examples is None or right.examples is None:
        return {}
    baseline, candidate = columns_of(left, results), columns_of(right, results)
    if isinstance(baseline, str) or isinstance(candidate, str):
        return baseline if isinstance(baseline, str) else str(candidate)
    return {name: (candidate[name], baseline[name]) for name in candidate.keys() & baseline.keys()}


def _between(left: Mapping[str, str | None], right: Mapping[str, str | None]) -> tuple[Drift, ...]:
    names = dict.fromkeys([*left, *right])
    return tuple(Drift(one, left.get(one), right.get(one)) for one in names if left.get(one) != right.get(one))


def _code(code: Code) -> dict[str, str | None]:
    return {
        "repository": code.repository,
        "commit": code.commit,
        "entry point": f"{code.folder}/{code.entry_point}" if code.folder else code.entry_point,
        "not committed": (code.patch or "some of it") if code.dirty else None,
    }


def _data(card: ModelCard) -> dict[str, str | None]:
    found: dict[str, list[str]] = {}
    for use in card.lineage.datasets:
        found.setdefault(use.role, []).append(f"{use.dataset}@{use.version}")
    return {role: ", ".join(sorted(names)) for role, names in sorted(found.items())}


def _parents(card: ModelCard) -> dict[str, str | None]:
    return {one.model: f"{one.model}@{one.version}" for one in card.lineage.parents}


def _start(card: ModelCard) -> dict[str, str | None]:
    run = card.run
    return {
        "seed": None if run.seed is None else str(run.seed),
        "deterministic": "yes" if run.deterministic else "no",
        "arguments": " ".join(run.arguments) or None,
        "processes": None if run.processes is None else str(run.processes),
    }


def _flat(params: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str | None]]:
    for name, value in sorted(params.items()):
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", json.dumps(value, ensure_ascii=False)
