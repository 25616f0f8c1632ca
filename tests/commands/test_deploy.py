"""Bringing a stage to where it serves, with plain git: verified, in one step, recorded, and never a revoked version."""

import json
import subprocess
import threading
from pathlib import Path

import yaml

from tests.commands.workbench import Workbench

IMAGE = {"MODELBOOK_CONTAINER": "acme/serve@sha256:" + "1" * 64}


def deploy(staged: Workbench, target: Path, *more: str) -> str:
    return staged.ok("deploy", "toy", "--stage", "staging", "--target", str(target), *more)


def states(staged: Workbench, code: int) -> dict[str, str]:
    done = staged.run("status", "--json")
    assert done.code == code, done.text
    return {f"{row['model']}/{row['stage']}": row["state"] for row in json.loads(done.out)}


def skill(target: Path) -> float:
    config: dict[str, float] = json.loads((target / "config.json").read_text())
    return config["skill"]


def test_a_stage_is_brought_to_its_place_and_one_rename_goes_back(staged: Workbench, tmp_path: Path) -> None:
    target = tmp_path / "srv/toy"
    assert states(staged, 1) == {"toy/staging": "never deployed"}
    assert json.loads(staged.ok("plan", "--deployments", "--json")) == {
        "deploy": [{"model": "toy", "stage": "staging"}]
    }
    assert "toy@1 is deployed to staging\n" in deploy(staged, target)
    assert (skill(target), states(staged, 0)) == (0.7, {"toy/staging": "in step"})
    assert staged.run("verify", str(target), "--trust", "registry/trust.yaml").code == 0
    assert "Nothing waits" in staged.ok("plan", "--deployments")

    before = sorted(target.parent.rglob("*"))
    assert "already; nothing to do" in deploy(staged, target)
    assert sorted(target.parent.rglob("*")) == before

    old = staged.git("rev-parse", "HEAD").strip()
    staged.promote("toy@2", "staging")
    assert states(staged, 1) == {"toy/staging": "behind"}
    with never_half_a_model(target):
        deploy(staged, target)
    assert (skill(target), skill(target.with_name("toy.previous"))) == (0.9, 0.7)
    late = staged.run("deploy", "toy", "--stage", "staging", "--target", str(target), "--rev", old)
    assert (late.code, "by a later promotion" in late.err, skill(target)) == (1, True, 0.9)
    seen = staged.run("status", "--json", "--rev", old)
    assert (seen.code, json.loads(seen.out)[0]["state"]) == (1, "ahead")

    subprocess.run(["mv", "-T", "toy.previous", "toy"], cwd=target.parent, check=True)
    assert skill(target) == 0.7
    deploy(staged, target)
    assert (skill(target), skill(target.with_name("toy.previous"))) == (0.9, 0.7)

    staged.promote("toy@1", "staging")
    deploy(staged, target)
    kept = sorted(path.name for path in target.with_name("toy.versions").iterdir())
    assert (skill(target), skill(target.with_name("toy.previous"))) == (0.7, 0.9)
    assert kept == [".lock", "toy-1", "toy-2"], "what serves, what served before, and no more"


class never_half_a_model:
    """Reads the model again and again, as a server does that starts at any moment."""

    def __init__(self, target: Path) -> None:
        self.target, self.done = target, threading.Event()
        self.seen: list[float | OSError | set[str]] = []
        self.thread = threading.Thread(target=self.read)

    def read(self) -> None:
        last = False
        while not last:
            last = self.done.is_set()
            try:
                self.seen.append({path.name for path in self.target.resolve(strict=True).iterdir()})
                self.seen.append(skill(self.target))
            except OSError as error:
                self.seen.append(error)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()
        whole = {"card.yaml", "config.json", "model.safetensors", "model.sig", "modelbook"}
        assert [one for one in self.seen if one not in (whole, 0.7, 0.9)] == []
        assert self.seen[-1] == 0.9, "it read to the end, and met the new one"


def test_what_is_damaged_where_it_serves_is_replaced(staged: Workbench, tmp_path: Path) -> None:
    target = tmp_path / "toy"
    deploy(staged, target)
    (target / "config.json").write_text('{"skill": 0.1}')
    assert "already" not in deploy(staged, target)
    assert skill(target) == 0.7
    assert not target.with_name("toy.previous").is_symlink(), "nobody goes back to what was damaged"
    assert sorted(path.name for path in target.with_name("toy.versions").iterdir()) == [".lock", "toy-1.2"]


