"""A suite that keeps what it found for each example: stored, signed by digest, and read again by the gates."""

import json

from tests.commands.workbench import EVALUATE, POLICY, Workbench

EACH = (
    EVALUATE
    + """
rows = [{"id": str(number), "accuracy": int(number < round(100 * config["skill"]))} for number in range(100)]
pathlib.Path(task["examples"]).write_text("".join(json.dumps(row) + "\\n" for row in rows))
"""
)
SIGNIFICANT = POLICY.replace(
    "metrics.accuracy > baseline.metrics.accuracy", "'significantly_greater(\"accuracy\", 0.975)'"
)


def test_two_versions_are_compared_example_by_example(bench: Workbench) -> None:
    bench.commit({"evaluate.py": EACH, "registry/policy.yaml": SIGNIFICANT})
    first = bench.version(0.5)
    bench.promote(first, "staging")
    bench.promote(first, "production")
    second = bench.version(0.75)
    bench.promote(second, "staging")
    start = bench.git("rev-parse", "HEAD").strip()
    report = json.loads(bench.ok("gate", second, "--to", "production", "--json"))
    (gate,) = report["gates"]
    assert gate["reason"] == "accuracy: paired bootstrap, n 100 and 100, confidence 0.975"
    assert gate["compared"][0]["low"] > 0
    [told] = json.loads(bench.ok("diff", first, second, "--json"))["metrics"]
    assert (told["method"], told["interval"]) == (
        "paired bootstrap",
        [gate["compared"][0]["low"], gate["compared"][0]["high"]],
    ), "diff says what the gate says"
    bench.ok("promote", second, "--to", "production")
    change = ("verify", "--change", start, "--rev", "promote/toy-2-to-production")
    assert bench.run(*change).code == 0
    # Without what was signed, no other test takes its place.
    (one, _) = sorted((bench.root / ".modelbook/store/evaluations/examples").rglob("*.jsonl"))
    one.chmod(0o600)
    one.write_bytes(one.read_bytes().replace(b'"0"', b'"x"'))
    done = bench.run(*change)
    assert (done.code, "not those that were signed" in " ".join(done.text.split())) == (1, True)
    one.unlink()
    assert bench.run("gate", second, "--to", "production").code == 1
    done = bench.run("diff", first, second, "--json")
    assert (done.code, "not as a gate would test it: the results of each example" in done.err) == (0, True)
    assert json.loads(done.out)["metrics"][0]["method"] == "Welch's t-test"
    done = bench.run("compare", first, second, "--no-store", "--json")
    assert ("not as a gate" in done.err, json.loads(done.out)["metrics"][0]["methods"][1]) == (False, "Welch's t-test")
    # What does not fit the metrics is refused before anything is signed.
    bench.commit({"evaluate.py": EACH.replace("range(100)", "range(99)")})
    bench.ok("register", "toy", "--run", bench.train(0.8))
    done = bench.run("evaluate", "toy@3")
    assert (done.code, "what the suite wrote of each example cannot be used" in done.text) == (2, True)
