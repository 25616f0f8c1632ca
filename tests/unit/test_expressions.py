"""Conditions in CEL: what one may read is known before it runs, and what hides from that is refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.judging.cel import ExpressionError, evaluate
from modelbook.core.judging.expressions import Comparison, parse

VALUES: dict[str, Any] = {
    "metrics": {"accuracy": 0.95, "latency": 12.0},
    "baseline": {"metrics": {"accuracy": 0.9}},
    "tags": ["cpu"],
    "params": {"lr": 0.1},
}


@pytest.mark.parametrize(
    ("text", "metrics", "baseline"),
    [
        ("metrics.accuracy >= 0.9", {"accuracy"}, set()),
        ('metrics["accuracy"] >= 0.9', {"accuracy"}, set()),
        ("metrics['accuracy'] >= 0.9", {"accuracy"}, set()),
        ("metrics . accuracy >= .9", {"accuracy"}, set()),
        ("metrics.accuracy > baseline.metrics.accuracy + 0.01", {"accuracy"}, {"accuracy"}),
        ('baseline.metrics["accuracy"] < metrics.latency', {"latency"}, {"accuracy"}),
        ("has(metrics.accuracy) && metrics.accuracy > 0.9", {"accuracy"}, set()),
        ("true || metrics.accuracy > 0.9", {"accuracy"}, set()),
        ("!(metrics.accuracy < 0.9 || metrics.latency > 50.0)", {"accuracy", "latency"}, set()),
        ("metrics.accuracy in [metrics.latency, 1.0]", {"accuracy", "latency"}, set()),
        ("metrics.accuracy > 0.9 // and not metrics.latency", {"accuracy"}, set()),
        ("metrics.accuracy > 0.9 && 'metrics.latency' != ''", {"accuracy"}, set()),
        ("tags.exists(tag, tag == 'cpu') && params.lr < 1.0", set(), set()),
        ("metrics.accuracy > 0.9 ? metrics.latency < 1.0 : metrics.size < 2.0", {"accuracy", "latency", "size"}, set()),
    ],
)
def test_the_metrics_that_an_expression_names_are_known_wherever_they_stand(
    text: str, metrics: set[str], baseline: set[str]
) -> None:
    expression = parse(text)
    assert (set(expression.metrics), set(expression.baseline_metrics)) == (metrics, baseline)
    assert expression.reads_baseline == bool(baseline)


@pytest.mark.parametrize(
    "text",
    [
        # computed, passed on, shadowed: which metric is read would be known too late
        "metrics[tags[0]] > 0.9",
        "metrics['accu' + 'racy'] > 0.9",
        "size(metrics) > 1",
        "metrics.size() > 1",
        "metrics.exists(name, true)",
        "dyn(metrics).accuracy > 0.9",
        "[metrics][0].accuracy > 0.9",
        "{'a': metrics}.a.accuracy > 0.9",
        "metrics == metrics",
        "[1.0].exists(metrics, metrics.accuracy > 0.9)",
        "baseline.accuracy > 0.9",
        "baseline['metrics'].accuracy > 0.9",
        "has(baseline.metrics)",
        "has(baseline)",
        "baseline == baseline",
        "metrics.?accuracy.orValue(1.0) > 0.9",
        "metrics[?'accuracy'].orValue(1.0) > 0.9",
        "metrics.`accuracy` > 0.9",
        # read from the root of all names, which is the same variable by another spelling
        ".metrics.missing > 0.0 || metrics.accuracy > 0.9",
        "metrics.accuracy > 0.9 || (.metrics.missing > 0.0)",
        "metrics.accuracy > 0.9 || true == .metrics.missing > 0.0",
        # texts of kinds that no gate needs, and that end by rules of their own
        r"""tags == [rb"\"] || metrics.missing > 0.5 || tags == ["//"] || metrics.accuracy > 0.9""",
        "''' ' ''' == '' || metrics.missing > 0.5 || ''' ' ''' == '' || metrics.accuracy > 0.9",
        'metrics.accuracy > 0.9 || """a""" == "b"',
        "metrics.accuracy > 0.9 || b'a' == b'b'",
    ],
)
def test_what_hides_which_metric_it_reads_is_refused(text: str) -> None:
    """Invariant 2: a missing metric must be found even where CEL would not have looked at it."""
    with pytest.raises(ExpressionError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        r"""tags == [r"\"] || metrics.missing > 0.5 || tags == ["//"] || metrics.accuracy > 0.9""",
        r"""tags == [R'\'] || metrics.missing > 0.5 || tags == ['//'] || metrics.accuracy > 0.9""",
        r"""tags == ["\""] || metrics.missing > 0.5 || tags == ["//"] || metrics.accuracy > 0.9""",
        r"""tags == ["\\"] || metrics.missing > 0.5 || tags == ["//"] || metrics.accuracy > 0.9""",
    ],
)
def test_a_text_ends_here_where_it_ends_in_cel(text: str) -> None:
    """Invariant 2: nothing that CEL evaluates is taken for a part of a text, or of a comment."""
    assert evaluate(text, VALUES) is True
    assert parse(text).metrics == {"missing", "accuracy"}


