"""Stopping a version for good."""

import json
from pathlib import Path

from tests.commands.workbench import Workbench


def test_a_revoked_version_is_stopped_everywhere_and_can_be_replaced(bench: Workbench, tmp_path: Path) -> None:
    first = bench.version(0.7)
    for stage in ("staging", "production"):
        bench.promote(first, stage)
    said = bench.ok("revoke", "toy@production", "--reason", "trained on leaked labels")
    assert said.count("promote another version there now") == 2
    assert "already" in bench.ok("revoke", first, "--reason", "again")

    pulled = bench.run("pull", "toy@production", str(tmp_path / "a"))
    assert (pulled.code, "trained on leaked labels" in pulled.err, (tmp_path / "a").exists()) == (1, True, False)
    assert bench.run("pull", "toy@latest", str(tmp_path / "a")).code == 1
    by_number = bench.run("pull", first, str(tmp_path / "b"))
    assert (by_number.code, "warning: toy@1 was revoked" in by_number.err) == (0, True)
    for what in ((), ("toy@1",), ("toy@production",)):
        verified = bench.run("verify", *what)
        assert (verified.code, "trained on leaked labels" in verified.out) == (1, True), verified.text
    assert "REVOKED, and in staging, production" in bench.ok("list")
    assert "REVOKED" in bench.ok("list", "toy")
    assert json.loads(bench.ok("list", "--json"))[0]["revoked"] == ["staging", "production"]
    assert json.loads(bench.ok("show", first, "--json"))["revoked"]["reason"] == "trained on leaked labels"
    assert bench.run("gate", first, "--to", "staging").code == 1

    second = bench.version(0.9)
    for stage in ("staging", "production"):
        bench.promote(second, stage)
    bench.ok("verify")
    bench.ok("pull", "toy@production", str(tmp_path / "c"))
    assert "revoked" not in bench.ok("list")


def test_a_reason_has_to_be_given(bench: Workbench) -> None:
    version = bench.version(0.7)
    for reason in ((), ("--reason", " ")):
        refused = bench.run("revoke", version, *reason)
        assert (refused.code, "eason" in refused.err) == (2, True), refused.text
