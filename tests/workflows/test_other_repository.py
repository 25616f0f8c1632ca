"""Another repository, with training code and a registry of its own, that calls our workflows by a commit."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.parts.act import Act
from tests.parts.act_run import ActRun
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer
from tests.parts.s3 import RcloneS3
from tests.workflows.team import desk, lay_out, runner

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(300)]

NAME, OURS = "acme/fraud", "acme/modelbook"
CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
APP_TOKEN = "ghs_" + "p" * 36
TRAINING = """\
import torch
import modelbook

run = modelbook.run()
run.dataset("cards")
run.log({"loss": run.param("loss", 1.0)}, step=1)
run.save_weights({"weight": torch.ones(4, 4)})
run.finish()
"""
SUITE = """\
import json, os
from pathlib import Path

task = json.loads(Path(os.environ["MODELBOOK_EVALUATION"]).read_text())
Path(task["output"]).write_text(json.dumps({"metrics": {"accuracy": {"value": 0.9, "n": 100}}}))
"""
MODEL = """\
format: modelbook/model/v1
model: fraud
suites:
  default: {entry_point: evaluate.py, dataset: cards@1}
"""
# A file of the caller's by the name of one of ours: no job may run it.
IMPOSTOR = """\
name: impostor
description: signs whatever it likes
runs: {using: composite, steps: [{shell: bash, run: echo an impostor ran}]}
"""
# An action alone, in a job of their own.
SERVE = f"""\
name: Serve
on: workflow_dispatch
permissions: {{}}
jobs:
  serve:
    runs-on: ubuntu-latest
    permissions: {{contents: read}}
    steps:
      - uses: {CHECKOUT}
        with: {{path: theirs, persist-credentials: false}}
      - id: pull
        uses: {OURS}/actions/pull@v1
        with: {{working-directory: theirs, ref: fraud@1, target: serving}}
        env:
          AWS_ACCESS_KEY_ID: ${{{{ secrets.AWS_ACCESS_KEY_ID }}}}
          AWS_SECRET_ACCESS_KEY: ${{{{ secrets.AWS_SECRET_ACCESS_KEY }}}}
"""


def git(cwd: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


def release(github: GitHubServer, folder: Path) -> tuple[Path, str]:
    """Modelbook's own repository, with a tag, and a newer commit that would break whoever ran it."""
    lay_out(folder)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Release")
    git(folder, "tag", "v1")
    pin = git(folder, "rev-parse", "HEAD")
    git(folder, "rm", "-rq", "actions", "src", ".github")
    git(folder, "commit", "-q", "-m", "Break everything")
    github.add_repository(OURS, from_worktree=folder)
    git(folder, "checkout", "-q", pin)
    return folder, pin


