"""Another repository, with training code and a registry of its own, that uses the actions of this one by a tag."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.parts.act import Act
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer
from tests.parts.s3 import RcloneS3
from tests.workflows.team import desk, lay_out, runner

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(200)]

NAME = "acme/fraud"
CHECKOUT = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683"
TRAINING = """\
import torch
import modelbook

run = modelbook.run()
run.log({"loss": run.param("loss", 1.0)}, step=1)
run.save_weights({"weight": torch.ones(4, 4)})
run.finish()
"""
STORE = """
          AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}
          AWS_SECRET_ACCESS_KEY: ${{ secrets.AWS_SECRET_ACCESS_KEY }}"""
WORKFLOW = f"""\
name: Fraud
on: {{workflow_dispatch: {{inputs: {{param: {{}}}}}}}}
permissions: {{}}
jobs:
  train:
    runs-on: [self-hosted, gpu]
    permissions: {{contents: read}}
    outputs:
      run: ${{{{ steps.train.outputs.run }}}}
      digest: ${{{{ steps.train.outputs.digest }}}}
    steps:
      - uses: {CHECKOUT}
        with: {{path: ours, persist-credentials: false}}
      - id: train
        uses: acme/registry/actions/train@v1
        with:
          working-directory: ours
          entry: train.py
          param: ${{{{ inputs.param }}}}
          tag: |
            nightly
            second
        env:{STORE}
  register:
    needs: train
    runs-on: ubuntu-latest
    permissions: {{contents: write, pull-requests: write}}
    steps:
      - uses: {CHECKOUT}
        with: {{persist-credentials: false}}
      - uses: acme/registry/actions/register@v1
        with:
          model: fraud
          run: ${{{{ needs.train.outputs.run }}}}
          digest: ${{{{ needs.train.outputs.digest }}}}
          signer: env:MODELBOOK_SIGNING_KEY
        env:
          MODELBOOK_TOKEN: ${{{{ secrets.APP_TOKEN }}}}
          MODELBOOK_SIGNING_KEY: ${{{{ secrets.MODELBOOK_SIGNING_KEY }}}}{STORE}
"""


def test_it_trains_and_registers_with_our_actions(github: GitHubServer, tmp_path: Path) -> None:
    ours, key, home = tmp_path / "ours", tmp_path / "key.pem", tmp_path / "desk"
    lay_out(ours)
    work = make_worktree(tmp_path / "work", {"train.py": TRAINING, ".github/workflows/fraud.yml": WORKFLOW})
    with RcloneS3() as s3:
        s3.make_bucket("fraud-models")
        init = ["init", ".", "--store", "s3://fraud-models", "--key", str(key)]
        desk("modelbook", *init, cwd=work, home=home, env=s3.environment())
        bare = github.add_repository(NAME, from_worktree=work)
        app_token = "ghs_" + "p" * 36
        github.add_token(app_token, "fraud-app[bot]", {"contents": "write", "pull_requests": "write"})
        act = Act(github, tmp_path / "act", s3.endpoint, repository=NAME)
        secrets = {
            "AWS_ACCESS_KEY_ID": s3.access_key,
            "AWS_SECRET_ACCESS_KEY": s3.secret_key,
            "MODELBOOK_SIGNING_KEY": key.read_text(),
            "APP_TOKEN": app_token,
        }
        run = act.run(
            "workflow_dispatch",
            "fraud.yml",
            inputs={"param": "loss=0.5 note=$(id)"},
            secrets=secrets,
            env=runner(ours),
            others={"acme/registry@v1": ours},
        )
        run.assert_jobs({"train": "success", "register": "success"})
        objects = {path.name for path in (s3.folder / "fraud-models").rglob("*") if path.is_file()}
        assert {"run.json", "model.safetensors"} <= objects

    path = "registry/models/fraud/versions/1/card.yaml"
    shown = subprocess.run(["git", "show", f"register/fraud-1:{path}"], cwd=bare, check=True, capture_output=True)
    card = yaml.safe_load(shown.stdout)
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
    pem = "".join(key.read_text().splitlines()[1:-1])
    run.assert_no_secret([s3.secret_key, app_token, pem[:64], *act.tokens], github.log_file.read_text(), s3.log)