def test_a_revoked_version_is_never_deployed_and_still_serving_is_said(staged: Workbench, tmp_path: Path) -> None:
    target = tmp_path / "toy"
    deploy(staged, target)
    staged.ok("revoke", "toy@1", "--reason", "trained on leaked labels")
    refused = staged.run("deploy", "toy", "--stage", "staging", "--target", str(tmp_path / "other"))
    assert (refused.code, "trained on leaked labels" in refused.err) == (1, True)
    assert not (tmp_path / "other").exists()
    assert states(staged, 1) == {"toy/staging": "revoked and still serving"}
    assert "Nothing waits" in staged.ok("plan", "--deployments"), "another version has to be promoted first"
    staged.promote("toy@2", "staging")
    deploy(staged, target)
    assert states(staged, 0) == {"toy/staging": "in step"}


def test_what_does_not_verify_is_not_deployed_and_the_reason_is_recorded(staged: Workbench, tmp_path: Path) -> None:
    target, pointer = tmp_path / "toy", "registry/models/toy/stages/staging.yaml"
    text = (staged.root / pointer).read_text()
    staged.commit({pointer: text + "reason: nobody signed this\n"})
    refused = staged.run("deploy", "toy", "--stage", "staging", "--target", str(target))
    assert (refused.code, "not deployed" in refused.err, target.exists()) == (1, True, False)
    (row,) = json.loads(staged.run("status", "--json").out)
    assert (row["state"], row["last"]["state"], bool(row["last"]["said"])) == ("failed", "failure", True)

    staged.commit({pointer: text})
    staged.weights(json.loads(staged.ok("show", "toy@1", "--json"))["card"]["run"]["id"]).write_bytes(b"other weights")
    broken = staged.run("deploy", "toy", "--stage", "staging", "--target", str(target))
    assert (broken.code, target.is_symlink()) == (1, False), broken.text
    assert states(staged, 1) == {"toy/staging": "failed"}


def test_another_environment_is_shown_and_refused_where_asked(staged: Workbench, tmp_path: Path) -> None:
    command = ["deploy", "toy", "--stage", "staging", "--target", str(tmp_path / "toy")]
    refused = staged.run(*command, "--require-environment", "cuda,container", env=IMAGE)
    assert (refused.code, "container was unknown in training" in refused.err) == (1, True)
    assert (tmp_path / "toy").exists() is False
    shown = staged.run(*command, "--require-environment", "python", env=IMAGE)
    assert (shown.code, "warning: container was unknown" in shown.err) == (0, True)
    typo = staged.run(*command, "--require-environment", "contaner")
    assert (typo.code, "no part of an environment" in typo.err) == (2, True)


def test_a_manifest_stands_alone_or_beside_the_files(staged: Workbench, tmp_path: Path) -> None:
    output, target = tmp_path / "vllm.yaml", tmp_path / "toy"
    alone = staged.run("deploy", "toy", "--stage", "staging", "--manifest", "vllm", "--output", str(output))
    assert (alone.code, "folder of this machine" in alone.err, output.exists()) == (2, True, False)
    assert states(staged, 1) == {"toy/staging": "failed"}
    deploy(staged, target, "--manifest", "vllm", "--output", str(output))
    assert yaml.safe_load(output.read_text()) == {"model": str(target), "served-model-name": "toy"}
    assert states(staged, 0) == {"toy/staging": "in step"}


def test_what_cannot_be_meant_is_said(staged: Workbench, tmp_path: Path) -> None:
    stage, taken = ["deploy", "toy", "--stage", "staging"], tmp_path / "taken"
    empty = staged.run("deploy", "toy", "--stage", "production", "--target", str(tmp_path / "x"))
    assert (empty.code, "no version of toy is in production" in empty.err) == (2, True)
    taken.mkdir()
    (taken / "kept").touch()
    for words, arguments in {
        "something is here already": ["--target", str(taken)],
        "say what to bring": [],
        "go together": ["--manifest", "kserve"],
        "--notify is for GitHub": ["--notify", "acme/serving"],
        "holds no https address": ["--target", str(tmp_path / "x"), "--webhook-env", "HOOK"],
        "named by an environment variable": ["--target", str(tmp_path / "x"), "--webhook-env", "https://h/secret"],
    }.items():
        done = staged.run(*stage, *arguments, env={"HOOK": "http://chat.example/secret"})
        assert (done.code, words in done.err) == (2, True), done.text
        assert "chat.example" not in done.text
    assert list(taken.iterdir()) == [taken / "kept"]
    assert staged.run("deploy", "toy", "--stage", "nowhere", "--target", str(tmp_path / "x")).code == 2
