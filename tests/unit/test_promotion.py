"""Whether a version may move into a stage, and the pointer that says so."""

import pytest

from modelbook.core.digests import digest_of
from modelbook.core.documents import dump
from modelbook.core.signing.statements import summary_statement
from modelbook.core.stages.promotion import Decision, decide
from modelbook.core.verifying.verification import verify_stage
from modelbook.errors import BadInput
from tests.made import POLICY, Made
from tests.made_fields import LATER, digest

BETTER = {"accuracy": 0.97, "latency_ms": 10.0}
STAGING = "models/digits/stages/staging.yaml"


def one() -> Made:
    return Made().dataset().version()


def judged(made: Made, version: int = 1, stage: str = "staging", reason: str | None = None) -> Decision:
    return decide(made.registry, "digits", version, stage, by="bob", now=LATER, reason=reason)


def codes(decision: Decision) -> set[str]:
    return {finding.code for finding in decision.findings}


def test_a_version_that_meets_every_gate_may_enter() -> None:
    decision = judged(one(), reason="first one")
    assert (decision.passed, decision.already, decision.baseline, decision.findings) == (True, False, None, ())
    assert [gate.verdict for gate in decision.gates] == ["passed"]


def test_the_pointer_says_what_was_judged_by_what_on_which_evidence() -> None:
    """Invariant 10: who, when, why, against what, on what: all of it stands in git."""
    made = one().put("models/digits/model.yaml", "model: digits\n").pointer("digits", "staging", 1)
    made.version("digits", 2, BETTER)
    pointer = judged(made, 2, reason="fewer errors").pointer
    assert pointer
    folder = "models/digits/versions/2"
    names = ["model.sig", "provenance.sigstore.json", "evaluations/default.yaml", "evaluations/default.sigstore.json"]
    assert pointer.model_dump() == {
        "format": "modelbook/stage/v1",
        "model": "digits",
        "stage": "staging",
        "version": 2,
        "card": digest_of(made.files[f"{folder}/card.yaml"]),
        "serial": 2,
        "decided": LATER,
        "by": "bob",
        "kind": None,
        "reason": "fewer errors",
        "overrides": None,
        "policy": digest_of(made.files["policy.yaml"]),
        "gates": digest_of(made.files["models/digits/model.yaml"]),
        "baseline": {"version": 1, "card": digest_of(made.files["models/digits/versions/1/card.yaml"])},
        "evidence": tuple({"path": name, "digest": digest_of(made.files[f"{folder}/{name}"])} for name in names),
    }


def test_the_pointer_that_is_proposed_verifies_once_it_is_signed() -> None:
    made = one()
    pointer = judged(made).pointer
    assert pointer
    written = dump(pointer)
    inputs = {evidence.path: evidence.digest for evidence in pointer.evidence}
    statement = summary_statement(pointer, written, inputs, passed=True)
    made.put(STAGING, written).sign("models/digits/stages/staging.promoter.sigstore.json", statement, "promoter")
    assert verify_stage(made.registry, "digits", "staging").findings == ()


def test_the_first_version_of_a_stage_is_accepted_or_refused_as_the_policy_says() -> None:
    made = one().pointer("digits", "staging", 1)
    accepted = judged(made, stage="production")
    assert (accepted.passed, accepted.gates[0].verdict) == (True, "first")
    strict = Made(policy=POLICY.replace("  first: accept\n", "")).dataset().version().pointer("digits", "staging", 1)
    refused = judged(strict, stage="production")
    assert (refused.passed, refused.gates[0].verdict) == (False, "failed")


def test_the_gates_of_the_model_are_added_to_those_of_the_policy() -> None:
    """Invariant 1: a model can only be stricter."""
    strict = "model: digits\ngates:\n  staging:\n  - metrics.accuracy >= 0.99\n"
    decision = judged(one().put("models/digits/model.yaml", strict))
    assert [(gate.verdict, gate.path, gate.line) for gate in decision.gates] == [
        ("passed", "registry/policy.yaml", 7),
        ("failed", "registry/models/digits/model.yaml", 4),
    ]
    assert not decision.passed


