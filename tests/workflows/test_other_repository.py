"""Another repository, with training code and a registry in a folder of it, that calls our workflows by a commit."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelbook.adapters.key_signer import KeySigner, open_key
from modelbook.core.digests import digest_of
from modelbook.core.documents import load
from modelbook.core.layout import TRUST, TRUSTED_ROOT, trust_signature_path
from modelbook.core.signing.statements import trust_statement
from modelbook.core.trust import GITHUB, Trust
from tests.parts.act import Act
from tests.parts.act_run import ActRun
from tests.parts.fixtures import make_worktree
from tests.parts.github.client import GitHubServer
from tests.parts.s3 import RcloneS3
from tests.parts.sigstore.server import SigstoreServer
from tests.workflows.founding import desk, runner
from tests.workflows.releasing import OURS, git, release

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(300)]

NAME = "acme/fraud"
REGISTRY = "ml/registry"
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
# Actions alone, in jobs of their own: one that serves, and one that would sign in our name.
OWN = f"""\
name: Own
on: {{workflow_dispatch: {{inputs: {{run: {{}}, signer: {{}}}}}}}}
permissions: {{}}
jobs:
  serve:
    runs-on: ubuntu-latest
    permissions: {{contents: read}}
    env: &store
      AWS_ACCESS_KEY_ID: ${{{{ secrets.AWS_ACCESS_KEY_ID }}}}
      AWS_SECRET_ACCESS_KEY: ${{{{ secrets.AWS_SECRET_ACCESS_KEY }}}}
    steps:
      - uses: {CHECKOUT}
        with: {{path: theirs, persist-credentials: false}}
      - id: pull
        uses: {OURS}/actions/pull@v1
        with: {{working-directory: theirs, ref: fraud@1, target: serving, registry: {REGISTRY}}}
  sign:
    runs-on: ubuntu-latest
    permissions: {{contents: write, pull-requests: write, id-token: write}}
    env: *store
    steps:
      - uses: {CHECKOUT}
        with: {{persist-credentials: false}}
      - uses: {OURS}/actions/register@v1
        with: {{model: fraud, run: "${{{{ inputs.run }}}}", signer: "${{{{ inputs.signer }}}}", registry: {REGISTRY}}}
