"""The body of the pull request of a rollback, hold or release. The golden files are test_story_markdown.py's."""

import html
import re
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbook.core.findings import Finding
from modelbook.core.pages.markdown import LIMIT, inert
from modelbook.core.pages.move_markdown import move_body
from modelbook.core.pages.move_story import MoveStory
from modelbook.core.pointer import Kind
from modelbook.core.stages.tenure import Tenures
from tests.data.pull_requests import PAGE, held, move, past
from tests.unit.test_markdown import HOSTILE, ISSUE, MENTION, rendered
from tests.unit.test_story_markdown import EMAIL, MORE, OURS, bones
from tests.unit.test_story_markdown import hostile as hostile_story

KINDS: tuple[Kind, ...] = ("rollback", "hold", "release")
BACK = move("rollback", *past(), reason="declines every card from Spain")
FREE = move("release", *held(*past()), reason=None)


def hostile(text: str, kind: Kind) -> MoveStory:
    """The story with `text` in every place that is not a name, a version, a digest or a time by its pattern."""
    told = {"rollback": BACK, "hold": move("hold", *past(), reason="x"), "release": FREE}[kind]

    def account(one: Any) -> Any:
        def step(each: Any) -> Any:
            pointer = each.pointer.model_copy(update={"by": text, "reason": text})
            commit = each.commit._replace(author=text, email=text, subject=text, committer=text)
            return replace(each, pointer=pointer, commit=commit, signed_by=(text,), not_believed=(text,))

        return replace(one, steps=tuple(map(step, one.steps))) if one else None

    story, other = told.story, hostile_story(text)
    pointer = story.decision.pointer
    assert pointer
    decision = replace(
        story.decision,
        findings=(Finding(text, 3, text, text, text, "warning"),),
        pointer=pointer.model_copy(update={"by": text, "reason": text}),
        facts={text: text},
        candidate=other.decision.candidate if kind == "rollback" else None,
    )
    changed = other.changed if kind == "rollback" else None
    worse = replace(story, decision=decision, signing=other.signing, changed=changed, metrics=other.metrics)
    return replace(told, story=worse, stands=account(told.stands), back=account(told.back))


@cache
def plain_bones(kind: Kind) -> str:
    return bones(rendered(move_body(hostile("x", kind), PAGE)))


def assert_inert(text: str, kind: Kind) -> None:
    told = move_body(hostile(text, kind), PAGE)
    page = rendered(told)
    assert bones(page) == plain_bones(kind)
    assert all(OURS.fullmatch(address) for address in re.findall(r'href="([^"]*)"', page))
    shown = html.unescape(re.sub(r"<pre>.*?</pre>|<code>.*?</code>|<[^>]*>", " ", page, flags=re.DOTALL))
    for alive in (MENTION, ISSUE, EMAIL):
        assert not alive.search(shown)
    assert not any(line.startswith("::") for line in told.splitlines())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", [*HOSTILE, *MORE], ids=ascii)
def test_no_text_of_a_card_a_pointer_or_a_person_comes_alive(text: str, kind: Kind) -> None:
    if inert(text):
        assert_inert(text, kind)


@given(st.text(min_size=1, max_size=40).filter(lambda text: bool(inert(text))), st.sampled_from(KINDS))
@settings(max_examples=40, derandomize=True, deadline=None)
def test_no_text_at_all_comes_alive(text: str, kind: Kind) -> None:
    assert_inert(text, kind)


def test_what_is_hostile_is_really_in_there() -> None:
    assert [move_body(hostile("boo", kind), PAGE).count("boo") > 12 for kind in KINDS] == [True] * 3


def test_a_rollback_tells_both_times_in_the_stage_and_what_lies_between() -> None:
    told = html.unescape(move_body(BACK, PAGE))
    for part in (
        "2026-03-04T02:00:00Z (10h)",
        "2026-03-02T20:00:00Z (1d 12h)",
        "In between it held fraud@6 (revoked).",
        "modelbook rollback fraud --stage production --to 5",
        "modelbook approve fraud@4 --to production",
        "### What differs from fraud@5",
    ):
        assert part in told
    assert "metrics that no gate reads" not in told.lower(), "no gate was asked"


def test_a_release_tells_who_holds_the_stage_and_why() -> None:
    told = html.unescape(move_body(FREE, PAGE))
    assert "Held now: declines every card from Spain (ben, 2026-03-04T03:00:00Z)" in told
    assert told.startswith("⏳ **production may be promoted into again**. It waits for 1 of anna, ben to sign.\n\n###")


def test_what_git_does_not_tell_is_left_out() -> None:
    told = html.unescape(move_body(move("hold", past()[0], Tenures(), reason="audit"), None))
    assert "### In production" not in told
    assert "](http" not in told


@pytest.mark.parametrize("limit", [2500, 5000, LIMIT])
def test_it_is_never_longer_than_github_allows_and_keeps_what_is_decided_about(limit: int) -> None:
    findings = tuple(Finding(f"file-{at}", at, "code", "<" * 300, "&" * 300, "warning") for at in range(1, 400))
    story = replace(BACK.story, decision=replace(BACK.story.decision, findings=findings))
    told = move_body(replace(BACK, story=story), PAGE, limit=limit)
    assert len(told) <= limit
    assert "declines every card from Spain" in told
    assert "Left out, because GitHub takes no more" in told
    assert told.count("```") % 2 == 0
