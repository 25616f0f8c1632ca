"""A reproduction: a version trained again from what its card records, and what came of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import Field

from modelbook.core.card import ModelCard
from modelbook.core.evaluation import Evaluation, Metric
from modelbook.core.judging.equivalence import Equivalence, equivalence
from modelbook.core.names import Name, Version
from modelbook.core.policy import ReproductionRule
from modelbook.core.records import Digest, FilePath, FiniteFloat, Frozen, LoggedName, MetricName, RunId, Text, Timestamp
from modelbook.core.run_record import Environment

Level = Literal["identical", "statistical"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the strongest to the weakest: bit for bit the same weights, or metrics that are proven to be equivalent."""


class Repetition(Frozen):
    """One training anew: the digest of each of its files, and its metrics where the weights are not the same.

    `error` says why it left no model. `metrics` are those of the training, `suites` those that each suite measured.
    """

    files: dict[FilePath, Digest] = {}
    metrics: dict[LoggedName, FiniteFloat] = {}
    suites: dict[Name, dict[MetricName, Metric]] = {}
    error: Text | None = None


class Reproduction(Frozen):
    """`models/<model>/versions/<n>/reproductions/<id>.yaml`.

    `installed` says where its packages came from: the recorded lock file (`lock`), or what the machine had (`machine`).
    """

    format: Literal["modelbook/reproduction/v1"] = "modelbook/reproduction/v1"
    id: RunId
    model: Name
    version: Version
    card: Digest
    job: str
    user: str
    started: Timestamp
    ended: Timestamp
    installed: Literal["lock", "machine"]
    environment: Environment
    repetitions: Annotated[tuple[Repetition, ...], Field(min_length=1, max_length=100)]


@dataclass(frozen=True)
class MetricVerdict:
    """One metric against what the version is recorded with; `problem` says why it proves nothing."""

    name: str
    measured: Equivalence | None
    holds: bool
    problem: str | None = None


@dataclass(frozen=True)
class ReproductionVerdict:
    """How far the version was met again: `level` is None where it was not. `why` says it in a sentence.

    `other_weights` are the weights that came out otherwise at least once.
    """

    level: Level | None
    why: str
    other_weights: tuple[str, ...] = ()
    metrics: tuple[MetricVerdict, ...] = ()


def judge_reproduction(
    card: ModelCard,
    evaluations: Mapping[str, Evaluation],
    reproduction: Reproduction,
    rule: ReproductionRule,
) -> ReproductionVerdict:
    """Compare what was trained anew with the version of `card` and its verified `evaluations`, by suite.

    A metric that a suite measured is compared with that suite's number, any other with what the training logged. What
    `rule` gives no margin for is not compared. All must agree: one metric that strays is a model that was not met. At
    least one must be a suite's: what a training says of itself can speak against it, and never for it.
    """
    repetitions = reproduction.repetitions
    if failed := next((one.error for one in repetitions if one.error), None):
        return ReproductionVerdict(None, f"a training anew left no model: {failed}")
    recorded = weights_of({artifact.path: artifact.digest for artifact in card.artifacts})
    if not recorded:
        return ReproductionVerdict(None, "the version has no weights (.safetensors) that could come out the same")
    other = sorted(
        {
            path
            for one in repetitions
            for path in recorded.keys() | weights_of(one.files).keys()
            if recorded.get(path) != one.files.get(path)
        }
    )
    if not other:
        again = "once" if len(repetitions) == 1 else f"{len(repetitions)} times"
        return ReproductionVerdict("identical", f"the weights came out bit for bit the same, {again}")
    names = sorted(name for name in rule.margins if _suite_of(evaluations, name) or name in card.run.metrics)
    metrics = tuple(_judge_metric(card, evaluations, repetitions, name, rule) for name in names)
    if not metrics:
        why = "the weights are others, and policy.yaml gives no margin for a metric that this version has"
        return ReproductionVerdict(None, why, tuple(other))
    if strays := [metric.name for metric in metrics if not metric.holds]:
        why = f"the weights are others, and equivalence is not proven for {', '.join(strays)}"
        return ReproductionVerdict(None, why, tuple(other), metrics)
    if not any(_suite_of(evaluations, name) for name in names):
        why = "the weights are others, and no suite has measured a metric with a margin: trainings speak for themselves"
        return ReproductionVerdict(None, why, tuple(other), metrics)
    why = f"the weights are others, but {', '.join(names)} {'is' if len(names) == 1 else 'are'} equivalent"
    return ReproductionVerdict("statistical", why, tuple(other), metrics)


def standing(
    card: ModelCard,
    evaluations: Mapping[str, Evaluation],
    reproductions: Iterable[Reproduction],
    rule: ReproductionRule,
) -> ReproductionVerdict | None:
    """What all reproductions of a version (verified ones) come to; None where there is none.

    The best of them counts, unless a later one failed: then whoever relies on the version has to know.
    """
    found: ReproductionVerdict | None = None
    for one in sorted(reproductions, key=lambda one: (one.ended, one.id)):
        verdict = judge_reproduction(card, evaluations, one, rule)
        if not (found and found.level == "identical" and verdict.level == "statistical"):
            found = verdict
    return found


def weights_of(files: Mapping[str, str]) -> dict[str, str]:
    """Those of `files` (digest by path) that hold weights."""
    return {path: digest for path, digest in files.items() if path.endswith(".safetensors")}


def suites_to_measure(evaluations: Mapping[str, Evaluation], rule: ReproductionRule) -> list[str]:
    """The suites that have measured a metric with a margin: what a training anew has to be measured by too."""
    first = {suite: one for suite, one in evaluations.items() if suite == one.ran}
    return sorted(suite for suite, one in first.items() if rule.margins.keys() & one.metrics.keys())


def _suite_of(evaluations: Mapping[str, Evaluation], name: str) -> str | None:
    return next((suite for suite in sorted(evaluations) if name in evaluations[suite].metrics), None)


def _judge_metric(
    card: ModelCard,
    evaluations: Mapping[str, Evaluation],
    repetitions: tuple[Repetition, ...],
    name: str,
    rule: ReproductionRule,
) -> MetricVerdict:
    suite = _suite_of(evaluations, name)
    recorded = evaluations[suite].metrics[name].value if suite else card.run.metrics[name]
    if not isinstance(recorded, float):
        return MetricVerdict(name, None, False, "the version is recorded with no finite number")
    values: list[float] = []
    for one in repetitions:
        value = one.suites.get(suite, {}).get(name, Metric()).value if suite else one.metrics.get(name)
        if value is None:
            return MetricVerdict(name, None, False, "a training anew has no such number")
        values.append(value)
    measured = equivalence(values, recorded, rule.margins[name])
    if measured.p is None:
        return MetricVerdict(name, measured, False, "one repetition proves nothing of its spread")
    return MetricVerdict(name, measured, measured.holds(rule.confidence))
