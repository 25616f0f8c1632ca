"""What a person writes about a version or a dataset reaches a pull request as text, whatever it is."""

from pathlib import Path

import pytest

from modelbook.core.pages.markdown import inert
from tests.commands.workbench import Workbench
from tests.parts.office import Office
from tests.unit.test_markdown import MENTION, rendered

TEXT = "</details> <!-- x --> @acme/team ![x](https://evil.example/p.png)\n::error::boom"
NAME = "[@acme/all](https://evil.example)"


def assert_text(body: str, *texts: str) -> None:
    page = rendered(body)
    assert not any(alive in page for alive in ("<img", "<a ", "<!--"))
    assert not MENTION.search(page)
    assert not any(line.startswith("::") for line in body.splitlines())
    for text in texts:
        assert inert(text) in body


def test_a_registration_and_a_dataset_say_it_as_text(
    workshop: Office, bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        bench.env[f"GIT_{role}_NAME"] = NAME
    run = bench.train(0.8)
    workshop.open("hostile")
    workshop.desk.ok("register", "toy", "--run", run, "--description", TEXT)
    (tmp_path / "numbers.txt").write_text("1 2 3\n")
    workshop.desk.ok("data", "add", "more", str(tmp_path / "numbers.txt"), "--description", TEXT)
    registered, added = workshop.pull(1)["issue"]["body"], workshop.pull(2)["issue"]["body"]
    assert_text(registered, NAME, TEXT)
    assert_text(added, TEXT)
