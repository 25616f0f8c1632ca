"""What the pull requests of a registration and of a dataset version say: whatever stands in a card is text there."""

import html
import re

import pytest

from modelbook.core.dataset import DatasetCard
from modelbook.core.pages.card_markdown import dataset_body, registration_body
from modelbook.core.pages.markdown import inert
from tests.made import Made
from tests.unit.test_markdown import HOSTILE, ISSUE, MENTION, rendered
from tests.unit.test_story_markdown import EMAIL, MORE, bones

MADE = Made().dataset().version()


def bodies(text: str) -> list[str]:
    """Both, with `text` wherever a card holds any text."""
    card, data = MADE.registry.card("digits", 1), MADE.registry.dataset_card("digits", 1)
    run = card.run.model_copy(update={"user": text, "experiment": text, "id": text, "params": {text: text}})
    told = DatasetCard.model_copy(data, update={"description": text, "license": text, "source": text})
    return [registration_body(card.model_copy(update={"run": run, "description": text})), dataset_body(told)]


@pytest.mark.parametrize("text", [*HOSTILE, *MORE], ids=ascii)
def test_no_text_of_a_card_comes_alive(text: str) -> None:
    if not inert(text):
        return
    for told, plain in zip(bodies(text), bodies("x"), strict=True):
        page = rendered(told)
        assert bones(page) == bones(rendered(plain))
        shown = html.unescape(re.sub(r"<[^>]*>", " ", page))
        assert not any(alive.search(shown) for alive in (MENTION, ISSUE, EMAIL))
        assert not any(line.startswith("::") for line in told.splitlines())


def test_what_is_hostile_is_really_in_there() -> None:
    assert [told.count("boo") for told in bodies("boo")] == [4, 1]
