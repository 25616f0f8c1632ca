"""A real browser for tests of pages: headless Chromium, driven by Playwright, with axe-core for who cannot see a page.

The browser is the machine's own (Debian's `chromium`, or Chrome), so that no test downloads one. It may reach files and
127.0.0.1 and nothing else; a page that asks for anything more has failed its test.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).parents[1] / "node/node_modules/axe-core/axe.min.js"
# It looks for updates and for its vendor at every start, which a closed network turns into long waits.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """One browser for all the tests of a process; each takes a context of its own: `page`, or new_context()."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A page of the test's own, `watched` until the test ends."""
    context = browser.new_context()
    opened = context.new_page()
    with watched(opened):
        yield opened
    context.close()


@contextmanager
def watched(page: "Page") -> Iterator[None]:
    """Fails in the end if a script failed, the console told an error, or something elsewhere was asked for."""
    wrong: list[str] = []

    def near_only(route: "Route") -> None:
        address = urlsplit(route.request.url)
        if address.scheme in ("file", "data", "blob") or address.hostname == "127.0.0.1":
            route.continue_()
        else:
            wrong.append(f"asked for {route.request.url}")
            route.abort()

    page.on("pageerror", lambda error: wrong.append(f"a script failed: {error}"))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.route("**/*", near_only)
    yield
    assert wrong == []


def violations(page: "Page") -> list[str]:
    """What axe-core finds on the page, by WCAG 2.2 AA and its best practices: rule, impact and the elements."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (npm ci in tests/node)")
    # Without `preload` it would ask for the style sheets anew, which no such policy allows.
    # A page whose content security policy allows no foreign script is looked at through the debugger instead.
    session = page.context.new_cdp_session(page)
    for expression in (AXE.read_text(), "axe.run({preload: false}).then(found => JSON.stringify(found.violations))"):
        answer = session.send(
            "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}
        )
        assert "exceptionDetails" not in answer, answer
    found = cast("list[dict[str, Any]]", json.loads(answer["result"]["value"]))
    return [f"{one['id']} ({one['impact']}): {[node['html'] for node in one['nodes']]}" for one in found]
