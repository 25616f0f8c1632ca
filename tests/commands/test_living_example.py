"""This repository's own registry works from a clone, with nothing configured."""

import json
import subprocess
from pathlib import Path

from tests.commands.workbench import Workbench, clean_environment

ROOT = Path(__file__).parents[2]


def test_the_living_example_verifies_and_can_be_pulled_from_a_clone(tmp_path: Path) -> None:
    home, clone = tmp_path / "home", tmp_path / "clone"
    home.mkdir()
    bench = Workbench(clone, clean_environment(home))
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, env=bench.env)
    bench.ok("verify")
    bench.ok("pull", "digits@production", str(tmp_path / "model"))
    assert json.loads((tmp_path / "model/config.json").read_text()) == {"hidden": 64}
    bench.ok("data", "pull", "digits@1", str(tmp_path / "data"))
