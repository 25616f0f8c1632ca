"""One registry and one site of it for all tests of a process: what they look at is never changed."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.workbench import clean_environment
from tests.parts.browser import watched
from tests.parts.command_line import Done, run_modelbook
from tests.parts.site_registry import team, write

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@dataclass(frozen=True)
class Built:
    """A repository with a registry, and the site that was built of it."""

    root: Path
    env: dict[str, str]
    site: Path
    said: Done

    def build(self, *arguments: str) -> Done:
        """Build it once more."""
        return run_modelbook(["site", "build", *arguments], cwd=self.root, env=self.env)

    def told(self, *arguments: str) -> dict[str, Any]:
        """What a build tells a program."""
        found: dict[str, Any] = json.loads(self.build("--json", *arguments).out)
        return found

    def uri(self, page: str) -> str:
        """The address of a page on the disk."""
        path, question, query = page.partition("?")
        return (self.site / path).as_uri() + question + query

    def text(self, page: str) -> str:
        """The source of a page."""
        return (self.site / page).read_text()

    @property
    def pages(self) -> list[str]:
        """Every page."""
        return sorted(path.relative_to(self.site).as_posix() for path in self.site.rglob("*.html"))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The busy team's registry (tests/parts/site_registry.py), and its site."""
    folder = tmp_path_factory.mktemp("site")
    root, env = folder / "models", clean_environment(folder)
    write(team(), root)
    said = run_modelbook(["site", "build", "--output", str(folder / "out")], cwd=root, env=env)
    return Built(root, env, folder / "out", said)


@pytest.fixture
def copy(built: Built, tmp_path: Path) -> Built:
    """The same, to be changed: the repository shares its objects, and has no store."""
    subprocess.run(["git", "clone", "--quiet", str(built.root), str(tmp_path / "models")], check=True)
    return Built(tmp_path / "models", built.env, tmp_path / "out", built.said)


@pytest.fixture(scope="module")
def shared_page(browser: "Browser") -> Iterator["Page"]:
    """A page that the tests of a module use one after the other, watched to the end."""
    context = browser.new_context()
    opened = context.new_page()
    with watched(opened):
        yield opened
    context.close()
