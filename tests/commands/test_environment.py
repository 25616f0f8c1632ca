"""What a run records of its software and code, from the command line to the pulled model."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

from modelbook.core.digests import digest_of
from tests.commands.workbench import Workbench

ROOT = Path(__file__).parents[2]


def test_the_environment_of_a_version_is_compared_with_this_one(bench: Workbench) -> None:
    version = bench.version(0.8)
    assert bench.run("env", "check", version).code == 0
    assert json.loads(bench.ok("env", "diff", version, version, "--json")) == []

    image = {"MODELBOOK_CONTAINER": "acme/serve@sha256:" + "1" * 64}
    drifted = bench.run("env", "check", version, "--json", env=image)
    assert drifted.code == 1
    (row,) = json.loads(drifted.out)
    assert (row["part"], row["this machine"]) == ("container", image["MODELBOOK_CONTAINER"])
    table = bench.run("env", "check", version, env=image)
    assert (table.code, "container" in table.out) == (1, True)
    assert bench.run("env", "check", version, "--ignore", "cont*", env=image).code == 0
    typo = bench.run("env", "check", version, "--ignore", "contaner", env=image)
    assert (typo.code, "no part of an environment" in typo.err) == (2, True)


def test_the_action_checks_an_environment_before_it_serves(bench: Workbench) -> None:
    version = bench.version(0.8)
    outputs = bench.root.parent / "outputs"
    for image, code, passed in ((None, 0, "true"), ("acme/serve@sha256:" + "1" * 64, 1, "false")):
        env = {"GITHUB_OUTPUT": str(outputs), "MODELBOOK_INPUT_REF": version, "MODELBOOK_INPUT_IGNORE": "cpu\nos"}
        env |= {"MODELBOOK_CONTAINER": image} if image else {}
        command = [sys.executable, str(ROOT / "actions/run.py"), "env-check"]
        done = subprocess.run(command, cwd=bench.root, env=bench.env | env, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stdout.startswith(f"$ modelbook env check --ignore=cpu --ignore=os -- {version}\n")
        assert outputs.read_text().splitlines()[1] == passed
        outputs.unlink()


def test_lock_and_patch_travel_with_the_model(bench: Workbench, tmp_path: Path) -> None:
    pushed = bench.git("rev-parse", "HEAD").strip()
    bench.git("init", "-q", "--bare", str(tmp_path / "remote.git"))
    bench.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    bench.git("push", "-q", "origin", "HEAD:main")
    script = (bench.root / "train.py").read_text()
    bench.commit({"train.py": script + "# not pushed\n"}, "Local")
    (bench.root / "helper.py").write_text("# not committed\n")
    refused = bench.run("train", "train.py", "--data", "numbers@1")
    assert (refused.code, "helper.py" in refused.err, "--allow-dirty" in refused.err) == (1, True, True)
    (bench.root / "helper.py").unlink()
    refused = bench.run("train", "train.py", "--data", "numbers@1")
    assert (refused.code, "Local" in refused.err, "--allow-dirty" in refused.err) == (1, True, True)
    (bench.root / "helper.py").write_text("# not committed\n")
    printed = bench.ok("train", "train.py", "--data", "numbers@1", "--allow-dirty")
    assert "stored as modelbook/uncommitted.patch" in printed
    (bench.root / "helper.py").unlink()
    bench.ok("register", "toy", "--run", printed.rsplit("--run ", 1)[1].split()[0])
    bench.ok("pull", "toy@1", str(tmp_path / "model"))
    lineage = yaml.safe_load((tmp_path / "model/card.yaml").read_text())["lineage"]
    lock, patch = (tmp_path / "model/modelbook" / name for name in ("requirements.txt", "uncommitted.patch"))
    assert lineage["environment"]["lock"] == digest_of(lock.read_bytes())
    assert lineage["code"]["patch"] == digest_of(patch.read_bytes())
    assert (lineage["code"]["base"], lineage["code"]["dirty"]) == (pushed, True)

    bench.git("clone", "-q", "-b", "main", str(tmp_path / "remote.git"), str(tmp_path / "clone"))
    subprocess.run(["git", "apply", str(patch)], cwd=tmp_path / "clone", env=bench.env, check=True)
    assert (tmp_path / "clone/train.py").read_text() == script + "# not pushed\n"
    assert (tmp_path / "clone/helper.py").read_text() == "# not committed\n"


def test_a_training_that_deletes_its_folder_keeps_its_lock(bench: Workbench) -> None:
    deletes = "import os, pathlib, shutil\nshutil.rmtree(pathlib.Path(os.environ['MODELBOOK_RUN_CONFIG']).parent)\n"
    bench.commit({"train.py": deletes})
    run = json.loads(bench.run("train", "train.py", "--json").out)["run"]
    record = json.loads((bench.root / ".modelbook/store/runs" / run / "run.json").read_text())
    assert [file["path"] for file in record["artifacts"]] == ["modelbook/requirements.txt"]
    assert record["environment"]["lock"] == record["artifacts"][0]["digest"]