@pytest.mark.parametrize("text", ["", " ", "true", "1 == 1", "'metrics.accuracy' == ''", "accuracy > 0.9", "1 / 0 > 1"])
def test_a_condition_that_reads_nothing_of_the_model_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="reads nothing of the model"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics.accuracy >> 0.9", "not CEL"),
        ("metrics.accuracy >= ", "not CEL"),
        ("metrics.accuracy >= 0.9)", "not CEL"),
        ("metrics.accuracy = 0.9", "'=' does not belong in a condition"),
        ("metrics.accuracy > 0.9; drop", "';' does not belong"),
        ("metrics.accuracy > 0.9 & true", "'&' does not belong"),
        ("metrics.accuracy \u2265 0.9", "does not belong"),
        ("metrics.accuracy > \u0661", "does not belong"),
        ("metrics.accuracy > 'x", "does not belong"),
        ("(" * 900 + "metrics.accuracy > 0.9" + ")" * 900, "not CEL"),
        ("metrics.accuracy in " + "[" * 900 + "]" * 900, "not CEL"),
    ],
)
def test_what_is_no_condition_is_refused_in_a_sentence(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("metrics.accuracy >= 0.95", True),
        ("metrics.accuracy > baseline.metrics.accuracy + 0.1", False),
        ("metrics.latency < 50", True),
        ("metrics.accuracy * 2.0", 1.9),
        ("tags.exists(tag, tag == 'cpu')", True),
        ("params.lr <= 0.1", True),
        (r"""tags == [r"\"] || metrics.accuracy > 0.9""", True),
    ],
)
def test_expressions_have_the_values_that_cel_gives_them(text: str, value: object) -> None:
    parse(text)
    assert evaluate(text, VALUES) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics.toxicity < 0.1", "there is no 'toxicity'"),
        ("params.missing < 0.1", "there is no 'missing'"),
        ("metrics.accuracy > '0.9'", "No such overload"),
        ("metrics.accuracy * 2 > 1.0", "numbers are written with a point (1.0)"),
        ("metrics.accuracy && true", "overload"),
        ("1 / 0 > params.lr", "by zero"),
        ("metrics.accuracy > unknown", "unknown"),
        ("metrics.accuracy.deeper > 0.9", "overload"),
    ],
)
def test_where_cel_cannot_say_the_error_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, VALUES)
    assert message.lower() in str(caught.value).lower()
    assert "\n" not in str(caught.value)


def test_the_comparisons_that_decide_are_those_that_and_joins_at_the_top() -> None:
    found = parse("metrics.a >= 0.9 && metrics.b < baseline.metrics.b + (1.0 - 0.5) && has(metrics.c)").comparisons
    assert found == (
        Comparison("metrics.a", ">=", "0.9"),
        Comparison("metrics.b", "<", "baseline.metrics.b + (1.0 - 0.5)"),
    )
    for text in ("metrics.a > 0.9 || metrics.b > 0.9", "!(metrics.a > 0.9)", "metrics.a > 0.9 ? true : false"):
        assert parse(text).comparisons == ()


ALPHABET = st.sampled_from(
    (
        *(
            "metrics",
            "baseline",
            "tags",
            "params",
            "has",
            "true",
            "accuracy",
            "a",
            "x",
            "metrics.a",
            "baseline.metrics.a",
        ),
        *(".", ".", "[", "]", "(", ")", ",", "?", ":", "!", "-", "+", "*", "/", "%", ">", "<", ">=", "==", "&&", "||"),
        *('"', "'", "\\", "r", "b", "//", "\n", " ", '"a"', "'a'", "0.9", "1", "e", "_", "#"),
    )
)


@given(st.lists(ALPHABET, max_size=25).map("".join) | st.text(max_size=40))
@settings(max_examples=400, derandomize=True, deadline=None)
def test_any_text_is_either_a_condition_or_refused_and_nothing_else(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionError:
        return
    assert all(name in text for name in expression.metrics | expression.baseline_metrics)


@pytest.mark.parametrize(
    "text",
    [
        "reproduced()",
        "reproduced('sometimes')",
        "reproduced(tags)",
        "reproduced",
        "reproduced('identical', 1.0)",
        "reproduced(reproduced('identical'))",
        "'identical'.reproduced()",
        "tags.all(tag, 'identical'.reproduced ())",
        "reproduced('ident' + 'ical')",
    ],
)
def test_the_level_of_a_reproduction_is_written_and_never_computed(text: str) -> None:
    with pytest.raises(ExpressionError, match=r'write reproduced\("identical"\) or reproduced\("statistical"\)'):
        parse(text)


def test_a_condition_knows_which_levels_of_reproduction_it_asks_for() -> None:
    assert parse("reproduced('identical') || metrics.reproduced > 0.5").levels == {"identical"}
    assert parse("metrics.reproduced > 0.5").levels == frozenset()


def test_a_mistyped_name_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(ExpressionError, match=r"did you mean metrics\?"):
        parse("metric.accuracy > 0.9")
    with pytest.raises(ExpressionError, match=r"always be the same$"):
        parse("1.0 > 0.9")
