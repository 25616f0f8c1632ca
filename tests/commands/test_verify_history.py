"""An old promotion that comes back is signed as well as ever: only the history tells, and `verify` reads it."""

import json
import subprocess

from tests.commands.workbench import Workbench

POINTER = "registry/models/toy/stages/staging.yaml"


def codes(bench: Workbench, *args: str) -> tuple[int, set[tuple[str, str]]]:
    done = bench.run("verify", *args, "--json")
    return done.code, {(one["code"], one["level"]) for one in json.loads(done.out)["findings"]}


def test_a_replayed_promotion_is_found_and_can_be_put_right(bench: Workbench) -> None:
    bench.promote(bench.version(0.7), "staging")
    old = bench.git("rev-parse", "HEAD").strip()
    bench.promote(bench.version(0.9), "staging")
    new = bench.git("rev-parse", "HEAD").strip()
    assert codes(bench) == (0, set())
    bench.git("checkout", old, "--", "registry/models/toy/stages")
    bench.git("commit", "--quiet", "-m", "The old one again, signatures and all")
    refused = {("serial-went-back", "error")}
    assert codes(bench) == (1, refused)
    assert codes(bench, "toy@staging") == (1, refused)
    assert codes(bench, "toy@1") == (0, set())  # the version itself is what it was
    assert f"git checkout {new[:12]} -- {POINTER}" in bench.run("verify").text
    # A change that would bring it back is refused before it is merged.
    assert codes(bench, "--change", new)[0] == 1
    # A clone that has but the last commit cannot know, and says so.
    shallow = bench.root.parent / "shallow"
    clone = ["git", "clone", "--quiet", "--depth", "1", f"file://{bench.root}", str(shallow)]
    subprocess.run(clone, env=bench.env, check=True)
    assert codes(Workbench(shallow, bench.env), "toy@staging") == (0, {("incomplete-history", "warning")})
    bench.git("checkout", new, "--", "registry/models/toy/stages")
    bench.git("commit", "--quiet", "-m", "Put right")
    assert codes(bench) == (0, {("serial-went-back", "warning")})


def test_a_version_that_went_and_came_back_as_another_is_found(bench: Workbench) -> None:
    bench.ok("register", "toy", "--run", bench.train(0.8))
    bench.git("rm", "--quiet", "-r", "registry/models/toy/versions/1")
    bench.git("commit", "--quiet", "-m", "Nobody will miss it")
    code, found = codes(bench)
    assert (code, found) == (1, {("immutable", "error")})
    start = bench.git("rev-parse", "HEAD").strip()
    bench.ok("register", "toy", "--run", bench.train(0.9))
    assert codes(bench, "--change", start) == (1, {("immutable", "error")})
