"""How far a version was met again: bit for bit, as well as its noise allows, or not."""

from typing import Any

import pytest

from modelbook.core.policy import ReproductionRule
from modelbook.core.reproduction import Repetition, ReproductionVerdict, judge_reproduction, standing, suites_to_measure
from tests.made import Made
from tests.made_fields import EARLIER, LATER, NOW, digest

MARGIN = ReproductionRule(margins={"accuracy": 0.01})
OTHER = {"model.safetensors": digest("other weights"), "config/model.json": digest("config")}


def repetition(accuracy: float | None = 0.95, **fields: Any) -> dict[str, Any]:
    """A training anew whose weights are others, and what the suite measured of it."""
    measured = {"accuracy": {"value": accuracy} if accuracy is not None else {"problem": "NaN"}}
    return {"files": OTHER, "metrics": {"loss": 0.25}, "suites": {"default": measured}, **fields}


def judged(repetitions: list[dict[str, Any]] | None, rule: ReproductionRule = MARGIN) -> ReproductionVerdict:
    registry = Made().dataset().version().reproduction(repetitions=repetitions).registry
    evaluation = registry.evaluation("models/digits/versions/1/evaluations/default.yaml")
    reproduction = registry.reproduction("models/digits/versions/1/reproductions/again.yaml")
    return judge_reproduction(registry.card("digits", 1), {"default": evaluation}, reproduction, rule)


def test_the_same_weights_are_the_same_model() -> None:
    found = judged(None)
    assert (found.level, found.other_weights, found.metrics) == ("identical", (), ())
    assert found.why == "the weights came out bit for bit the same, once"


def test_other_files_than_weights_may_differ() -> None:
    """A config may hold a date; what the model computes follows from the weights."""
    card = Made().dataset().version().registry.card("digits", 1)
    files = {artifact.path: artifact.digest for artifact in card.artifacts}
    assert judged([{"files": files | {"config/model.json": digest("another day")}}]).level == "identical"


def test_one_repetition_with_other_weights_is_not_identical_whatever_the_others_gave() -> None:
    card = Made().dataset().version().registry.card("digits", 1)
    same = {"files": {artifact.path: artifact.digest for artifact in card.artifacts}}
    found = judged([same, repetition()])
    assert (found.level, found.other_weights) == (None, ("model.safetensors",))


@pytest.mark.parametrize("files", [{}, {"config/model.json": digest("config")}])
def test_weights_that_are_missing_are_other_weights(files: dict[str, str]) -> None:
    assert judged([{"files": files}], ReproductionRule()).other_weights == ("model.safetensors",)


def test_weights_that_the_version_does_not_have_are_other_weights() -> None:
    card = Made().dataset().version().registry.card("digits", 1)
    files = {artifact.path: artifact.digest for artifact in card.artifacts} | {"extra.safetensors": digest("x")}
    assert judged([{"files": files}]).other_weights == ("extra.safetensors",)


def test_metrics_that_are_proven_to_be_equivalent_are_a_statistical_reproduction() -> None:
    found = judged([repetition(accuracy) for accuracy in (0.951, 0.949, 0.95, 0.9505)])
    assert (found.level, found.other_weights) == ("statistical", ("model.safetensors",))
    (metric,) = found.metrics
    assert metric.name == "accuracy"
    assert metric.holds
    assert metric.measured
    assert (metric.measured.recorded, metric.measured.n, metric.measured.margin) == (0.95, 4, 0.01)
    assert found.why == "the weights are others, but accuracy is equivalent"


@pytest.mark.parametrize(
    ("accuracies", "problem"),
    [
        ([0.95], "one repetition proves nothing of its spread"),
        ([0.95, None], "a training anew has no such number"),
        ([0.90, 0.90], None),
        ([0.99, 0.91], None),
    ],
)
def test_what_is_not_proven_is_not_reproduced(accuracies: list[float | None], problem: str | None) -> None:
    found = judged([repetition(accuracy) for accuracy in accuracies])
    assert found.level is None
    assert [metric.problem for metric in found.metrics] == [problem]
    assert "equivalence is not proven for accuracy" in found.why


def test_without_a_margin_other_weights_are_another_model() -> None:
    found = judged([repetition(), repetition()], ReproductionRule(margins={"bleu": 1.0}))
    assert (found.level, found.metrics) == (None, ())
    assert "policy.yaml gives no margin" in found.why


