"""What an experiment found, beside a model: believed only where it is signed, in its place, of its cards, and fair."""

import pytest

from modelbook.core.documents import DocumentError
from modelbook.core.experiments.online_evidence import experiments_that_count, verify_online
from modelbook.core.experiments.sample_ratio import sample_ratio
from modelbook.core.signing.signed_payloads import payloads_of
from modelbook.core.stages.planning import is_outdated
from modelbook.core.verifying.changes import check_change
from tests.made import RULES, SIGNERS, Made, trust_yaml
from tests.made_fields import EARLIER, LATER, NOW, TRAINING_JOB, digest

PLACE = "models/digits/online/spring.yaml"
SIGNATURE = "models/digits/online/spring.sigstore.json"
GOOD = {"satisfaction": {"n": 1000, "count": 700}}


def two() -> Made:
    return Made().dataset().version("digits", 1).version("digits", 2)


def codes(made: Made) -> set[str]:
    return {finding.code for finding in verify_online(made.registry, "digits", "spring").findings}


def change_codes(base: Made, head: Made) -> dict[str, str]:
    return {one.code: one.level for one in check_change(base.registry, head.registry, now=NOW).findings}


def counting(made: Made) -> list[str]:
    return [one.experiment for one in experiments_that_count(made.registry, "digits")[0]]


def test_what_an_experiment_found_is_a_change_like_any_other() -> None:
    head = two().online()
    assert codes(head) == set()
    verdict = check_change(two().registry, head.registry, now=NOW)
    assert verdict.findings == ()
    assert verdict.does == ("adds what the experiment spring found of digits",)
    assert counting(head) == ["spring"]


@pytest.mark.parametrize("signer", ["mallory", "registrar", "promoter"])
def test_one_that_anybody_else_signed_is_refused(signer: str) -> None:
    made = two().online(signer=signer)
    assert codes(made) == {"bad-signature"}
    assert change_codes(two(), made) == {"bad-signature": "error"}
    assert counting(made) == []


def test_a_registry_whose_rules_say_nothing_of_experiments_believes_none() -> None:
    rules = (*RULES[:1], {"models": "*", "statements": ["evaluation"], "signers": ["grader"]}, *RULES[2:])
    made = Made(trust=trust_yaml(rules, SIGNERS)).dataset().version("digits", 1).version("digits", 2).online()
    assert codes(made) == {"nobody-allowed"}


def test_without_its_other_half_it_is_a_finding() -> None:
    assert codes(two().online().drop(SIGNATURE)) == {"unsigned"}
    assert codes(two().online().drop(PLACE)) == {"no-online"}


def test_another_byte_another_place_and_another_model_are_refused() -> None:
    made = two().online()
    assert codes(made.copy().put(PLACE, made.files[PLACE] + b"\n")) == {"other-statement"}
    donor = two().version("other", 1).version("other", 2).online("other").online(experiment="autumn")
    for name in ("models/other/online/spring", "models/digits/online/autumn"):
        head = two().version("other", 1).version("other", 2)
        for end in (".yaml", ".sigstore.json"):
            head.put(PLACE.replace(".yaml", end), donor.files[name + end])
        assert "other-name" in codes(head), name


def test_it_never_changes_and_never_goes() -> None:
    made = two().online()
    for path in (PLACE, SIGNATURE):
        assert change_codes(made, made.copy().put(path, made.files[path] + b"\n"))["immutable"] == "error"
        assert change_codes(made, made.copy().drop(path))["immutable"] == "error"


def test_it_is_of_these_very_cards_and_recorded_by_none_that_trained_them() -> None:
    assert codes(two().online(arms={1: GOOD, 2: GOOD | {}}).drop("models/digits/versions/2/card.yaml")) >= {
        "no-such-version"
    }
    wrong = {"metrics": GOOD, "card": digest("another card")}
    assert codes(two().online(arms={1: GOOD, 2: wrong})) == {"other-card"}
    assert codes(two().online(job=TRAINING_JOB)) == {"graded-by-trainer"}
    trained = two().version("digits", 3, run=run_in("github:acme/models/77/train"))
    assert codes(trained.online(arms={1: GOOD, 3: GOOD}, job="github:acme/models/77/online")) == {"graded-by-trainer"}
    assert codes(trained.online(arms={1: GOOD, 3: GOOD}, job="github:Acme/models/77/x")) == {"graded-by-trainer"}
    assert codes(trained.online(arms={1: GOOD, 3: GOOD}, job="github:acme/models/78/online")) == set()


def run_in(job: str) -> dict[str, object]:
    return {"id": "run-3", "experiment": "x", "job": job, "user": "alice", "started": EARLIER, "ended": NOW, "seed": 7,
            "params": {}, "metrics": {}}  # fmt: skip


def test_a_revocation_can_name_it_and_an_open_promotion_is_judged_again() -> None:
    made = two().online()
    assert len(payloads_of(made.files, PLACE)) == 1
    assert is_outdated(["models/digits/stages/staging.yaml"], [PLACE])
    assert not is_outdated(["models/other/stages/staging.yaml"], [PLACE])


# Units that were not split as meant


