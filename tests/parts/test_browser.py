"""The browser of the tests sees what it must: a page that is well made, and each way in which one is not."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.parts.browser import violations, watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

GOOD = """<!doctype html><html lang="en"><title>A page</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<main><h1>A page</h1><p>It says something.</p></main>"""


def test_a_good_page_passes_in_spite_of_its_strict_policy(page: "Page", tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(GOOD)
    page.goto((tmp_path / "page.html").as_uri())
    assert page.title() == "A page"
    assert violations(page) == []


def test_a_page_that_a_screen_reader_cannot_read_is_found(page: "Page") -> None:
    page.set_content("<title>A page</title><main><h1>A page</h1><img src='data:,'></main>")
    assert {found.partition(" ")[0] for found in violations(page)} == {"html-has-lang", "image-alt"}


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ("<script>throw Error('broken')</script>", "a script failed: broken"),
        ("<img alt='' src='https://elsewhere.example/x.png'>", "asked for https://elsewhere.example/x.png"),
        ("<script>console.error('wrong')</script>", "wrong"),
    ],
)
def test_what_goes_wrong_in_a_page_fails_its_test(page: "Page", spoilt: str, said: str) -> None:
    other = page.context.new_page()
    with pytest.raises(AssertionError, match=re.escape(said)), watched(other):
        other.set_content(spoilt, wait_until="networkidle")
    other.close()
