"""What holds for the tree as a whole: module sizes, and lock files that any machine can use."""

import json
import re
import tomllib

from tests.lint.documents import ROOT

LONGEST_MODULE = 300


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_no_module_is_too_long_to_be_about_one_thing() -> None:
    folders = [ROOT / name for name in ("src", "tests", "examples", ".ci")]
    modules = [path for folder in folders for path in folder.rglob("*.py") if "node_modules" not in path.parts]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules}
    assert lengths
    assert {path: length for path, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_the_lock_holds_exact_versions_and_nothing_of_one_machine() -> None:
    odd = [line for line in pins() if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)]
    assert odd == []


def test_the_lock_pins_whatever_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(entry for extra in extras for entry in extra)]
    names = {canonical(re.split(r"[\[<>=!~; ]", entry)[0]) for entry in asked} - {"modelbook"}
    assert names - {pin.partition("==")[0] for pin in pins()} == set()


def test_node_packages_are_exact_and_their_lock_names_no_download_address() -> None:
    folder = ROOT / "tests/node"
    asked = json.loads((folder / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked.values()), asked
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert {f"node_modules/{name}" for name in asked} <= locked.keys()
    assert [name for name, entry in locked.items() if "resolved" in entry] == []
    assert [name for name, entry in locked.items() if name and "integrity" not in entry] == []