def split(first: int, second: int, **shares: float) -> Made:
    arms = {1: {"assigned": first, "metrics": GOOD}, 2: {"assigned": second, "metrics": GOOD}}
    for version, share in zip((1, 2), shares.values(), strict=False):
        arms[version]["share"] = share
    return two().online(arms=arms)


def test_a_split_by_chance_is_fair_and_another_is_told_loudly_and_counts_for_nothing() -> None:
    fair, unfair = split(10_070, 9_930), split(10_400, 9_600)
    assert counting(fair) == ["spring"]
    assert change_codes(two(), fair) == {}
    assert change_codes(two(), unfair) == {"sample-ratio-mismatch": "warning"}
    found, findings = experiments_that_count(unfair.registry, "digits")
    assert found == []
    told = "version 1 has 10,400 of 10,000, version 2 has 9,600 of 10,000 (units assigned; by chance p = 1.5e-08)"
    assert findings[0].message == f"sample-ratio mismatch: {told}"


def test_what_was_meant_is_what_the_split_is_held_to() -> None:
    assert counting(split(9_000, 1_000, a=0.9, b=0.1)) == ["spring"]
    assert counting(split(9_000, 1_000)) == []
    assert counting(split(5_000, 0)) == []


def test_without_assigned_units_those_of_a_metric_are_counted_and_a_shadow_run_splits_nothing() -> None:
    uneven = {1: {"rate": {"n": 2000, "count": 9}}, 2: {"rate": {"n": 1000, "count": 9}}}
    ratio = sample_ratio(two().online(arms=uneven).registry.online("digits", "spring"))
    assert ratio is not None
    assert ratio.mismatch
    assert "units of rate, since `assigned` is missing" in ratio.words
    assert sample_ratio(two().online(arms=uneven, kind="shadow").registry.online("digits", "spring")) is None


# Two experiments that overlap


def test_an_experiment_on_units_that_another_had_is_refused_unless_it_says_that_it_had_others() -> None:
    base = two().online()
    assert change_codes(base, base.copy().online(experiment="summer")) == {"overlapping-experiments": "error"}
    apart = base.copy().online(experiment="summer", apart_from=["spring"])
    assert change_codes(base, apart) == {}
    assert counting(apart) == ["spring", "summer"]
    later = base.copy().online(experiment="summer", started="2026-02-15T00:00:00Z", ended="2026-02-20T00:00:00Z")
    assert change_codes(base, later) == {}


def test_of_two_that_came_by_two_changes_the_one_recorded_first_counts_and_the_registry_is_not_red_for_good() -> None:
    both = two().online(experiment="a", recorded=LATER).online(experiment="b")
    found, findings = experiments_that_count(both.registry, "digits")
    assert [one.experiment for one in found] == ["b"]
    assert {(one.code, one.level) for one in findings} == {("overlapping-experiments", "warning")}


# Bad input


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        ({"rate": {"n": 0, "count": 0}}, "greater than or equal to 1"),
        ({"rate": {"n": 10, "count": -1}}, "greater than or equal to 0"),
        ({"rate": {"n": 10, "count": 11}}, "`count` is 11, of no more than n = 10"),
        ({"rate": {"n": 10}}, "one of `mean` and `count`"),
        ({"rate": {"n": 10, "mean": 1.0}}, "`mean` and `stderr` go together"),
        ({"rate": {"n": 10, "mean": 1.0, "stderr": 0}}, "greater than 0"),
        ({"rate": {"n": 10, "mean": 1.0, "stderr": 1e-300}}, "a noise below 1e-100"),
        ({"rate": {"n": 10, "mean": 1e300, "stderr": 1.0}}, "numbers beyond 1e+100"),
        ({"rate": {"n": 10, "mean": 1.0, "stderr": 0.1, "count": 1}}, "one of `mean` and `count`"),
        ({"rate": {"n": 10, "count": 1}, "rate.de": {"n": 5, "count": 1}}, "cannot be a metric and hold"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(arm: dict[str, object], words: str) -> None:
    made = two().online()
    text = made.files[PLACE].decode().partition("arms:")[0] + "arms:\n"
    for version in (1, 2):
        card = made.registry.digest(made.registry.card_path("digits", version))
        text += f"- version: {version}\n  card: {card}\n  metrics: {arm if version == 2 else GOOD}\n"
    made.put(PLACE, text.replace("'", '"'))
    (finding,) = verify_online(made.registry, "digits", "spring").findings
    assert words in finding.message
    assert finding.line is not None
    assert counting(made) == []


def test_one_version_alone_twice_or_a_time_that_runs_backwards_is_no_experiment() -> None:
    made = two().online()
    head, _, arms = made.files[PLACE].decode().partition("arms:\n")
    first, second = arms.split("- version: 2")
    for text, words in (
        (f"{head}arms:\n{first}", "needs at least 2 items"),
        (f"{head}arms:\n{first}- version: 1{second}", "version 1 stands there twice"),
        (f"{head}arms:\n{arms}".replace("2026-02-15", "2026-01-15"), "starts, ends, and is recorded then"),
    ):
        with pytest.raises(DocumentError, match=words):
            made.copy().put(PLACE, text).registry.online("digits", "spring")