def test_a_version_that_is_not_evaluated_has_nothing_that_speaks_for_it() -> None:
    """Invariant 2."""
    decision = judged(Made().dataset().version(metrics=None))
    assert (decision.passed, decision.pointer, codes(decision)) == (False, None, {"not-evaluated"})
    assert "modelbook evaluate digits@1" in str(decision.findings[0].remedy)


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (Made().dataset().version(signer="mallory"), "bad-signature"),
        (one().drop("models/digits/versions/1/model.sig"), "unsigned"),
        (one().drop("models/digits/versions/1/provenance.sigstore.json"), "unsigned"),
        (one().put("models/digits/versions/1/card.yaml", "x: ["), "yaml"),
        (one().evaluation(suite="other", signer="mallory"), "bad-signature"),
        (Made().dataset().version(metrics=None).evaluation(signer="mallory"), "not-evaluated"),
        (one().edit("models/digits/versions/1/evaluations/default.yaml", "0.95", "0.99"), "other-statement"),
        (Made(), "no-such-version"),
    ],
)
def test_a_version_that_does_not_verify_may_not_enter(made: Made, code: str) -> None:
    """Invariants 1 and 3: one finding blocks, whatever the gates say."""
    decision = judged(made)
    assert code in codes(decision)
    assert not decision.passed


def test_metrics_that_the_training_reported_are_not_evidence() -> None:
    """Invariants 2 and 7: `loss` stands in the card, and no gate can read it."""
    policy = POLICY.replace("metrics.accuracy >= 0.90", "metrics.loss <= 0.5")
    decision = judged(Made(policy=policy).dataset().version())
    assert "no evaluation of the candidate measured 'loss'" in decision.gates[0].reason


def test_a_version_may_not_skip_a_stage() -> None:
    decision = judged(one(), stage="production")
    assert (codes(decision), decision.passed) == ({"skips-a-stage"}, False)
    assert "modelbook promote digits@1 --to staging" in str(decision.findings[0].remedy)
    other = one().version("digits", 2, BETTER).pointer("digits", "staging", 1)
    assert "(digits@1 is)" in judged(other, 2, "production").findings[0].message


def test_a_stage_that_does_not_verify_is_not_a_stage_that_was_passed() -> None:
    """Invariant 1: a pointer that somebody put into staging by hand opens nothing."""
    by_hand = one().pointer("digits", "staging", 1, signer="mallory")
    unsigned = one().pointer("digits", "staging", 1).drop("models/digits/stages/staging.promoter.sigstore.json")
    for made, code in ((by_hand, "bad-signature"), (unsigned, "unsigned")):
        decision = judged(made, stage="production")
        assert (code in codes(decision), decision.passed) == (True, False)


def test_a_baseline_that_does_not_verify_blocks_and_gives_no_numbers() -> None:
    """Invariant 3: also with `first: accept`, which is about a stage that is empty."""
    made = one().pointer("digits", "staging", 1).pointer("digits", "production", 1)
    made.version("digits", 2, BETTER).pointer("digits", "staging", 2)
    assert judged(made, 2, "production").passed
    for broken in (
        made.copy().drop("models/digits/versions/1/model.sig"),
        made.copy().drop("models/digits/versions/1/evaluations/default.sigstore.json"),
        made.copy().drop("models/digits/versions/1/card.yaml"),
        made.copy().put("models/digits/stages/production.yaml", "x: ["),
        made.copy().drop("models/digits/stages/production.promoter.sigstore.json"),
    ):
        decision = judged(broken, 2, "production")
        assert decision.findings
        assert not decision.passed


def test_a_version_that_holds_the_stage_is_there_already() -> None:
    made = one().pointer("digits", "staging", 1)
    assert judged(made).already
    assert not judged(made.version("digits", 2, BETTER), 2).already


def test_a_stage_that_does_not_exist_is_bad_input_and_names_those_that_do() -> None:
    with pytest.raises(BadInput, match="no stage is named 'canary'") as caught:
        judged(one(), stage="canary")
    assert caught.value.remedy == "Its stages: staging, production."


def test_a_decision_without_gates_is_no_pass() -> None:
    """Invariant 2: also where the card could not be read and no gate was judged."""
    assert not Decision("digits", 1, "staging", None, (), (), None).passed
    assert not judged(one().put("models/digits/versions/1/card.yaml", "")).passed


