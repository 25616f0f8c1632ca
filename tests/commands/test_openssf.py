"""What we sign, the OpenSSF tool verifies: nobody has to believe our own verifier."""

import subprocess
import sys
from pathlib import Path

import pytest

from modelbook.core.documents import load
from modelbook.core.trust import Trust
from tests.commands.workbench import Workbench

# The tool's command line, less its coloured log, in a process of its own.
TOOL = [sys.executable, "-W", "ignore", "-m", "model_signing", "--log-level", "ERROR"]


def verifies(folder: Path, key: Path, env: dict[str, str]) -> bool:
    arguments = ["verify", "key", str(folder), "--signature", str(folder / "model.sig"), "--public_key", str(key)]
    done = subprocess.run([*TOOL, *arguments], env=env, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in {0, 1}, done.stderr  # 2 would be our mistake, not its verdict
    return done.returncode == 0


@pytest.fixture
def pulled(bench: Workbench, tmp_path: Path) -> tuple[Path, Path]:
    """A pulled folder, and the public key in a file."""
    bench.ok("register", "toy", "--run", bench.train(0.8))
    bench.ok("pull", "toy@1", str(tmp_path / "pulled"))
    trust = load(Trust, (bench.root / "registry/trust.yaml").read_bytes(), "trust.yaml")
    key = tmp_path / "owner.pem"
    key.write_text(trust.signers[0].key or "")
    return tmp_path / "pulled", key


def test_the_stock_tool_accepts_a_pulled_model_and_refuses_any_changed_byte(
    bench: Workbench, pulled: tuple[Path, Path]
) -> None:
    folder, key = pulled
    assert verifies(folder, key, bench.env)
    for name in ("card.yaml", "config.json", "model.safetensors"):
        file = folder / name
        original = file.read_bytes()
        file.chmod(0o644)
        at = len(original) // 2
        file.write_bytes(original[:at] + bytes([original[at] ^ 1]) + original[at + 1 :])
        assert not verifies(folder, key, bench.env), f"byte {at} of {name}"
        file.write_bytes(original)
    (folder / "extra.txt").write_text("not signed")
    assert not verifies(folder, key, bench.env)
    (folder / "extra.txt").unlink()
    assert verifies(folder, key, bench.env)
