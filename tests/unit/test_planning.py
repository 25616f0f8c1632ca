"""What waits to be done, read off the registry's state alone."""

import pytest

from modelbook.core.stages.planning import Held, Plan, Todo, is_outdated, plan
from tests.made import POLICY, Made
from tests.made_fields import NOW

MODEL = """\
model: digits
suites:
  default: {entry_point: evaluate.py, dataset: digits@1}
  slow: {entry_point: measure.py, dataset: digits@1}
"""
BETTER = {"accuracy": 0.97, "latency_ms": 10.0}
NOTHING = Plan((), ())


def planned(made: Made) -> Plan:
    return plan(made.registry, now=NOW)


def test_an_empty_registry_waits_for_nothing() -> None:
    assert planned(Made()) == NOTHING
    assert planned(Made().put("models/digits/model.yaml", MODEL)) == NOTHING


def test_every_suite_that_has_not_measured_the_latest_version_waits() -> None:
    made = Made().put("models/digits/model.yaml", MODEL).dataset().version(metrics=None)
    assert planned(made) == Plan((Todo("digits", 1, "default"), Todo("digits", 1, "slow")), ())
    assert planned(made.evaluation(suite="default")) == Plan((Todo("digits", 1, "slow"),), ())
    assert planned(made.evaluation(metrics={"size": 1.0}, suite="slow")).evaluations == ()


def test_a_version_is_proposed_for_an_automatic_stage_once_every_suite_measured_it() -> None:
    made = Made().put("models/digits/model.yaml", MODEL).dataset().version()
    assert planned(made).promotions == ()
    made.evaluation(metrics={"size": 1.0}, suite="slow")
    assert planned(made) == Plan((), (Todo("digits", 1, "staging"),))


def test_nothing_is_proposed_that_holds_the_stage_already_or_that_a_gate_refuses() -> None:
    assert planned(Made().dataset().version().pointer("digits", "staging", 1)) == NOTHING
    assert planned(Made().dataset().version(metrics={"accuracy": 0.5})) == NOTHING


def test_nothing_is_proposed_that_does_not_verify() -> None:
    """Invariants 1 and 3."""
    assert planned(Made().dataset().version(signer="mallory")) == NOTHING
    assert planned(Made().dataset().version(metrics=None).evaluation(signer="mallory")) == NOTHING
    assert planned(Made().dataset().version().drop("models/digits/versions/1/model.sig")) == NOTHING


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("models/digits/versions/2/card.yaml", "model: [\n"),
        ("models/digits/versions/1/card.yaml", "model: [\n"),
        ("models/digits/versions/2/evaluations/default.yaml", "suite: 1\n"),
        ("models/digits/stages/production.yaml", "version: two\n"),
        ("models/digits/model.yaml", "owners: 7\n"),
    ],
)
def test_what_cannot_be_read_is_named_and_what_waits_of_other_models_is_planned(path: str, data: str) -> None:
    made = Made().dataset().version().pointer("digits", "production", 1).version("digits", 2, BETTER).version("fraud")
    whole = planned(made)
    assert whole == Plan((), (Todo("digits", 2, "staging"), Todo("fraud", 1, "staging")))
    found = planned(made.put(path, data))
    assert (found.promotions, {one.path for one in found.findings}) == (whole.promotions[1:], {f"registry/{path}"})


def test_a_stage_that_is_not_automatic_waits_for_a_person() -> None:
    assert planned(Made(policy=POLICY.replace("  auto: true\n", "")).dataset().version()) == NOTHING


def test_only_the_latest_version_of_each_model_is_looked_at() -> None:
    made = Made().dataset().version().version("digits", 2, BETTER).version("fraud")
    assert planned(made) == Plan((), (Todo("digits", 2, "staging"), Todo("fraud", 1, "staging")))


def test_the_same_state_gives_the_same_plan() -> None:
    """Invariant 9: a lost or repeated event changes nothing."""
    made = Made().dataset().version().version("fraud", metrics=None)
    assert planned(made) == planned(made) == planned(made.copy())


def test_what_waits_for_nothing_but_a_release_is_told_with_the_hold() -> None:
    made = Made().dataset().version().pointer("digits", "staging", 1)
    made.pointer("digits", "staging", 1, kind="hold", reason="audit", by="anna", baseline=None)
    assert planned(made) == NOTHING, "it holds the stage"
    better = made.copy().version("digits", 2, BETTER)
    assert planned(better) == Plan((), (), held=(Held(Todo("digits", 2, "staging"), "anna", NOW, "audit"),))
    assert planned(made.copy().version("digits", 2, {"accuracy": 0.5})) == NOTHING, "a gate refuses it as well"
    assert planned(made.copy().version("digits", 2, BETTER, signer="mallory")) == NOTHING
    assert planned(better.put("policy.yaml", POLICY.replace("  auto: true\n", ""))) == NOTHING


POINTER = "models/digits/stages/staging.yaml"


@pytest.mark.parametrize(
    ("moved", "outdated"),
    {
        "policy.yaml": True,
        "trust.yaml": True,
        "trust.alice.sshsig": True,
        "models/digits/model.yaml": True,
        POINTER: True,
        "models/digits/stages/production.yaml": True,
        "models/digits/versions/1/revoked.yaml": True,
        "models/digits/versions/1/evaluations/default.yaml": True,
        "models/digits/versions/9/card.yaml": False,
        "models/other/model.yaml": False,
        "models/other/stages/staging.yaml": False,
        "datasets/scans/versions/1/card.yaml": False,
        "README.md": False,
    }.items(),
)
def test_a_verdict_on_a_stage_rests_on_the_rules_and_on_what_stands_of_its_model(moved: str, outdated: bool) -> None:
    assert is_outdated([POINTER], [moved]) is outdated
    assert not is_outdated([POINTER], [])
    assert not is_outdated(["models/digits/versions/9/card.yaml"], [moved]), "a fact"


def test_a_change_of_trust_rests_on_the_rules_alone() -> None:
    proposed = ["trust.yaml", "trust.alice.sshsig"]
    assert is_outdated(proposed, ["trust.yaml"])
    assert not is_outdated(proposed, [POINTER])
