"""What the site's lists and plots say of a version: a few facts, small enough to be kept from one build to the next."""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from modelbook.core.card import ModelCard
from modelbook.core.evaluation import CONFIDENCE, Evaluation, Metric
from modelbook.core.findings import blocks, first_error
from modelbook.core.judging.numbers import numbers_of
from modelbook.core.judging.significance import Estimate, estimate_of, is_share
from modelbook.core.moments import moment
from modelbook.core.names import person_in
from modelbook.core.records import Frozen
from modelbook.core.verifying.verification import VersionVerdict

State = Literal["verified", "broken", "unreadable"]
_NORMAL = 1.959964  # standard errors to either side that hold 95 % of a normal distribution


class Value(NamedTuple):  # as quick to read from a build's notes as there are many of them
    """A metric of a version; `low` and `high` are where the true value lies, 19 times of 20, if that is known."""

    value: float
    low: float | None = None
    high: float | None = None


class Trained(Frozen):
    """A dataset version that a version was trained on (`role` as in the card), or measured on (by that suite)."""

    dataset: str
    version: int
    role: str
    suite: str | None = None


class VersionRow(Frozen):
    """One line of a list. `state` is `broken` where anything does not verify, `problem` then says what, in a line.

    Of what cannot be read only model, version, state and problem are known; the texts are empty.
    """

    model: str
    version: int
    state: State
    problem: str | None = None
    revoked: bool = False
    created: str = ""
    by: str = ""
    commit: str = ""
    run: str = ""
    experiment: str = ""
    seconds: float = 0.0
    size: int = 0
    tags: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    data: tuple[Trained, ...] = ()
    metrics: dict[str, Value] = {}

    @property
    def name(self) -> str:
        """As in `fraud@5`."""
        return f"{self.model}@{self.version}"


def row_of(verdict: VersionVerdict, *, revoked: bool) -> VersionRow:
    """The row of a version; `revoked` says whether the registry revokes it."""
    problem = first_error(verdict.findings)
    card = verdict.card
    if card is None:
        return VersionRow(
            model=verdict.model, version=verdict.version, state="unreadable", problem=problem, revoked=revoked
        )
    run = card.run
    return VersionRow(
        model=verdict.model,
        version=verdict.version,
        state="broken" if blocks(verdict.findings) else "verified",
        problem=problem,
        revoked=revoked,
        created=card.created,
        by=person_in(run.user),
        commit=card.lineage.code.commit or "",
        run=run.id,
        experiment=run.experiment,
        seconds=duration(card),
        size=sum(artifact.size for artifact in card.artifacts),
        tags=card.tags,
        parents=tuple(f"{one.model}@{one.version}" for one in card.lineage.parents),
        data=(*_trained_on(card), *_measured_on(verdict.evaluations)),
        metrics={
            name: _value(name, numbers_of_metric, value)
            for name, value, numbers_of_metric in _numbers(verdict.evaluations)
        },
    )


def duration(card: ModelCard) -> float:
    """How long the run took, in seconds."""
    return max(0.0, (moment(card.run.ended) - moment(card.run.started)).total_seconds())


def interval_of(name: str, metric: Metric) -> tuple[float, float] | None:
    """Where the true value lies, 19 times of 20: as the suite wrote it, or by the standard error; None if unknown.

    Of a share of n examples it is Wilson's interval (Journal of the American Statistical Association 22, 1927), as
    suites write it: no share lies above 1.
    """
    if metric.interval and metric.interval.confidence == CONFIDENCE:
        return metric.interval.low, metric.interval.high
    found = estimate_of(name, metric)
    if not isinstance(found, Estimate):
        return None
    if _is_of_hits(found.value, found.n, metric.stderr):
        # In closed form: SciPy, which suites take it from, needs a second to load.
        spread = _NORMAL**2 / found.n
        middle = (found.value + spread / 2) / (1 + spread)
        reach = math.sqrt(spread * (found.value * (1 - found.value) + spread / 4)) / (1 + spread)
        return max(0.0, middle - reach), min(1.0, middle + reach)
    return found.middle - _NORMAL * found.stderr, found.middle + _NORMAL * found.stderr


def _is_of_hits(value: float, n: int, stderr: float | None) -> bool:
    """Whether it is how many of `n` were right, and its standard error, if it has one, is that of such a share."""
    if not is_share(value, n):
        return False
    return stderr is None or math.isclose(stderr**2 * n, value * (1 - value), rel_tol=2 / n, abs_tol=1e-9)


def _numbers(evaluations: Mapping[str, Evaluation]) -> list[tuple[str, float, Metric]]:
    numbers = numbers_of({suite: one for suite, one in evaluations.items() if suite == one.ran})
    return [(name, value, numbers.metrics[name]) for name, value in sorted(numbers.values.items())]


def _value(name: str, metric: Metric, value: float) -> Value:
    low, high = interval_of(name, metric) or (None, None)
    return Value(value=value, low=low, high=high)


def _trained_on(card: ModelCard) -> list[Trained]:
    return [Trained(dataset=use.dataset, version=use.version, role=use.role) for use in card.lineage.datasets]


def _measured_on(evaluations: Mapping[str, Evaluation]) -> list[Trained]:
    return [
        Trained(dataset=one.dataset.dataset, version=one.dataset.version, role=one.dataset.role, suite=suite)
        for suite, one in sorted(evaluations.items())
    ]
