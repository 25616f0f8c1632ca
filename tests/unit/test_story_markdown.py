"""The body of a promotion's pull request: golden files, and that nothing in it comes alive or is too long."""

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.evaluation import Metric
from modelbook.core.findings import Finding
from modelbook.core.judging.gates import Facts, GateResult, Measured, judge
from modelbook.core.judging.numbers import numbers_of
from modelbook.core.pages.markdown import LIMIT, annotations, inert
from modelbook.core.pages.promotion_story import Story
from modelbook.core.pages.report import promotion_report
from modelbook.core.pages.story_markdown import body
from modelbook.core.policy import Gate, PlacedGate
from modelbook.core.queries.differences import differences, metric_pairs
from modelbook.core.signing.approvals import Signing
from tests.data.pull_requests import FOLDER, NEW, PAGE, SINCE, WORSE, bodies, registry, story
from tests.unit.test_markdown import HOSTILE, ISSUE, MENTION, rendered

EMAIL = re.compile(r"[A-Za-z0-9._+-]@[A-Za-z0-9_-]+\.[A-Za-z0-9]")
OURS = re.compile(r"https://github\.com/acme/models/(blob|commit|compare|actions/runs)/[A-Za-z0-9._~%/#-]+")
PASSING, REFUSED, FIRST = story(registry(NEW)), story(registry(WORSE)), story(registry(NEW, first=True))


@pytest.mark.parametrize("name", bodies())
def test_the_body_is_the_one_that_was_looked_at(name: str) -> None:
    told = bodies()[name]
    assert told == (FOLDER / name).read_text(), "if that is meant: python -m tests.data.pull_requests"


def hostile(text: str) -> Story:
    """The story with `text` in every place that is not a name, a version, a digest or a time by its pattern."""
    decision = PASSING.decision
    assert decision.candidate
    assert decision.candidate.card
    assert decision.against
    assert decision.against.card
    assert decision.pointer
    use = decision.candidate.card.lineage.datasets[0].model_copy(update={"dataset": text, "role": text})

    def card(at: Any, other: str) -> Any:
        code = {"repository": other, "entry_point": other, "branch": other, "dirty": True, "folder": other}
        environment = {"python": other, "platform": other, "packages": {text: other}, "gpus": (other,)}
        lineage = at.lineage
        lineage = lineage.model_copy(
            update={
                "code": lineage.code.model_copy(update=code),
                "environment": lineage.environment.model_copy(update=environment),
                "datasets": (use.model_copy(update={"dataset": other}),),
                "parents": tuple(one.model_copy(update={"model": other}) for one in lineage.parents),
            }
        )
        run = {"user": other, "job": other, "id": other, "params": {text: other}, "arguments": (other,)}
        return at.model_copy(update={"description": other, "lineage": lineage, "run": at.run.model_copy(update=run)})

    def graded(at: Any, value: float) -> dict[str, Any]:
        (one,) = at.evaluations.values()
        metrics = {text: Metric.model_construct(value=value), "bad": Metric.model_construct(problem=text)}
        fields = {"user": text, "job": text, "suite": text, "metrics": metrics, "dataset": use}
        return {text: one.model_copy(update=fields)}

    new, old = card(decision.candidate.card, text), card(decision.against.card, text + "2")
    candidate = replace(
        decision.candidate,
        card=new,
        evaluations=graded(decision.candidate, 2.0),
        graded_by={text: text},
        signed_by=text,
    )
    against = replace(decision.against, card=old, evaluations=graded(decision.against, 1.0))
    gate = GateResult(text, text, "failed", text, (Measured(text, text, text, 0.75, 0.5, 0.25),), text, 7)
    other = replace(
        decision,
        gates=(gate,),
        findings=(Finding(text, 3, text, text, text),),
        pointer=decision.pointer.model_copy(update={"by": text, "reason": text}),
        timing=replace(decision.timing, facts={text: text}, opens=text),
        candidate=candidate,
        against=against,
    )
    pairs = metric_pairs(against.evaluations, candidate.evaluations)
    standing = Signing((text,), 2, (text, text))
    return Story(other, differences(old, new), pairs, frozenset({"bad"}), standing, "f" * 40)


def bones(page: str) -> str:
    """The elements of a page, without its text and without where its links lead."""
    return re.sub(r">[^<]*<", "><", re.sub(r'href="[^"]*"', "href", page))


def assert_inert(text: str) -> None:
    told = body(hostile(text), PAGE)
    page = rendered(told)
    assert bones(page) == bones(rendered(body(hostile("x"), PAGE)))
    assert all(OURS.fullmatch(address) for address in re.findall(r'href="([^"]*)"', page))
    shown = html.unescape(re.sub(r"<pre>.*?</pre>|<code>.*?</code>|<[^>]*>", " ", page, flags=re.DOTALL))
    for alive in (MENTION, ISSUE, EMAIL):
        assert not alive.search(shown)
    chart = told.split("```mermaid\n")[1].split("\n```")[0].splitlines()
    (axis,) = [line for line in chart if "x-axis" in line]
    assert len(chart) == 7
    assert re.fullmatch(r'    x-axis \["[A-Za-z0-9_.+% -]*"\]', axis)
    assert not any(line.startswith("::") for line in told.splitlines())


MORE = (
    "javascript:alert(1)//acme/models",
    "</summary></details>",
    '"] %%{init: {}}%%',
    "click x href y",
    "<!--",
    "]]>",
)


