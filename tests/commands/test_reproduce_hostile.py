"""A record that would lead `modelbook reproduce` elsewhere, and secrets that it must not hand on."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands.workbench import EVALUATE, MODEL, POLICY, TRAIN, Workbench

HERE = ("--environment", "machine")
# Python runs this as it starts: what any installed package could do.
SPY = """\
import os, sys
if "KEY_OF_MINE" in os.environ or "GITHUB_TOKEN" in os.environ:
    with open({seen!r}, "a") as seen:
        print(sys.orig_argv[1:3], file=seen)
"""


def altered(bench: Workbench, **fields: Any) -> str:
    """A version whose run recorded something strange; its reference."""
    run = bench.train(0.8)
    place = bench.root / f".modelbook/store/runs/{run}/run.json"
    record = json.loads(place.read_text())
    for part, changes in fields.items():
        record[part] |= changes
    place.chmod(0o644)
    place.write_text(json.dumps(record))
    return bench.ok("register", "toy", "--run", run).partition(":")[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"environment": {"local": {"mine": "../../elsewhere"}}}, "the package mine in ../../elsewhere lies outside"),
        ({"environment": {"local": {"mine": "/elsewhere"}}}, "the package mine in /elsewhere lies outside"),
        ({"code": {"folder": "/", "entry_point": "train.py"}}, "the folder / lies outside"),
        ({"code": {"entry_point": "/train.py"}}, "the entry point /train.py lies outside"),
    ],
)
def test_nothing_outside_the_checkout_is_installed_or_run(bench: Workbench, fields: dict[str, Any], words: str) -> None:
    refused = bench.run("reproduce", altered(bench, **fields), *HERE)
    assert (refused.code, words in refused.err) == (2, True), refused.text


def test_a_lock_with_an_option_for_pip_is_refused(bench: Workbench) -> None:
    run = bench.train(0.8)
    folder = bench.root / f".modelbook/store/runs/{run}"
    lock = b"--index-url https://example.org/simple\n"
    place = folder / "artifacts/modelbook/requirements.txt"
    place.chmod(0o644)
    place.write_bytes(lock)
    record = json.loads((folder / "run.json").read_text())
    stored = next(file for file in record["artifacts"] if file["path"] == "modelbook/requirements.txt")
    stored |= {"digest": "sha256:" + hashlib.sha256(lock).hexdigest(), "size": len(lock)}
    (folder / "run.json").chmod(0o644)
    (folder / "run.json").write_text(json.dumps(record))
    version = bench.ok("register", "toy", "--run", run).partition(":")[0]
    refused = bench.run("reproduce", version)
    assert (refused.code, "'--index-url https://example.org/simple' is no exact line" in refused.err) == (2, True)
    assert not (bench.root / ".modelbook/environments").exists()


def test_a_key_and_a_token_reach_no_process_that_it_starts(bench: Workbench, tmp_path: Path) -> None:
    """Nor a suite of `modelbook evaluate`: the key is named on the command line, so no variable names it."""
    version = bench.ok("register", "toy", "--run", bench.train(0.8)).partition(":")[0]
    (tmp_path / "spy").mkdir()
    (tmp_path / "spy/sitecustomize.py").write_text(SPY.format(seen=str(tmp_path / "seen")))
    key = Path(bench.env["MODELBOOK_SIGNER"].removeprefix("file:")).read_text()
    env = {"KEY_OF_MINE": key, "GITHUB_TOKEN": "x", "PYTHONPATH": str(tmp_path / "spy")}
    del bench.env["MODELBOOK_SIGNER"]
    signer = ("--signer", "env:KEY_OF_MINE")
    for command in (("evaluate", version), ("reproduce", version, *HERE)):
        # From a bare interpreter, so that the spy is in this process too.
        whole = [sys.executable, "-m", "modelbook", *command, *signer, "--forge", "git"]
        done = subprocess.run(whole, cwd=bench.root, env=bench.env | env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert set((tmp_path / "seen").read_text().splitlines()) == {"['-m', 'modelbook']"}


def test_a_suite_may_be_named_like_anything(bench: Workbench) -> None:
    """`store` and `runs` are folders that a repetition has of its own."""
    model = MODEL.replace("  default:", "  store: {entry_point: evaluate.py, dataset: numbers@1}\n  runs:")
    noisy = TRAIN.replace(
        'run.param("skill", 0.8)', 'run.param("skill", 0.8) + numpy.random.default_rng().normal() / 1e4'
    )
    margins = "reproduce: {margins: {accuracy: 0.01, other: 0.01}}\n"
    files = {"registry/models/toy/model.yaml": model, "train.py": noisy, "registry/policy.yaml": POLICY + margins}
    bench.commit(files | {"other.py": EVALUATE})
    version = bench.ok("register", "toy", "--run", bench.train(0.8)).partition(":")[0]
    bench.ok("evaluate", version, "--suite", "store")
    bench.ok("reproduce", version, "--runs", "2", *HERE)


NEWER = '{"python": "3.99", "platform": "x", "new": 1}'


@pytest.mark.parametrize(
    ("talk", "code", "words"),
    [
        ("print('hello')", 0, "is reproduced"),
        (f"print({NEWER!r}, flush=True); os._exit(0)", 3, "the Modelbook in these packages is another version"),
    ],
    ids=["greeting", "newer"],
)
def test_what_packages_say_as_they_start_breaks_nothing(
    bench: Workbench, tmp_path: Path, talk: str, code: int, words: str
) -> None:
    version = bench.ok("register", "toy", "--run", bench.train(0.8)).partition(":")[0]
    (tmp_path / "sitecustomize.py").write_text(f"import os, sys\nif sys.orig_argv[1] == '-c': {talk}\n")
    done = bench.run("reproduce", version, *HERE, env={"PYTHONPATH": str(tmp_path)})
    assert (done.code, words in done.text) == (code, True), done.text
