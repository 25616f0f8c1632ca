"""What a user installs has all that the commands need, and nothing of the tests."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_the_package_its_templates_and_the_demos_example(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    example = {f"modelbook/examples/digits/{path.name}" for path in (ROOT / "examples/digits").glob("*.py")}
    templates = {path for path in (ROOT / "src/modelbook/templates").rglob("*") if path.is_file()}
    assert len(templates) > 1
    assert package | example | {path.relative_to(ROOT / "src").as_posix() for path in templates} <= names
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"modelbook"}
