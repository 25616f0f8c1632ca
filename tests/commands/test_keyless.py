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

    def allow(self) -> None:
        """Let trust.yaml name the workflow beside the key that `init` made, and its Sigstore, as a team would."""
        number = str(self.github.state()["repositories"][REPOSITORY]["id"])
        workflow = ("--workflow", FILE, "--repository-id", number, "--ref", "refs/heads/main")
        self.change_trust("refresh", "--from", str(self.config))
        self.change_trust("add", "register", *workflow, "--may-sign", "model,provenance")
        commit = self.bench.git("rev-parse", "HEAD").strip()
        self.github.set_claims(iss=GITHUB, repository=REPOSITORY, sha=commit)

    def change_trust(self, *arguments: str) -> str:
        """Propose a change of trust.yaml, and merge it; what was printed."""
        said = self.bench.ok("trust", *arguments)
        version = self.version() + 1
        self.bench.git("merge", "--quiet", "--ff-only", f"trust/{version}")
        return said

    def version(self) -> int:
        """That of trust.yaml."""
        number: int = yaml.safe_load((self.bench.root / "registry/trust.yaml").read_text())["version"]
        return number


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


def test_what_another_run_trained_is_not_proposed(keyless: Keyless) -> None:
    run = train(keyless)
    signer = ("--signer", f"sigstore:{keyless.config}")
    keyless.github.set_claims(iss=GITHUB, repository=REPOSITORY, sha="c" * 40, run_id="1002")
    done = keyless.bench.run("register", "toy", "--run", run, *signer, env=keyless.job | {"GITHUB_RUN_ID": "1002"})
    assert done.code == 1, done.text
    assert "it could never be merged, so it is not proposed" in done.err
    assert f"it was signed in https://github.com/{REPOSITORY}/actions/runs/1002/attempts/1" in done.err
    assert "says that it was made by github:acme/toys/1001/train" in done.err
    assert keyless.bench.git("branch", "--list", "register/*") == ""


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


def test_the_trusted_root_is_refreshed_from_a_file_as_a_change_of_trust(keyless: Keyless, tmp_path: Path) -> None:
    bench = keyless.bench
    assert "is the present one already" in bench.ok("trust", "refresh", "--from", str(keyless.config))
    other = SigstoreServer()
    (tmp_path / "root.json").write_bytes(other.trusted_root())
    before = keyless.version()
    said = keyless.change_trust("refresh", "--from", str(tmp_path / "root.json"))
    assert f"trust.yaml, version {before + 1}: signed by" in said
    written = (bench.root / "registry/trusted_root.json").read_bytes()
    assert json.loads(written) == json.loads(other.trusted_root())
    assert digest_of(written) in (bench.root / "registry/trust.yaml").read_text()
    bench.ok("verify")
    done = bench.run("trust", "refresh", "--from", str(bench.root / "train.py"))
    assert (done.code, "no trusted root of Sigstore" in done.err) == (2, True), done.text
