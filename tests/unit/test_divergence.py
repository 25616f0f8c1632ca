"""What gates may ask of a proxy, which way a metric is better, and when gates and users went apart."""

from typing import Literal

import pytest

from modelbook.core.experiments.divergence import Divergence, Step, divergences, promotions
from modelbook.core.experiments.online_history import History, Measurement, history_of
from modelbook.core.judging.better import better_of
from modelbook.core.judging.cel import ExpressionError
from modelbook.core.judging.expressions import parse
from modelbook.core.judging.gates import Facts, judge
from modelbook.core.judging.numbers import Numbers
from modelbook.core.pointer import Holder
from modelbook.core.policy import Gate, PlacedGate
from modelbook.core.stages.tenure import Landing, Tenure
from tests.made import Made
from tests.made_fields import NOW, digest

ASKED = 'proxy("perplexity", "satisfaction").sign_agreement >= 0.7'


def gate(require: str) -> PlacedGate:
    return PlacedGate(Gate(name="gate", require=require), "policy.yaml", 7)


def verdict(require: str, **numbers: float) -> tuple[str, str]:
    facts = Facts(Numbers({"accuracy": 0.9}, {}), None, proxies={("perplexity", "satisfaction"): numbers})
    (found,) = judge([gate(require)], facts, first="refuse")
    return found.verdict, found.reason


def test_what_a_condition_asks_of_proxies_is_known_before_it_runs() -> None:
    both = f"{ASKED} && proxy(\"a\", 'by_country.de.b').kendall > 0.0"
    assert parse(both).proxies == {("perplexity", "satisfaction"), ("a", "by_country.de.b")}
    assert parse("metrics.proxy > 0.5").proxies == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        'proxy("a", "b")',
        'proxy("a", "b") >= 0.5',
        'proxy("a").sign_agreement >= 0.5',
        'proxy("a", "b", "c").sign_agreement >= 0.5',
        'proxy("a", params.x).sign_agreement >= 0.5',
        'proxy("a", "b" + "c").sign_agreement >= 0.5',
        'proxy("a", "b").p >= 0.5',
        'proxy("a", "b")["sign_agreement"] >= 0.5',
        'metrics.x.proxy("a", "b").sign_agreement >= 0.5',
        "proxy >= 0.5",
        "proxy.sign_agreement >= 0.5",
    ],
)
def test_a_proxy_that_is_not_written_out_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_the_number_the_limit_and_the_margin_are_shown() -> None:
    assert verdict(ASKED, sign_agreement=0.9) == ("passed", "")
    assert verdict(ASKED, sign_agreement=0.6) == ("failed", f"{ASKED[:-7]} is 0.6, short of 0.7 by 0.1")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_proxy_that_is_no_finite_number_passes_nothing(number: float) -> None:
    assert verdict(ASKED, sign_agreement=number)[0] == "failed"


def test_what_nobody_looked_up_passes_nothing() -> None:
    """Also where CEL would not have looked at it."""
    (found,) = judge([gate(f"true || {ASKED}")], Facts(Numbers({}, {}), None), first="accept")
    assert (found.verdict, found.reason) == (
        "failed",
        "perplexity is no proxy for satisfaction: no experiment is on record",
    )


# Which way is better


@pytest.mark.parametrize(
    ("gates", "better"),
    [
        (["metrics.accuracy >= 0.9"], {"accuracy": 1}),
        (["metrics.latency_ms.p99 < 50.0 && metrics.accuracy > 0.9"], {"latency_ms.p99": -1, "accuracy": 1}),
        (["metrics.loss <= baseline.metrics.loss + 0.1"], {"loss": -1}),
        (['significantly_less("loss", 0.95)'], {"loss": -1}),
        (['not_worse("toxicity", 0.01, 0.95, "lower_is_better")'], {"toxicity": -1}),
        (["metrics.length > 1.0", "metrics.length < 9.0"], {}),
        (["metrics.accuracy * 2.0 > 1.0"], {}),
        (["metrics.accuracy =="], {}),
    ],
)
def test_gates_say_which_way_is_better(gates: list[str], better: dict[str, int]) -> None:
    assert better_of({}, [gate(one) for one in gates]) == better


