"""What lies between two versions: only what differs, and only like numbers are compared."""

from typing import Any

from modelbook.core.card import ModelCard
from modelbook.core.evaluation import Evaluation
from modelbook.core.queries.differences import differences, metric_pairs
from modelbook.core.queries.drift import Drift
from tests.made import Made, record
from tests.made_fields import card_fields


def card(version: int = 1, **run: Any) -> ModelCard:
    fields = card_fields("digits", version)
    fields["run"] |= run
    return record(ModelCard, fields)


def test_versions_that_differ_in_nothing_are_said_to_be_the_same_in_every_kind() -> None:
    found = differences(card(1), card(2))
    assert not any(found.kinds.values())
    assert found.same == ("code", "data", "parents", "parameters", "seed and start", "environment")


def test_only_parameters_that_differ_are_told_and_a_text_is_no_number() -> None:
    left = card(params={"lr": 0.1, "same": [1], "opt": {"name": "adam", "eps": 1e-8}, "n": 1, "gone": None, "on": True})
    right = card(params={"lr": "0.1", "same": [1], "opt": {"name": "sgd", "eps": 1e-8}, "n": 1, "new": {}, "on": 1})
    assert differences(left, right).parameters == (
        Drift("gone", "null", None),
        Drift("lr", "0.1", '"0.1"'),
        Drift("on", "true", "1"),
        Drift("opt.name", '"adam"', '"sgd"'),
        Drift("new", None, "{}"),
    )


def test_code_data_parents_and_start_are_told_by_what_differs() -> None:
    fields = card_fields("digits", 2)
    fields["run"] |= {"seed": None, "arguments": ["--fast"], "processes": 2, "deterministic": True}
    fields["lineage"]["code"] |= {"commit": "d" * 40, "dirty": True, "folder": "models"}
    made = Made().dataset("digits", 1).dataset("digits", 2)
    fields["lineage"]["datasets"] = [made.use("digits", 2), made.use("digits", 1, "validation")]
    fields["lineage"]["parents"] = [{"model": "base", "version": 3, "card": "sha256:" + "0" * 64}]
    found = differences(card(1), record(ModelCard, fields))
    assert found.code == (
        Drift("commit", "c" * 40, "d" * 40),
        Drift("entry point", "examples/digits/train.py", "models/examples/digits/train.py"),
        Drift("not committed", None, "some of it"),
    )
    assert found.data == (Drift("train", None, "digits@2"), Drift("validation", None, "digits@1"))
    assert found.parents == (Drift("base", None, "base@3"),)
    assert found.run == (
        Drift("seed", "7", None),
        Drift("deterministic", "no", "yes"),
        Drift("arguments", None, "--fast"),
        Drift("processes", None, "2"),
    )


def test_metrics_on_other_data_are_not_compared() -> None:
    made = Made().dataset("digits", 1).dataset("digits", 2)
    made.version("digits", 1, {"accuracy": 0.9, "old": 1.0}).version("digits", 2, None)
    made.evaluation("digits", 2, {"accuracy": 0.95, "new": None}, dataset=made.use("digits", 2, "test"))

    def graded(version: int) -> dict[str, Evaluation]:
        known = made.registry
        return {suite: known.evaluation(path) for suite, path in known.evaluation_paths("digits", version).items()}

    pairs = {one.name: one for one in metric_pairs(graded(1), graded(2))}
    assert pairs["accuracy"].elsewhere == "digits@1"
    assert (pairs["accuracy"].left, pairs["accuracy"].difference) == (None, None)
    alike = {one.name: one for one in metric_pairs(graded(1), graded(1))}
    assert (alike["accuracy"].elsewhere, alike["accuracy"].difference) == (None, 0.0)
    assert {one.name for one in metric_pairs({}, graded(2))} == {"accuracy", "new"}
    assert all(one.left is None for one in metric_pairs({}, graded(2)))
