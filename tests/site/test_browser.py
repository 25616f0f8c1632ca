"""The site in a real browser, from the disk: search, filter, compare, keyboard, phone, day and night, hostile cards."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urljoin

import pytest
from playwright.sync_api import expect

from tests.parts.browser import violations, watched
from tests.site.conftest import Built

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

COMPARED = "compare.html?v=fraud-detector@13&v=fraud-detector@16&v=sentiment@4"
# One of each kind, and each state that a version may be in.
KINDS = (
    "index.html",
    "models/fraud-detector.html",
    "models/embeddings.html",
    "models/fraud-detector/13.html",
    "models/churn/3.html",
    "models/churn/4.html",
    "models/sentiment/4.html",
    "models/helpdesk/1.html",
    "models/fraud-detector/promotions.html",
    "datasets.html",
    "datasets/transactions.html",
    "datasets/reviews.html",
    "runs.html",
    "sweeps.html",
    "sweeps/fraud-rate.html",
    "sweeps/fraud-depth.html",
    COMPARED,
)


def see(page: "Page", built: Built, what: str) -> None:
    page.goto(built.uri(what))
    if what == COMPARED:
        page.wait_for_selector("#comparison tbody tr")


@pytest.fixture(scope="module", params=["light", "dark"])
def phone(browser: "Browser", request: pytest.FixtureRequest) -> Iterator["Page"]:
    """A narrow screen, by day and by night."""
    context = browser.new_context(color_scheme=request.param, viewport={"width": 375, "height": 800})
    opened = context.new_page()
    with watched(opened):
        yield opened
    context.close()


@pytest.mark.parametrize("what", KINDS)
def test_every_kind_of_page_suits_all_readers_and_a_narrow_screen(phone: "Page", built: Built, what: str) -> None:
    see(phone, built, what)
    assert violations(phone) == []
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375


def test_night_is_dark_for_pages_and_for_plots(browser: "Browser", built: Built) -> None:
    shades = {}
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        see(page, built, "models/fraud-detector.html")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.goto(built.uri("models/fraud-detector/metric-1.svg"))
        ink = page.evaluate("getComputedStyle(document.querySelector('text')).fill")
        shades[scheme] = paper, ink
        context.close()
    brightness = {
        scheme: [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in both] for scheme, both in shades.items()
    }
    assert brightness["light"][0] > 700 > 100 > brightness["dark"][0]
    assert brightness["light"][1] < 350 < brightness["dark"][1]


def test_search_finds_models_versions_datasets_tags_and_commits_by_the_keyboard(
    shared_page: "Page", built: Built
) -> None:
    page = shared_page
    see(page, built, "models/fraud-detector/13.html")
    commit = page.locator("dl.facts code").first.inner_text()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    found = page.locator("#found li[data-page] span:first-child")
    for words, first in (
        ("fraud", "fraud-detector"),
        ("fraud-detector@7", "fraud-detector@7"),
        ("transactions", "transactions"),
        ("fraud-rate bayes", "fraud-rate"),
        ("production fraud", "fraud-detector@13"),
        ("baseline churn", "churn@1"),
        (commit, "fraud-detector@13"),
    ):
        page.fill("#search", words)
        expect(found.first).to_have_text(first)
    page.fill("#search", "no such thing")
    assert "Nothing has all these words" in page.locator("#found").inner_text()
    page.fill("#search", "sentiment@")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#found [aria-selected=true]")
    assert page.get_attribute("#search", "aria-activedescendant") == chosen.get_attribute("id")
    target = chosen.locator("span").first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url("**/models/sentiment/*.html")
    assert page.title().startswith(target)


def test_filter_and_sort_keep_what_was_asked_for(shared_page: "Page", built: Built) -> None:
    page = shared_page
    see(page, built, "models/fraud-detector.html")
    rows = page.locator("#versions tbody tr:visible")
    assert rows.count() == 18
    page.fill("#filter-versions", "grace candidate")
    assert rows.locator("th a").all_inner_texts() == ["16", "4"]
    assert page.locator("output").inner_text() == "2 of 18 versions"
    page.fill("#filter-versions", "")
    assert rows.count() == 18
    heading = page.get_by_role("button", name="accuracy")
    heading.focus()
    page.keyboard.press("Enter")
    values = [float(text) for text in page.locator("#versions tbody tr td:nth-child(3)").all_inner_texts()]
    assert values == sorted(values)
    heading.click()
    values = [float(text) for text in page.locator("#versions tbody tr td:nth-child(3)").all_inner_texts()]
    assert values == sorted(values, reverse=True)


def test_up_to_four_versions_are_chosen_and_compared(shared_page: "Page", built: Built) -> None:
    page = shared_page
    see(page, built, "models/fraud-detector.html")
    assert not page.locator(".bar").is_visible()
    for version in (18, 17, 16, 15):
        page.check(f"input[value='fraud-detector@{version}']")
    assert page.locator("input[name=v]:disabled").count() == 14
    page.uncheck("input[value='fraud-detector@17']")
    page.click(".bar button")
    page.wait_for_selector("#comparison tbody tr")
    heads = page.locator("#comparison thead th a").all_inner_texts()
    assert heads == ["fraud-detector@18", "fraud-detector@16", "fraud-detector@15"]
    text = page.locator("#comparison").inner_text()
    assert "lr" in text
    assert "optimizer.beta" not in text  # the same in all
    page.uncheck("#differing")
    assert "optimizer.beta" in page.locator("#comparison").inner_text()
    commit = page.locator("#comparison tr", has_text="commit").locator("a").first
    whole = commit.locator("code").get_attribute("title") or ""
    assert (len(whole), commit.inner_text()) == (40, whole[:12])
    assert (commit.get_attribute("href") or "").endswith(f"/commit/{whole}")
    page.fill("#add-version", "sentiment@4")
    page.keyboard.press("Enter")
    expect(page.locator("#comparison thead th")).to_have_count(4)
    page.get_by_role("button", name="Take fraud-detector@16 out").click()
    expect(page.locator("#comparison thead th")).to_have_count(3)


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "fraud-detector@13/../../x", "javascript:alert(1)", "nobody@1"]
)
def test_a_comparison_of_what_is_no_version_asks_for_nothing_else(browser: "Browser", built: Built, name: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(built.uri(f"compare.html?v={name}"))
    expect(page.locator("#said")).not_to_be_empty()
    assert all(url.startswith(built.site.as_uri()) for url in asked)
    assert [url for url in asked if url.endswith("1.js")] == [built.uri("models/nobody/1.js")] * (name == "nobody@1")
    page.close()


def test_what_a_card_says_is_text_whatever_it_looks_like(shared_page: "Page", built: Built) -> None:
    page = shared_page
    said: list[str] = []
    page.on("dialog", lambda dialog: said.append(dialog.message))
    for what in (
        "models/sentiment/4.html",
        "models/sentiment/promotions.html",
        "sweeps/fraud-depth.html",
        "compare.html?v=sentiment@4&v=sentiment@3",
    ):
        page.goto(built.uri(what))
        expect(page.locator("main")).to_contain_text("<script>document.title")
        assert page.locator("main script, main [onerror], main b:text-is('bold')").count() == 0
        assert "owned" not in page.title()
    assert said == []


def test_every_link_leads_to_a_page_and_a_place_on_it(built: Built) -> None:
    places: dict[str, set[str]] = {}

    def ids(page: str) -> set[str]:
        return places.setdefault(page, set(re.findall(r'\bid="?([^"\s>]+)', built.text(page))))

    wrong = []
    for page in built.pages:
        for found in re.findall(r'<[^>]*?\s(?:href|src)="?([^"\s>]+)', built.text(page)):
            if found.startswith(("data:", "https://github.com/acme/models/")):
                continue
            target, place = urldefrag(unquote(urljoin(f"/{page}", found.replace("&amp;", "&").partition("?")[0])))
            if not (built.site / target[1:]).is_file() or (place and place not in ids(target[1:])):
                wrong.append((page, found))
    assert wrong == []


def test_the_policy_of_every_page_lets_nothing_in_from_elsewhere(shared_page: "Page", built: Built) -> None:
    for page in built.pages:
        text = built.text(page)
        assert "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:" in text
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=\"?[a-z]+\(", text.partition("<main")[0])
    see(shared_page, built, "index.html")
    planted = "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    refused: list[str] = []
    fresh = shared_page.context.new_page()
    fresh.on("console", lambda told: refused.append(told.text))
    fresh.goto(built.uri("index.html"))
    fresh.evaluate(planted)
    assert fresh.evaluate("window.ran") is None
    assert any("Content Security Policy" in one for one in refused)
    fresh.close()