"""


def trust(key: KeySigner, number: str, pin: str, root: bytes) -> dict[str, bytes]:
    """A person adds data with a key, and three of our workflows sign the rest, as this repository's main calls them.

    The next version of what `modelbook init` made, signed by its root.
    """
    signers: list[dict[str, Any]] = [{"name": "owner", "key": key.public_pem}]
    for name in ("register", "evaluate", "promote"):
        identity = f"https://github.com/{OURS}/.github/workflows/{name}.yml@{pin}"
        caller = {"repository_id": number, "ref": "refs/heads/main"}
        signers.append({"name": name, "workflow": {"identity": identity} | caller})
    rules = [
        {"models": "*", "statements": ["dataset"], "signers": ["owner"]},
        {"models": "*", "statements": ["model", "provenance"], "signers": ["register"]},
        {"models": "*", "statements": ["evaluation"], "signers": ["evaluate"]},
        {"models": "*", "stages": ["*"], "signers": ["promote"]},
    ]
    said = {
        "version": 2,
        "sigstore": digest_of(root),
        "root": {"signers": ["owner"]},
        "signers": signers,
        "rules": rules,
    }
    data = yaml.safe_dump(said).encode()
    signature = key.sign(trust_statement(load(Trust, data, TRUST), data))
    return {TRUST: data, TRUSTED_ROOT: root, trust_signature_path("owner"): signature}


@dataclass
class Caller:
    """The repository `acme/fraud`, its bucket, and its Sigstore, by whose `config` our workflows sign."""

    github: GitHubServer
    s3: RcloneS3
    act: Act
    ours: Path
    bare: Path
    config: Path
    runs: list[ActRun] = field(default_factory=list)

    def run(self, event: dict[str, Any] | str, workflow: str, **more: Any) -> ActRun:
        """Run a workflow of the caller, which has no key."""
        secrets = {
            "AWS_ACCESS_KEY_ID": self.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
            "MODELBOOK_TOKEN": APP_TOKEN,
        }
        more |= {"secrets": secrets, "variables": {"AWS_ENDPOINT_URL_S3": self.s3.endpoint}, "env": runner(self.ours)}
        run = (
            self.act.run(event, workflow, **more)
            if isinstance(event, str)
            else self.act.run_event(event, workflow, **more)
        )
        self.runs.append(run)
        return run

    def dispatch(self, workflow: str, **inputs: str) -> ActRun:
        """Start a workflow as a person does on its page."""
        return self.run("workflow_dispatch", workflow, inputs=inputs)

    def read(self, where: str) -> dict[str, Any]:
        """A YAML file at `branch:path`."""
        document: dict[str, Any] = yaml.safe_load(git(self.bare, "show", where))
        return document

    def merge(self, branch: str) -> None:
        """Put main where a branch on top of it is."""
        git(self.bare, "update-ref", "refs/heads/main", f"refs/heads/{branch}")


@pytest.fixture
def fraud(github: GitHubServer, tmp_path: Path) -> Iterator[Caller]:
    ours, pin = release(github, tmp_path / "ours")
    key, data = tmp_path / "key.pem", tmp_path / "cards"
    files = dict.fromkeys((f"actions/{verb}/action.yml" for verb in ("train", "register", "verify")), IMPOSTOR)
    files |= {"train.py": TRAINING, "evaluate.py": SUITE, ".github/workflows/own.yml": OWN}
    files |= {f"{REGISTRY}/models/fraud/model.yaml": MODEL}
    work = make_worktree(tmp_path / "work", files)
    data.mkdir()
    (data / "cards.csv").write_text("amount\n1\n")
    bare = github.add_repository(NAME, from_worktree=work)
    number = str(github.state()["repositories"][NAME]["id"])
    github.add_token(APP_TOKEN, "fraud-app[bot]", {"contents": "write", "pull_requests": "write"})
    with RcloneS3() as s3, SigstoreServer({GITHUB: f"{github.url}/oidc/.well-known/jwks"}) as sigstore:
        s3.make_bucket("fraud-models")
        config = sigstore.client_config(tmp_path / "client.json")

        def modelbook(*arguments: str) -> None:
            environment = s3.environment() | {"MODELBOOK_REGISTRY": REGISTRY}
            desk("modelbook", *arguments, cwd=work, home=tmp_path / "desk", env=environment)

        where = ("--store", "s3://fraud-models", "--registry", REGISTRY)
        modelbook("init", ".", *where, "--key", str(key), "--github", f"{OURS}@{pin}")
        for name in ("train", "promote"):  # the tests' own instance, where others have the public one
            path = work / f".github/workflows/{name}.yml"
            path.write_text(path.read_text().replace("    with:\n", f"    with:\n      signer: sigstore:{config}\n"))
        for name, content in trust(open_key("file", str(key)), number, pin, sigstore.trusted_root()).items():
            (work / REGISTRY / name).write_bytes(content)
        git(work, "add", "-A")
        git(work, "commit", "-qm", "Let our workflows sign")
        modelbook("data", "add", "cards", str(data), "--signer", f"file:{key}", "--forge", "git")
        git(work, "push", "-q", str(bare), "main")
        yield Caller(github, s3, Act(github, tmp_path / "act", s3.endpoint, repository=NAME), ours, bare, config)


def test_it_trains_grades_and_promotes_with_our_workflows(fraud: Caller) -> None:
    run_id = train_and_register(fraud)
    verify(fraud)
    fraud.merge("register/fraud-1")
    run = fraud.run("push", "promote.yml")
    run.assert_jobs(
        dict.fromkeys(("promote/complete", "promote/plan", "evaluate/measure", "evaluate/record"), "success")
    )
    fraud.merge("evaluate/fraud-1-default")
    run = fraud.dispatch("promote.yml", version="fraud@1", stage="staging", reason="it is good")
    run.assert_jobs({"promote/promote": "success"})
    pointer = fraud.read(f"promote/fraud-1-to-staging:{REGISTRY}/models/fraud/stages/staging.yaml")
    assert (pointer["version"], pointer["reason"]) == (1, "it is good")
    fraud.merge("promote/fraud-1-to-staging")
    serve_and_fail_to_sign(fraud, run_id)

    secrets = [fraud.s3.secret_key, APP_TOKEN, *fraud.act.tokens]
    for number, run in enumerate(fraud.runs):
        assert "an impostor ran" not in run.log
        # The servers' logs speak of all runs: once is enough.
        run.assert_no_secret(secrets, *(() if number else (fraud.github.log_file.read_text(), fraud.s3.log)))


def train_and_register(fraud: Caller) -> str:
    inputs = {"data": "cards@1", "param": "loss=0.5 note=$(id)", "tag": "nightly second"}
    run = fraud.dispatch("train.yml", model="fraud", entry="train.py", **inputs)
    run.assert_jobs({"train/container": "success", "train/train": "success", "register/register": "success"})
    objects = {path.name for path in (fraud.s3.folder / "fraud-models").rglob("*") if path.is_file()}
    assert {"run.json", "model.safetensors"} <= objects
    card = fraud.read(f"register/fraud-1:{REGISTRY}/models/fraud/versions/1/card.yaml")
    assert card["run"]["params"] == {"loss": 0.5, "note": "$(id)"}, "an input is data, whatever it looks like"
    assert card["tags"] == ["nightly", "second"]
    state = fraud.github.state()["repositories"][NAME]
    (pull,) = state["pulls"]
    assert (pull["head_ref"], pull["issue"]["login"]) == ("register/fraud-1", "fraud-app[bot]")
    started = [(run["path"].rpartition("/")[2], run["event"]) for run in state["runs"]]
    expected = [("promote.yml", "push"), ("site.yml", "push"), ("verify.yml", "pull_request")]
    assert started == expected, "none was asked for"
    who = {entry["who"] for entry in fraud.github.log() if entry["path"].startswith("/api/")}
    assert who == {"fraud-app[bot]"}
    return str(card["run"]["id"])


def verify(fraud: Caller) -> None:
    (opened,) = [event for event in fraud.github.events() if event["name"] == "pull_request"]
    fraud.run(opened, "verify.yml").assert_jobs({"verify/verify": "success"})
    statuses = fraud.github.state()["repositories"][NAME]["statuses"]
    assert [(one["context"], one["state"]) for one in statuses] == [("modelbook", "success")]


def serve_and_fail_to_sign(fraud: Caller, run_id: str) -> None:
    """What our workflows signed can be pulled; the same action in a workflow of the caller's own signs as that one."""
    run = fraud.dispatch("own.yml", run=run_id, signer=f"sigstore:{fraud.config}")
    run.assert_jobs({"serve": "success", "sign": "failure"})
    assert run.output("serve", "pull/modelbook", "version") == "fraud@1"
    own = f"https://github.com/{NAME}/.github/workflows/own.yml@refs/heads/main"
    assert f"trust.yaml does not allow the workflow {own} of repository" in run.log
