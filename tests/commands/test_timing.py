"""Soak and freeze on real git: what `gate`, `plan`, `promote` and `verify --change` make of them."""

import json
import subprocess
from typing import Any

from tests.commands.workbench import POLICY, Workbench

SOAK = POLICY.replace("- name: production\n", "- name: production\n    auto: true\n    soak: 24h\n")
FREEZE = """\
freeze:
  - {name: long-ago, begins: 2001-01-01T00:00, ends: 2002-01-01T00:00}
  - {name: for-ever, begins: 2001-01-01T00:00, ends: 9000-01-01T00:00, reason: we moved, override: [WHO]}
"""


def judged(bench: Workbench, *args: str) -> tuple[int, dict[str, Any]]:
    done = bench.run(*args, "--json")
    return done.code, json.loads(done.out)


def codes(report: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in report["findings"]}


def test_a_soak_is_measured_by_the_commits_that_brought_the_version(bench: Workbench) -> None:
    bench.promote(bench.version(0.9), "staging")
    bench.commit({"registry/policy.yaml": SOAK}, "Let versions soak")
    code, report = judged(bench, "gate", "toy@1", "--to", "production")
    assert (code, codes(report)) == (1, {"not-soaked"})
    assert report["facts"]["in staging"].endswith("0m of 24h")
    opens = report["facts"]["may enter from"]
    planned = json.loads(bench.ok("plan", "--json"))
    assert (planned["promote"], planned["later"]) == ([], [{"version": "toy@1", "stage": "production", "from": opens}])
    assert f"--to production  # from {opens} on" in bench.ok("plan")
    assert bench.run("promote", "toy@1", "--to", "production").code == 1
    # The same registry as if it had been merged long ago.
    bench.git("checkout", "--quiet", "--orphan", "old")
    dated = Workbench(bench.root, bench.env | {"GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"})
    dated.git("commit", "--quiet", "-m", "Long ago")
    start = bench.commit({"README.md": "A toy\n"}, "Since then")
    assert judged(bench, "gate", "toy@1", "--to", "production")[0] == 0
    assert json.loads(bench.ok("plan", "--json"))["promote"] == [{"version": "toy@1", "stage": "production"}]
    bench.ok("promote", "toy@1", "--to", "production")
    assert bench.run("verify", "--change", start, "--rev", "promote/toy-1-to-production").code == 0
    # A promotion that is dated back comes after all that was there, though that was about no model.
    bench.git("checkout", "--quiet", "--orphan", "dated-back")
    bench.git("rm", "-rq", "--cached", "registry/models/toy/stages")
    dated.git("commit", "--quiet", "-m", "Long ago")
    bench.git("commit", "--quiet", "--allow-empty", "-m", "Now")
    dated.git("add", "-A")
    dated.git("commit", "--quiet", "-m", "Promote it")
    code, report = judged(bench, "gate", "toy@1", "--to", "production")
    assert (code, codes(report)) == (1, {"not-soaked"})
    bench.git("switch", "--quiet", "old")
    # A clone that has but the last commit cannot know.
    shallow = bench.root.parent / "shallow"
    clone = ["git", "clone", "--quiet", "--depth", "1", "--branch", "old", f"file://{bench.root}", str(shallow)]
    subprocess.run(clone, env=bench.env, check=True)
    there = Workbench(shallow, bench.env)
    code, report = judged(there, "gate", "toy@1", "--to", "production")
    assert (code, codes(report)) == (1, {"incomplete-history"})
    assert "git fetch --unshallow" in report["findings"][0]["remedy"]


def test_a_frozen_stage_is_entered_only_by_an_override_that_the_policy_allows(bench: Workbench) -> None:
    version = bench.version(0.9)
    bench.commit({"registry/policy.yaml": POLICY + FREEZE.replace("WHO", "alice")})
    done = bench.run("verify")
    assert (done.code, "registry/policy.yaml:14: nobody in trust.yaml is called 'alice'" in done.text) == (1, True)
    start = bench.commit({"registry/policy.yaml": POLICY + FREEZE.replace("WHO", "owner")})
    code, report = judged(bench, "gate", version, "--to", "staging")
    assert (code, codes(report), report["facts"]["frozen by for-ever"]) == (1, {"frozen"}, "until 9000-01-01T00:00:00Z")
    (finding,) = report["findings"]
    assert (finding["path"], finding["line"]) == ("registry/policy.yaml", 14)
    assert json.loads(bench.ok("plan", "--json"))["promote"] == []
    promote = ("promote", version, "--to", "staging", "--override-freeze", "for-ever")
    assert bench.run(*promote[:-2]).code == 1
    done = bench.run(*promote)
    assert (done.code, "needs a --reason" in done.text) == (2, True)
    assert bench.run(*promote[:-1], "nothing", "--reason", "x").code == 1
    assert "overridden by owner" in bench.ok(*promote, "--reason", "the old host is going")
    branch = "promote/toy-1-to-staging"
    pointer = bench.git("show", f"{branch}:registry/models/toy/stages/staging.yaml")
    assert "overrides:\n- for-ever\n" in pointer
    code, report = judged(bench, "verify", "--change", start, "--rev", branch)
    assert (code, report["findings"]) == (0, [])
    assert report["facts"]["staging: frozen by for-ever"].endswith("overridden by owner")