@pytest.mark.parametrize("text", [*HOSTILE, *MORE], ids=ascii)
def test_no_text_of_a_card_a_policy_or_a_person_comes_alive(text: str) -> None:
    if inert(text):
        assert_inert(text)


@given(st.text(min_size=1, max_size=40).filter(lambda text: bool(inert(text))))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_no_text_at_all_comes_alive(text: str) -> None:
    assert_inert(text)


def test_what_is_hostile_is_really_in_there() -> None:
    told = body(hostile("boo"), PAGE)
    assert told.count("boo") > 40
    assert told.count("<details>") == told.count("</details>") == 1


def big() -> Story:
    """Two hundred gates with the longest names, a thousand findings, two thousand metrics."""
    gate = REFUSED.decision.gates[0]
    gates = tuple(replace(gate, name=f"{at} {'|' * 2000}", reason="`" * 5000) for at in range(200))
    findings = tuple(Finding(f"file-{at}", at, "code", "<" * 3000, "&" * 3000) for at in range(1, 1000))
    pair = REFUSED.metrics[0]
    pairs = tuple(replace(pair, name=f"metric_{at}") for at in range(2000))
    return replace(REFUSED, decision=replace(REFUSED.decision, gates=gates, findings=findings), metrics=pairs)


@pytest.mark.parametrize("limit", [2000, 5000, 20_000, LIMIT])
def test_it_is_never_longer_than_github_allows_and_says_what_was_left_out(limit: int) -> None:
    told = body(big(), PAGE, limit=limit)
    assert len(told) <= limit
    assert told.startswith("❌ **200 of 200 gates refuse")
    assert "Left out, because GitHub takes no more: metrics that no gate reads" in told
    assert told.count("<details>") == told.count("</details>")
    assert told.count("```") % 2 == 0
    assert all(line.endswith("|") for line in told.splitlines() if line.startswith("|"))


def test_what_matters_least_goes_first() -> None:
    whole = body(REFUSED, PAGE)
    told = body(REFUSED, PAGE, limit=len(whole) - 1)
    assert "### Gates" in told
    assert "fraud/train.py" in told
    assert "Left out, because GitHub takes no more: metrics that no gate reads" in told
    assert "Left out" not in body(REFUSED, PAGE, limit=len(whole))


def test_without_github_there_are_no_links() -> None:
    told = body(PASSING, None)
    assert "](http" not in told
    assert "github&#58;acme/models/9005/train" in told


def test_a_first_promotion_has_nothing_to_compare_with() -> None:
    told = html.unescape(body(FIRST, PAGE))
    assert "as the first version there" in told
    assert not any(word in told for word in ("fraud@4", "baseline |", "mermaid", "What changed", "rollback"))


def test_one_that_has_to_wait_says_until_when() -> None:
    told = html.unescape(body(story(registry(NEW), now=SINCE), PAGE))
    assert told.startswith("⏳ **fraud@5 may enter production from 2026-03-04T09:00:00Z on**. fraud@4 holds production")
    assert "- ❌ registry/policy.yaml:8: fraud@5 has been for 0m in staging" in told
    assert "- may enter from 2026-03-04T09:00:00Z on" in told
    assert "to sign." not in told


def test_a_refused_one_says_nothing_of_signing_or_taking_back() -> None:
    told = body(REFUSED, PAGE)
    assert "modelbook approve" not in told
    assert "modelbook rollback" not in told
    assert "signing" not in told


def test_a_gate_that_fails_is_marked_at_its_line_in_the_file_that_holds_it() -> None:
    worse = registry({**WORSE, "false_alarms": 0.02})
    lines = annotations(promotion_report(story(worse).decision))
    policy, own = (worse.files[path].decode().splitlines() for path in ("policy.yaml", "models/fraud/model.yaml"))
    assert [policy[at - 1][4:10] for at in (11, 13, 15)] == ["name: ", "name: ", "metric"]
    assert own[7 - 1] == "  - name: few false alarms"
    places = {line.split("::")[1] for line in lines}
    assert places == {
        *(f"error file=registry/policy.yaml,line={line}" for line in (11, 13, 15)),
        "error file=registry/models/fraud/model.yaml,line=7",
    }


def test_each_comparison_of_a_gate_has_a_row_and_the_gate_is_named_once() -> None:
    two = 'metrics.auc > 0.9 && metrics.latency_p99_ms < 100.0 && significantly_greater("auc", 0.9)'
    path = "registry/policy.yaml"
    candidate, against = PASSING.decision.candidate, PASSING.decision.against
    assert candidate
    assert against
    facts = Facts(numbers_of(candidate.evaluations), numbers_of(against.evaluations))
    gates = judge([PlacedGate(Gate(name="both", require=two), path, 3)], facts, first="refuse")
    told = html.unescape(body(replace(PASSING, decision=replace(PASSING.decision, gates=gates)), None))
    rows = told.split("### Gates")[1].split("###")[0].strip().splitlines()[2:]
    cells = [[cell.strip().replace("\xa0", " ") for cell in row.strip("|").split("|")] for row in rows]
    assert [(row[0], row[3], row[1].endswith("passed")) for row in cells] == [
        ("both", "> 0.9", True),
        ("", "< 100", False),
        ("", "> 0.941", False),
    ]
    assert cells[2][6].startswith("+0.017<br>[")
    assert cells[2][6].endswith("<br>at 0.9")
