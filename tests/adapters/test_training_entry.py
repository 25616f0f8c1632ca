"""What may be launched as a training, and what may not."""

from pathlib import Path

import pytest

from modelbook.errors import BadInput
from tests.adapters.training_scripts import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("entry_point", "words"), [("absent.py", "there is no such entry point"), ("folder", "is a folder")]
)
def test_an_entry_point_that_does_not_exist_begins_no_run(bench: Bench, entry_point: str, words: str) -> None:
    (bench.folder / "folder").mkdir()
    with pytest.raises(BadInput, match=words):
        bench.launch("", entry_point=entry_point)
    assert bench.keys("") == []


def test_parameters_that_nobody_asked_for_are_named_where_the_code_came_to_its_end(bench: Bench) -> None:
    code = "import modelbook\nrun = modelbook.run(params={'own': 1})\nrun.param('epochs', 1)\n"
    given = {"epochs": 2, "epcohs": 3}
    result = bench.launch(code, params=given)
    assert result.warnings[0] == "the training code never asked for these parameters: epcohs"
    assert b"epcohs" in bench.shown["stderr"]
    assert not any("never asked" in warning for warning in bench.launch(code + "1 / 0", params=given).warnings)
