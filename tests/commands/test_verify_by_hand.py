"""docs/verifying.md says how to check a folder with OpenSSL alone; this runs what is written there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from modelbook.core.documents import load
from modelbook.core.trust import Trust
from tests.commands.workbench import clean_environment

ROOT = Path(__file__).parents[2]
[RECIPE] = re.findall(r"^```bash\n(.*?)^```", (ROOT / "docs/verifying.md").read_text(), re.DOTALL | re.MULTILINE)
VERSION = ROOT / "registry/models/digits/versions/2"
STORED = ROOT / "examples/store/runs/20261124t005015-91699723/artifacts"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder `model` as a pull would write it, and the owner's key."""
    shutil.copytree(STORED, tmp_path / "model")
    for name in ("card.yaml", "model.sig"):
        shutil.copyfile(VERSION / name, tmp_path / "model" / name)
    trust = load(Trust, (ROOT / "registry/trust.yaml").read_bytes(), "trust.yaml")
    (tmp_path / "owner.pem").write_text(trust.signers[0].key or "")
    return tmp_path


def follow(place: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-e", "-c", RECIPE]
    return subprocess.run(command, cwd=place, env=clean_environment(place), capture_output=True, text=True, check=False)


def test_the_recipe_accepts_what_was_signed(place: Path) -> None:
    done = follow(place)
    assert (done.returncode, done.stdout) == (0, "Verified OK\n"), done.stderr


@pytest.mark.parametrize("name", ["card.yaml", "model.safetensors", "config.json"])
def test_the_recipe_refuses_a_changed_byte(place: Path, name: str) -> None:
    file = place / "model" / name
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"\x00")
    done = follow(place)
    assert done.returncode != 0
    assert f"{name}: FAILED" in done.stdout


def test_the_recipe_refuses_another_key(place: Path) -> None:
    private = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "other.pem"]
    subprocess.run(private, cwd=place, check=True, capture_output=True)
    public = ["openssl", "ec", "-in", "other.pem", "-pubout", "-out", "owner.pem"]
    subprocess.run(public, cwd=place, check=True, capture_output=True)
    done = follow(place)
    assert done.returncode != 0
    assert "Verification failure" in done.stdout + done.stderr