def test_everything_that_is_wrong_is_reported_at_once() -> None:
    made = Made().dataset().version(signer="mallory", metrics={"accuracy": 0.1})
    made.evaluation(suite="other", card=digest("x"))
    decision = judged(made, stage="production")
    assert codes(decision) == {"bad-signature", "other-card", "skips-a-stage"}
    assert [gate.verdict for gate in decision.gates] == ["first", "failed"]


PINNED = "model: digits\nsuites:\n  default: {entry_point: evaluate.py, dataset: digits@1}\n"


def test_numbers_from_another_test_set_than_the_one_that_is_pinned_pass_no_gate() -> None:
    """Nobody may choose an easier test for a model of his own."""
    made = Made().dataset().dataset("easy").put("models/digits/model.yaml", PINNED).version(metrics=None)
    made.evaluation(metrics=BETTER, data="easy")
    decision = judged(made)
    assert not decision.passed
    assert codes(decision) == {"not-pinned"}
    assert judged(Made().dataset().put("models/digits/model.yaml", PINNED).version()).passed


def test_a_baseline_is_compared_with_only_on_the_same_test_set() -> None:
    made = one().pointer("digits", "staging", 1).pointer("digits", "production", 1)
    made.dataset("easy").version("digits", 2, metrics=None).evaluation("digits", 2, BETTER, data="easy")
    decision = judged(made.pointer("digits", "staging", 2), 2, "production")
    assert not decision.passed
    assert any("baseline" in gate.reason and "measured" in gate.reason for gate in decision.gates)


def suites(**datasets: str) -> str:
    lines = [f"  {name}: {{entry_point: evaluate.py, dataset: {one}@1}}\n" for name, one in datasets.items()]
    return f"model: digits\nsuites:\n{''.join(lines)}"


def test_a_suite_that_model_yaml_does_not_name_any_more_measures_nothing_that_counts() -> None:
    """Its easier numbers would pass the gates of the suite that took its place."""
    made = Made().dataset().dataset("easy").version(metrics=None).evaluation(metrics=BETTER, suite="easy", data="easy")
    decision = judged(made.put("models/digits/model.yaml", suites(hard="digits")))
    assert not decision.passed
    assert codes(decision) == {"no-such-suite"}
    assert "no evaluation of the candidate measured 'accuracy'" in decision.gates[0].reason
    assert judged(made.evaluation(metrics=BETTER, suite="hard")).passed, "both measured it, and one of them counts"


def test_a_new_test_set_compares_with_the_baseline_once_it_has_measured_that_too() -> None:
    """Version 2 is worse than version 1, and looks better on the easier set of the new suite."""
    made = Made().dataset().dataset("easy").version().pointer("digits", "staging", 1).pointer("digits", "production", 1)
    made.version("digits", 2, metrics=None).evaluation("digits", 2, BETTER, suite="new", data="easy")
    made.put("models/digits/model.yaml", suites(new="easy")).pointer("digits", "staging", 2)
    decision = judged(made, 2, "production")
    assert (decision.passed, decision.gates[0].reason) == (
        False,
        "baseline: no evaluation of the baseline measured 'accuracy'",
    )
    for accuracy, passes in ((0.99, False), (0.96, True)):
        again = made.copy().evaluation("digits", 1, {"accuracy": accuracy}, suite="new", data="easy")
        assert judged(again, 2, "production").passed is passes


@pytest.mark.parametrize("named", [True, False])
def test_numbers_of_two_suites_are_not_compared(named: bool) -> None:
    """Each measured one of the two versions: also where model.yaml still names both, or none."""
    made = Made().dataset().version(metrics=None).evaluation(metrics={"accuracy": 0.94}, suite="hard")
    made.pointer("digits", "staging", 1).pointer("digits", "production", 1)
    made.version("digits", 2, metrics=None).evaluation("digits", 2, BETTER, suite="easy")
    if named:
        made.put("models/digits/model.yaml", suites(hard="digits", easy="digits"))
    decision = judged(made.pointer("digits", "staging", 2), 2, "production")
    assert not decision.passed
    assert decision.gates[0].reason == (
        "baseline: accuracy is not comparable: it was measured by suite hard on digits@1, "
        "the candidate's by suite easy on digits@1"
    )