def test_every_metric_with_a_margin_has_to_agree() -> None:
    rule = ReproductionRule(margins={"accuracy": 0.01, "loss": 0.05})
    near = [repetition(0.95), repetition(0.95)]
    assert judged(near, rule).level == "statistical"
    far = [one | {"metrics": {"loss": 0.35}} for one in near]
    assert [metric.holds for metric in judged(far, rule).metrics] == [True, False]
    assert judged(far, rule).level is None


def test_a_metric_of_a_suite_is_compared_with_that_suites_number() -> None:
    """What the training says of itself is no evidence where somebody else has measured."""
    flattering = [repetition(0.5, metrics={"accuracy": 0.95}) for _ in range(3)]
    assert judged(flattering).level is None


def test_what_the_training_says_of_itself_never_speaks_for_it() -> None:
    found = judged([repetition(), repetition()], ReproductionRule(margins={"loss": 0.05}))
    assert [metric.holds for metric in found.metrics] == [True]
    assert (found.level, "no suite has measured a metric with a margin" in found.why) == (None, True)


def test_a_recorded_metric_that_is_no_number_is_met_by_nothing() -> None:
    """The card's `grad` is NaN, and the accuracy that agrees does not make up for it."""
    rule = ReproductionRule(margins={"accuracy": 0.01, "grad": 10.0})
    found = judged([repetition(metrics={"grad": 1.0}), repetition(metrics={"grad": 1.0})], rule)
    assert found.level is None
    assert [metric.problem for metric in found.metrics] == [None, "the version is recorded with no finite number"]


def test_a_version_without_weights_has_none_that_could_come_out_the_same() -> None:
    made = Made().dataset().version().reproduction()
    card = made.registry.card("digits", 1)
    config = tuple(artifact for artifact in card.artifacts if not artifact.path.endswith(".safetensors"))
    bare = card.model_copy(update={"artifacts": config})
    files = {artifact.path: artifact.digest for artifact in config}
    again = made.registry.reproduction("models/digits/versions/1/reproductions/again.yaml")
    found = judge_reproduction(
        bare, {}, again.model_copy(update={"repetitions": (Repetition(files=files),)}), ReproductionRule()
    )
    assert (found.level, found.why) == (None, "the version has no weights (.safetensors) that could come out the same")


def test_a_training_that_left_no_model_is_no_reproduction() -> None:
    found = judged([repetition(), {"error": "out of memory"}])
    assert found.level is None
    assert found.why == "a training anew left no model: out of memory"


def test_the_suites_to_measure_are_those_with_a_margin() -> None:
    made = Made().dataset().version().evaluation(suite="speed", metrics={"latency_ms_cpu": 3.0}).registry
    found = {suite: made.evaluation(path) for suite, path in made.evaluation_paths("digits", 1).items()}
    assert suites_to_measure(found, MARGIN) == ["default"]
    assert suites_to_measure(found, ReproductionRule(margins={"latency_ms_cpu": 1.0, "loss": 1.0})) == ["speed"]


@pytest.mark.parametrize(
    ("history", "level"),
    [
        ([], None),
        (["same"], "identical"),
        (["near"], "statistical"),
        (["same", "near"], "identical"),  # another machine, as good
        (["near", "same"], "identical"),
        (["same", "far"], None),
        (["far", "same"], "identical"),
        (["same", "far", "near"], "statistical"),
    ],
)
def test_the_best_reproduction_counts_unless_a_later_one_failed(history: list[str], level: str | None) -> None:
    kinds = {"same": None, "near": [repetition()] * 2, "far": [repetition(0.5)] * 2}
    made = Made().dataset().version()
    # Not in the order of their names.
    for number, (kind, ended) in enumerate(zip(history, (EARLIER, NOW, LATER), strict=False)):
        made.reproduction(repetitions=kinds[kind], number=f"r{9 - number}", started=EARLIER, ended=ended)
    registry = made.registry
    all_of_them = [registry.reproduction(path) for path in registry.reproduction_paths("digits", 1).values()]
    evaluation = registry.evaluation("models/digits/versions/1/evaluations/default.yaml")
    found = standing(registry.card("digits", 1), {"default": evaluation}, all_of_them, MARGIN)
    assert (found.level if found else None) == level
    assert (found is None) is (not history)
