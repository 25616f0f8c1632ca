"""What the index answers is what CEL says of each version, whatever the question and whatever is known."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.adapters.index_answers import answer
from modelbook.adapters.index_tables import Index
from modelbook.core.judging.cel import ExpressionError
from modelbook.core.queries.fields import VERSION_FIELDS
from modelbook.core.queries.query import Order, Query, parse_query
from modelbook.core.queries.selecting import in_order, judged, member

NUMBERS = st.sampled_from([0, 1, 2, 0.5, 1.0, -0.5, 2**53])
TEXTS = st.sampled_from(["", "a", "b", "ab", "é", "A", "😀"])
VALUES = st.one_of(NUMBERS, TEXTS, st.booleans(), st.none(), st.lists(NUMBERS, max_size=2))
# Most of it is known of most, so that most questions have an answer; and little differs, so that some are found.
FACTS = st.fixed_dictionaries(
    {
        "metrics": st.fixed_dictionaries({"f1": NUMBERS.map(float)}, optional={"loss": NUMBERS.map(float)}),
        "params": st.fixed_dictionaries({"lr": VALUES}, optional={"name": VALUES}),
        "seconds": NUMBERS,
    },
    optional={"tags": st.lists(TEXTS, unique=True, max_size=3), "description": TEXTS, "dirty": st.booleans()},
)
OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
DIGITS = NUMBERS.map(json.dumps)
QUOTED = TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)) | st.just("r'a'")
LITERALS = st.one_of(DIGITS, QUOTED, st.sampled_from(["true", "false", "null", "[1]", "1u", "0x1", "''"]))
MEASURED = st.sampled_from(
    ["metrics.f1", 'metrics["f1"]', "seconds", "version", "metrics.loss", "size(tags)", "-seconds"]
)
OPEN = st.sampled_from(
    ["params.lr", 'params["name"]', "params.lr + 1.0", "metrics.f1 / metrics.loss", "params", "tags"]
)
COMPUTED = st.recursive(
    st.sampled_from(["metrics.f1", 'metrics["loss"]', "0.0", "0.5", "3.0", "1e308", "-metrics.f1", "5e-324"]),
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("({})".format, inner),
        st.builds("-({})".format, inner),
    ),
    max_leaves=5,
)
ATOMS = st.one_of(
    st.builds("{} {} {}".format, COMPUTED, OPERATORS, COMPUTED | DIGITS),
    st.builds("{} {} {}".format, MEASURED, OPERATORS, DIGITS),
    st.builds("{1} {2} {0}".format, MEASURED, DIGITS, OPERATORS),
    st.builds("description {} {}".format, OPERATORS, QUOTED),
    st.builds("{} {} {}".format, OPEN, OPERATORS, LITERALS),
    st.builds("{} {} {}".format, st.just("params.lr"), OPERATORS, LITERALS),
    st.builds("{} in {}".format, QUOTED | DIGITS, st.sampled_from(["tags", "params", "params.lr", "metrics.f1"])),
    st.builds("{} in [{}, {}]".format, MEASURED | OPEN, DIGITS, DIGITS),
    st.builds("description.{}({})".format, st.sampled_from(["startsWith", "endsWith", "contains"]), QUOTED),
    st.builds("{} {} {}".format, st.sampled_from(["dirty", "seconds", "description"]), OPERATORS, LITERALS),
    st.sampled_from(["dirty", "!dirty", "true", "has(params.lr)", 'tags.exists(t, t == "a")']),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("{} && {}".format, inner, inner),
        st.builds("{} || {}".format, inner, inner),
        st.builds("({})".format, inner),
        st.builds("!({})".format, inner),
        st.builds("({}) ? ({}) : ({})".format, inner, inner, inner),
    ),
    max_leaves=4,
)


def indexed(rows: Sequence[dict[str, Any]]) -> tuple[Index, list[dict[str, Any]]]:
    facts = [row | {"model": "m", "version": number, "ref": f"m@{number}"} for number, row in enumerate(rows, 1)]
    index = Index()
    index.change((), [("m", one["version"], one, ()) for one in facts])
    return Index(index.bytes()), facts  # as it is read from its file


@settings(max_examples=200, deadline=None)
@given(condition=CONDITIONS, rows=st.lists(FACTS, min_size=1, max_size=6))
def test_the_database_and_cel_find_the_same(condition: str, rows: list[dict[str, Any]]) -> None:
    try:
        query = parse_query(condition, VERSION_FIELDS)
    except ExpressionError:
        return  # nothing is asked
    index, facts = indexed(rows)
    found, _ = answer(
        index, query, lambda some: [judged(query, one, VERSION_FIELDS) for one in some], order=None, limit=None
    )
    assert [one["version"] for one in index.facts(found, ["version"])] == [
        one["version"] for one in facts if judged(query, one, VERSION_FIELDS) is True
    ]


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(FACTS, max_size=6),
    name=st.sampled_from(["metrics.f1", "seconds", "description", "version", "ref"]),
    descending=st.booleans(),
)
def test_what_is_put_in_comes_out_and_in_order(rows: list[dict[str, Any]], name: str, descending: bool) -> None:
    index, facts = indexed(rows)
    order = Order(name, descending)
    found, unsure = answer(index, None, lambda some: [True for _ in some], order=order, limit=None)
    known = ["ref", "model", *FACTS_FIELDS, "version"]
    told = index.facts(found, known)
    plain = [{field: value for field, value in one.items() if value not in ([], {})} for one in told]
    expected = in_order(facts, order)
    assert plain == [{field: value for field, value in one.items() if value not in ([], {})} for one in expected]
    assert unsure == []
    assert [member(one, name) for one in index.facts(found, [name])] == [member(one, name) for one in expected]


FACTS_FIELDS = ["metrics", "params", "tags", "description", "seconds", "dirty"]


def test_simple_questions_are_the_databases_alone() -> None:
    """So that CEL, which takes a thousand times longer for each row, has nothing to do."""
    index, _ = indexed([{"metrics": {"f1": 0.5}, "params": {"lr": 0.1}, "tags": ["a"], "dirty": True}])

    def never(_: Sequence[dict[str, Any]]) -> list[bool | str]:
        raise AssertionError("CEL was asked")

    for condition in (
        'metrics.f1 >= 0.5 && "a" in tags',
        "params.lr < 0.2 || seconds > 3.0",
        '!(model == "n") && (ref.startsWith("m@") || dirty)',
        "metrics.f1 in [0.25, 0.5]",
        '2.0 * (metrics.f1 - 0.25) / metrics["f1"] >= 1',
        "metrics.f1 == metrics.f1",
    ):
        query = parse_query(condition, VERSION_FIELDS)
        assert isinstance(query, Query)
        assert (len(answer(index, query, never, order=None, limit=None)[0]) == 1) == ("seconds" not in condition)


def test_a_question_may_be_as_long_as_it_may_be() -> None:
    """SQLite takes 1,000 brackets inside one another and joins 64 tables."""
    metrics = {f"m{number}": float(number) for number in range(90)}
    index, _ = indexed([{"metrics": metrics, "dirty": True}, {"metrics": metrics | {"m89": 0.0}, "tags": ["a", "b"]}])
    for condition, found in (
        ("dirty" + " && dirty" * 1000, [1]),
        ("version == 9" + " || version == 2" * 500, [2]),
        (f"version in [{', '.join(['2'] * 2000)}]", [2]),
        (" && ".join(f"metrics.m{number} >= {number}.0" for number in range(90)), [1]),
        (f"{' + '.join(f'metrics.m{number}' for number in range(50))} > 1224.0", [1, 2]),
    ):
        query = parse_query(condition, VERSION_FIELDS)
        assert answer(index, query, lambda _: [], order=Order("tags", descending=True), limit=None)[0] == sorted(
            found, reverse=True
        ), condition
