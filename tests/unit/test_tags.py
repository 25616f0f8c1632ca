"""What is done about a tag, and what the release of a version says."""

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbook.core.documents import dump
from modelbook.core.pages.markdown import LIMIT
from modelbook.core.pages.release_page import ReleasePage, release_page
from modelbook.core.revocation import Revocation
from modelbook.core.stages.tags import Relation, Tag, step_for
from tests.data.pull_requests import NEW, PAGE, registry
from tests.made import Made
from tests.unit.test_markdown import HOSTILE, ISSUE, MENTION, rendered

COMMIT = "c" * 40
VERSION, STAGE = Tag("fraud", 5, COMMIT), Tag("fraud", 5, COMMIT, "production")
FOLDER = "models/fraud/versions/5"
FRAUD = registry(NEW)


@pytest.mark.parametrize(
    ("relation", "newest", "version", "stage"),
    [
        (None, False, "make", "make"),
        ("same", False, "stands", "stands"),
        ("before", False, "refuse", "move"),
        ("after", False, "refuse", "leave"),
        ("apart", False, "refuse", "leave"),
        ("after", True, "refuse", "move"),
        ("apart", True, "refuse", "move"),
    ],
)
def test_a_versions_tag_never_moves_and_a_stages_goes_back_only_by_whoever_knows_the_newest_commit(
    relation: Relation | None, newest: bool, version: str, stage: str
) -> None:
    assert (step_for(VERSION, relation, newest=newest), step_for(STAGE, relation, newest=newest)) == (version, stage)


@given(st.none() | st.integers(0, 9), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8))
def test_whatever_jobs_came_late_the_newest_ends_with_the_tag_where_it_belongs(at: int | None, late: Any) -> None:
    """A job reads where the tag stands, then what the branch is, and moves it only from where it stood."""

    def relation(standing: int, wanted: int) -> Relation:
        return "same" if standing == wanted else "before" if standing < wanted else "after"

    def work(standing: int | None, knows: int, tip: int) -> int | None:
        step = step_for(STAGE, None if standing is None else relation(standing, knows), newest=knows == tip)
        return knows if step in {"make", "move"} else standing

    stands, tip = at, 0
    for knows, moved in late:
        tip = max(tip, moved)
        before, stands = stands, work(stands, min(knows, tip), tip)
        if before is not None and stands is not None and knows < tip:
            assert stands >= before, "who came late moved nothing back"
    assert work(stands, tip, tip) == tip


def page_of(made: Made) -> ReleasePage:
    return release_page(made.registry, VERSION, PAGE)


def changed(**fields: Any) -> Made:
    """The registry with another card of fraud@5."""
    card = FRAUD.registry.card("fraud", 5)
    run = card.run.model_copy(update={name: fields.pop(name) for name in ("user", "job", "params") if name in fields})
    return FRAUD.copy().put(f"{FOLDER}/card.yaml", dump(card.model_copy(update={"run": run, **fields})))


def test_a_release_tells_the_card_and_how_to_get_the_files() -> None:
    found = page_of(FRAUD)
    told = html.unescape(found.body)
    assert (found.name, found.revoked) == ("fraud@5", False)
    assert f"https://github.com/acme/models/blob/{COMMIT}/registry/{FOLDER}/card.yaml" in told
    for part in ("with merchants", "transactions@3 (train)", "embeddings@2", "modelbook pull fraud@5 ./fraud-5"):
        assert part in told
    assert FRAUD.files[f"{FOLDER}/card.yaml"].decode() in found.body
    more = FRAUD.copy().evaluation("fraud", 5, {"more": 1.0}, suite="later", data="transactions")
    assert found == page_of(more), "what is learnt later changes nothing"


@pytest.mark.parametrize("text", [*HOSTILE, "```\n</details><!-- x", "`" * 9 + " @acme/all"], ids=ascii)
def test_nothing_of_a_card_or_a_revocation_comes_alive_in_a_release(text: str) -> None:
    made = changed(user=text, job=text, params={"x": text}, description=text)
    told = Revocation.model_construct(
        model="fraud",
        version=5,
        card=made.registry.digest(f"{FOLDER}/card.yaml"),
        by=text,
        revoked="2026-03-05T00:00:00Z",
        reason=text,
    )
    found = page_of(made.put(f"{FOLDER}/revoked.yaml", dump(told)))
    page = rendered(found.body)
    shown = html.unescape(re.sub(r"<pre>.*?</pre>|<code>.*?</code>|<[^>]*>", " ", page, flags=re.DOTALL))
    assert not MENTION.search(shown)
    assert not ISSUE.search(shown)
    assert page.count("<details>") == page.count("</details>") == 1
    ours = "blockquote p strong table thead tbody tr th td a code pre details summary"
    assert {*re.findall(r"<(\w+)", page)} <= {*ours.split()}
    assert found.name == "fraud@5 (revoked)"


def test_a_card_that_does_not_fit_goes_whole() -> None:
    told = page_of(changed(params={"x": "y" * LIMIT})).body
    assert len(told) < LIMIT
    assert "Left out, because GitHub takes no more: card" in told
    assert "<details>" not in told


def test_a_revocation_is_marked_and_never_taken_back() -> None:
    known, revoked = ReleasePage("fraud@5", "text"), ReleasePage("fraud@5 (revoked)", "text", revoked=True)
    assert revoked.follows(known)
    assert not known.follows(revoked), "whoever does not know of it came late"
    assert not known.follows(known)
    assert known.follows(ReleasePage("fraud@5", "somebody wrote here"))
    assert known.follows(ReleasePage("fraud@5", "text", revoked=True)), "a mark alone is somebody's"
