"""The core is pure, and the check that says so can fail."""

from pathlib import Path

import pytest

from tests.lint.documents import ROOT
from tests.lint.purity import impurities

CORE = sorted((ROOT / "src/modelbook/core").rglob("*.py"))


def test_there_is_a_core() -> None:
    assert len(CORE) > 1


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_core_module(path: Path) -> None:
    assert list(impurities(path.read_text())) == []


@pytest.mark.parametrize(
    "line",
    [
        "open('card.yaml')",
        "read = open",
        "print('hello')",
        "eval('1')",
        "datetime.now(UTC)",
        "datetime.datetime.now()",
        "date.today()",
        "from pathlib import Path",
        "from pathlib import PurePath, Path",
        "import pathlib",
        "import urllib.request",
        "import urllib",
        "from urllib.request import urlopen",
        "from urllib import request",
    ],
)
def test_a_planted_impurity_is_found(line: str) -> None:
    assert [number for number, _ in impurities(f"x = 1\n{line}\n")] == [2]


@pytest.mark.parametrize(
    "line",
    [
        "from pathlib import PurePosixPath",
        "from urllib.parse import urlsplit",
        "import urllib.parse",
        "from datetime import datetime, timedelta",
        "age = now - card.created",
        "stream.open",
    ],
)
def test_what_only_computes_is_allowed(line: str) -> None:
    assert list(impurities(line)) == []
