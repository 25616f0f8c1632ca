"""Keyless, from end to end: a workflow's job signs through sigstore-python, and everybody can check it offline."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy

from modelbook.core.digests import digest_of
from modelbook.core.trust import GITHUB
from tests.commands.workbench import Workbench
from tests.parts.github.client import GitHubServer
from tests.parts.sigstore.server import SigstoreServer

REPOSITORY = "acme/toys"
FILE = f"https://github.com/{REPOSITORY}/.github/workflows/register.yml@refs/heads/main"
TOOL = [sys.executable, "-W", "ignore", "-m", "model_signing", "--log-level", "ERROR"]


@dataclass
class Keyless:
    """A repository whose workflow signs keyless. `job` is the environment of its job, `config` its Sigstore's."""

    bench: Workbench
    github: GitHubServer
    sigstore: SigstoreServer
    config: Path
    job: dict[str, str]

    def allow(self, **changes: str) -> None:
        """Let trust.yaml name the workflow, changed by `changes`, beside the key that `init` made."""
        path = self.bench.root / "registry/trust.yaml"
        trust = yaml.safe_load(path.read_text())
        number = str(self.github.state()["repositories"][REPOSITORY]["id"])
        workflow = {"identity": FILE, "repository_id": number, "ref": "refs/heads/main"} | changes
        trust["version"] += 1
        trust["signers"] = [*trust["signers"][:1], {"name": "register", "workflow": workflow}]
        trust["rules"] = [
            {"models": "*", "statements": ["model", "provenance"], "signers": ["register"]},
            *trust["rules"],
        ]
        trust["sigstore"] = digest_of(self.sigstore.trusted_root())
        files: dict[str, str | bytes] = {
            "registry/trust.yaml": yaml.safe_dump(trust),
            "registry/trusted_root.json": self.sigstore.trusted_root(),
        }
        commit = self.bench.commit(files, "Let the workflow sign")
        self.github.set_claims(iss=GITHUB, repository=REPOSITORY, sha=commit)


@pytest.fixture
def keyless(bench: Workbench, shared_github: GitHubServer, tmp_path: Path) -> Iterator[Keyless]:
    if REPOSITORY not in shared_github.state()["repositories"]:
        shared_github.add_repository(REPOSITORY)
    job = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ID": "1001",
        "GITHUB_JOB": "register",
        "MODELBOOK_FORGE": "git",
        "ACTIONS_ID_TOKEN_REQUEST_URL": shared_github.oidc_url,
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": shared_github.oidc_request_token,
    }
    with SigstoreServer({GITHUB: f"{shared_github.url}/oidc/.well-known/jwks"}) as sigstore:
        config = sigstore.client_config(tmp_path / "client.json")
        made = Keyless(bench, shared_github, sigstore, config, job)
        made.allow()
        yield made


def train(keyless: Keyless) -> str:
    """Train in the workflow's run, in a job that has no identity; the run's id."""
    env = {name: value for name, value in keyless.job.items() if not name.startswith("ACTIONS_")}
    arguments = ("train", "train.py", "--data", "numbers@1", "--param", "skill=0.8")
    done = keyless.bench.run(*arguments, env=env | {"GITHUB_JOB": "train"})
    assert done.code == 0, done.text
    return done.out.rsplit("--run ", 1)[1].split()[0]


def test_what_a_workflow_signs_keyless_verifies_with_three_tools_offline(keyless: Keyless, tmp_path: Path) -> None:
    bench = keyless.bench
    done = bench.run(
        "register", "toy", "--run", train(keyless), "--signer", f"sigstore:{keyless.config}", env=keyless.job
    )
    assert done.code == 0, done.text
    assert "register" in bench.ok("verify", "toy@1")  # no identity, no endpoint: nothing could be asked
    bench.ok("verify")
    bench.ok("pull", "toy@1", str(tmp_path / "pulled"))

    bundle = Bundle.from_json((tmp_path / "pulled/model.sig").read_bytes())
    root = tmp_path / "root.json"
    root.write_bytes(keyless.sigstore.trusted_root())
    told = Verifier(trusted_root=TrustedRoot.from_file(str(root))).verify_dsse(
        bundle, policy.Identity(identity=FILE, issuer=GITHUB)
    )
    assert json.loads(told[1])["subject"][0]["name"] == "toy@1"

    def verifies(identity: str) -> bool:
        folder = tmp_path / "pulled"
        command = [*TOOL, "verify", "sigstore", str(folder), "--signature", str(folder / "model.sig")]
        command += ["--identity", identity, "--identity_provider", GITHUB, "--trust_config", str(keyless.config)]
        done = subprocess.run(command, env=bench.env, capture_output=True, text=True, check=False)
        assert done.returncode in {0, 1}, done.stderr
        return done.returncode == 0

    assert verifies(FILE)
    assert not verifies(FILE.replace("register", "train"))
    card = tmp_path / "pulled/card.yaml"
    card.chmod(0o644)
    card.write_bytes(card.read_bytes() + b"\n")
    assert not verifies(FILE)


def test_a_workflow_that_may_not_is_told_before_any_work_is_done(keyless: Keyless) -> None:
    keyless.github.set_claims(iss=GITHUB, repository=REPOSITORY, ref="refs/heads/topic")
    done = keyless.bench.run("register", "toy", "--run", "20260101t000000-00000000",
                             "--signer", f"sigstore:{keyless.config}", env=keyless.job)  # fmt: skip
    assert done.code == 1, done.text
    assert f"does not allow the workflow {FILE.replace('main', 'topic')} of repository" in done.err
    assert "on refs/heads/topic to sign the model of toy" in done.err


def test_without_an_identity_the_permission_is_named(keyless: Keyless) -> None:
    for env in ({}, {"GITHUB_ACTIONS": "true"}):
        done = keyless.bench.run("register", "toy", "--run", "20260101t000000-00000000",
                                 "--signer", f"sigstore:{keyless.config}",
                                 env={"MODELBOOK_FORGE": "git", **env})  # fmt: skip
        assert done.code == 2, done.text
        assert "id-token: write" in done.err


def test_a_config_that_is_none_is_bad_input(keyless: Keyless, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    for path, message in ((tmp_path / "none.json", "no client trust config here"),
                          (tmp_path / "bad.json", "this is no client trust config"),
                          (tmp_path, "this is no client trust config")):  # fmt: skip
        done = keyless.bench.run("register", "toy", "--run", "20260101t000000-00000000",
                                 "--signer", f"sigstore:{path}", env=keyless.job)  # fmt: skip
        assert done.code == 2, done.text
        assert message in done.err


def test_an_instance_that_refuses_the_token_signs_nothing(keyless: Keyless) -> None:
    run = train(keyless)
    keyless.sigstore.issuers = {}
    before = keyless.bench.git("branch", "--list", "register/*")
    done = keyless.bench.run("register", "toy", "--run", run, "--signer", f"sigstore:{keyless.config}", env=keyless.job)
    assert done.code == 3, done.text
    assert "Sigstore did not sign" in done.err
    assert keyless.bench.git("branch", "--list", "register/*") == before


def test_verify_of_what_keys_signed_never_imports_sigstore(bench: Workbench) -> None:
    bench.version(0.8)
    code = "import sys; from modelbook.cli import main\ntry: main()\nfinally: print('sigstore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, "verify"], cwd=bench.root, env=bench.env | {"PYTHONPATH": ""},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.stdout.splitlines()[-1] == "False", done.stdout + done.stderr