def test_it_trains_grades_and_promotes_with_our_workflows(github: GitHubServer, tmp_path: Path) -> None:
    ours, pin = release(github, tmp_path / "ours")
    key, home, data = tmp_path / "key.pem", tmp_path / "desk", tmp_path / "cards"
    files = dict.fromkeys((f"actions/{verb}/action.yml" for verb in ("train", "register", "verify")), IMPOSTOR)
    files |= {"train.py": TRAINING, "evaluate.py": SUITE, ".github/workflows/serve.yml": SERVE}
    work = make_worktree(tmp_path / "work", files)
    data.mkdir()
    (data / "cards.csv").write_text("amount\n1\n")
    with RcloneS3() as s3:
        s3.make_bucket("fraud-models")
        init = ["init", ".", "--store", "s3://fraud-models", "--key", str(key), "--github", f"{OURS}@{pin}"]
        desk("modelbook", *init, cwd=work, home=home, env=s3.environment())
        (work / "registry/models/fraud").mkdir(parents=True)
        (work / "registry/models/fraud/model.yaml").write_text(MODEL)
        git(work, "add", "-A")
        git(work, "commit", "-q", "-m", "Fraud")
        add = ["data", "add", "cards", str(data), "--signer", f"file:{key}", "--forge", "git"]
        desk("modelbook", *add, cwd=work, home=home, env=s3.environment())
        bare = github.add_repository(NAME, from_worktree=work)
        github.add_token(APP_TOKEN, "fraud-app[bot]", {"contents": "write", "pull_requests": "write"})
        act = Act(github, tmp_path / "act", s3.endpoint, repository=NAME)
        secrets = {
            "AWS_ACCESS_KEY_ID": s3.access_key,
            "AWS_SECRET_ACCESS_KEY": s3.secret_key,
            "MODELBOOK_SIGNING_KEY": key.read_text(),
            "MODELBOOK_TOKEN": APP_TOKEN,
        }
        about: dict[str, Any] = {
            "secrets": secrets,
            "variables": {"AWS_ENDPOINT_URL_S3": s3.endpoint},
            "env": runner(ours),
        }
        runs: list[ActRun] = []

        def dispatch(workflow: str, **inputs: str) -> ActRun:
            runs.append(act.run("workflow_dispatch", workflow, inputs=inputs, **about))
            return runs[-1]

        run = dispatch(
            "train.yml",
            model="fraud",
            entry="train.py",
            data="cards@1",
            param="loss=0.5 note=$(id)",
            tag="nightly second",
        )
        run.assert_jobs({"train/container": "success", "train/train": "success", "register/register": "success"})
        objects = {path.name for path in (s3.folder / "fraud-models").rglob("*") if path.is_file()}
        assert {"run.json", "model.safetensors"} <= objects
        path = "registry/models/fraud/versions/1/card.yaml"
        card = yaml.safe_load(git(bare, "show", f"register/fraud-1:{path}"))
        assert card["run"]["params"] == {"loss": 0.5, "note": "$(id)"}, "an input is data, whatever it looks like"
        assert card["tags"] == ["nightly", "second"]
        state = github.state()["repositories"][NAME]
        (pull,) = state["pulls"]
        assert (pull["head_ref"], pull["issue"]["login"]) == ("register/fraud-1", "fraud-app[bot]")
        assert state["runs"] == [], "what an App's token opens is verified without a dispatch"
        (opened,) = [event for event in github.events() if event["name"] == "pull_request"]
        assert opened["starts_workflows"]
        who = {entry["who"] for entry in github.log() if entry["path"].startswith("/api/")}
        assert who == {"fraud-app[bot]"}

        judged = act.run_event(opened, "verify.yml", env=runner(ours))
        judged.assert_jobs({"verify/verify": "success"})
        assert [status["state"] for status in github.state()["repositories"][NAME]["statuses"]] == ["success"]

        git(bare, "update-ref", "refs/heads/main", "refs/heads/register/fraud-1")
        runs.append(act.run("push", "promote.yml", **about))
        jobs = ("promote/complete", "promote/plan", "evaluate/measure", "evaluate/record")
        runs[-1].assert_jobs(dict.fromkeys(jobs, "success"))
        git(bare, "update-ref", "refs/heads/main", "refs/heads/evaluate/fraud-1-default")
        run = dispatch("promote.yml", version="fraud@1", stage="staging", reason="it is good")
        run.assert_jobs({"promote/promote": "success"})
        pointer = yaml.safe_load(
            git(bare, "show", "promote/fraud-1-to-staging:registry/models/fraud/stages/staging.yaml")
        )
        assert (pointer["version"], pointer["reason"]) == (1, "it is good")
        run = dispatch("serve.yml")
        run.assert_jobs({"serve": "success"})
        assert run.output("serve", "pull/modelbook", "version") == "fraud@1"

    pem = "".join(key.read_text().splitlines()[1:-1])
    for run in [*runs, judged]:
        assert "an impostor ran" not in run.log
        run.assert_no_secret([s3.secret_key, APP_TOKEN, pem[:64], *act.tokens], github.log_file.read_text(), s3.log)