def test_what_the_model_says_of_itself_counts_before_what_gates_take_for_better() -> None:
    said: dict[str, Literal["higher_is_better", "lower_is_better"]] = {"accuracy": "lower_is_better"}
    assert better_of(said, [gate("metrics.accuracy > 0.5")]) == {"accuracy": -1}


# Gates and users went apart


def chain(*values: float, noise: float = 0.001) -> History:
    """What users gave versions 1, 2, …, each tried against the one before it; the offline metric is the version."""
    found = [
        Measurement(at, version, "satisfaction", values[version - 1], noise, 1000)
        for at in range(len(values) - 1)
        for version in (at + 1, at + 2)
    ]
    return history_of(found, {"score": {version: float(version) for version in range(1, len(values) + 1)}})


STEPS: list[Step] = [(1, 2), (2, 3), (3, 4)]


def apart(history: History, steps: list[Step] = STEPS, last: int = 3, score: Literal[1, -1] = 1) -> object:
    found = divergences(history, steps, {"score": score}, {}, last=last)
    return found if isinstance(found, str) else [(one.offline, one.online) for one in found]


def test_they_went_apart_where_the_gates_metric_rose_each_time_and_users_fell_beyond_noise() -> None:
    assert apart(chain(0.7, 0.69, 0.68, 0.67)) == [("score", "satisfaction")]
    assert apart(chain(0.7, 0.71, 0.72, 0.73)) == []
    assert apart(chain(0.7, 0.69, 0.68, 0.67), score=-1) == []
    assert apart(chain(0.7, 0.69, 0.68, 0.67, noise=0.1)) == []
    assert apart(chain(0.7, 0.69, 0.68, 0.67), [*STEPS[:2], (3, 2)]) == []


def test_the_evidence_has_each_version_and_says_how_far() -> None:
    found = divergences(chain(0.7, 0.69, 0.68, 0.67), STEPS, {"score": 1}, {}, last=3)
    assert isinstance(found, list)
    (one,) = found
    assert isinstance(one, Divergence)
    assert one.change == pytest.approx(-0.03)
    assert list(one.offline_values) == [1, 2, 3, 4]
    assert one.online_values == pytest.approx({1: 0.7, 2: 0.69, 3: 0.68, 4: 0.67})
    assert "score became better in each of the last 3 promotions (1 to 4)" in one.words
    assert "-0.03 ± 0.0024 from version 1 to 4" in one.words


def test_an_online_metric_of_which_less_is_better_fell_where_it_rose() -> None:
    found = divergences(chain(0.1, 0.11, 0.12, 0.13), STEPS, {"score": 1}, {"satisfaction": -1}, last=3)
    assert isinstance(found, list)
    assert len(found) == 1


def test_what_cannot_be_said_is_said() -> None:
    assert apart(chain(0.7, 0.6), last=3, steps=[(1, 2)]) == "1 promotion so far, and it takes 3"
    assert apart(chain(0.7, 0.6), last=1, steps=[(1, 9)]) == "no experiments tie the versions 1 and 9 together"


def test_a_rollback_is_no_promotion_and_what_it_left_is_where_the_next_began() -> None:
    made = Made().dataset().version("digits", 1).pointer("digits", "staging", 1)
    pointer = made.registry.pointer("digits", "staging")
    assert pointer

    def held(version: int, kind: Literal["rollback"] | None = None) -> Tenure:
        landing = Landing(None, NOW, pointer.model_copy(update={"kind": kind}), {})  # type: ignore[arg-type]
        return Tenure(Holder(version=version, card=digest(str(version))), NOW, landings=(landing,))

    assert promotions([held(1), held(2), held(3), held(2, "rollback"), held(4)]) == [(1, 2), (2, 3), (2, 4)]
