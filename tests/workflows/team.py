"""A team at work: this repository's own workflows and actions, a registry in it, a GitHub, a bucket and a runner."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.parts.act import Act
from tests.parts.act_run import ActRun
from tests.parts.github.client import GitHubServer
from tests.parts.s3 import RcloneS3

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
NAME, BUCKET = "acme/registry", "acme-models"
ALICE = "ghp_" + "a" * 36
CHECK = "modelbook"  # the one required check
PARTS = ("src", "actions", ".github", "examples", "constraints.txt", "pyproject.toml", "README.md", "LICENSE")
POLICY = f"""\
format: modelbook/policy/v1
store: s3://{BUCKET}/registry
stages:
  - name: staging
    auto: true
    gates:
      - metrics.accuracy >= 0.85
  - name: production
    first: accept
    gates:
      - name: better than what serves now
        require: metrics.accuracy > baseline.metrics.accuracy
"""
MODEL = """\
format: modelbook/model/v1
model: digits
suites:
  default:
    entry_point: examples/digits/evaluate.py
    dataset: digits@1
"""


def runner(checkout: Path) -> dict[str, str]:
    """The environment of a runner on which the modelbook of `checkout` is installed already.

    It does not pause between writes, and nothing can be installed into the tests' own environment.
    """
    return {"MODELBOOK_GITHUB_PAUSE": "0", "PIP_NO_INDEX": "1", "PYTHONPATH": str(checkout / "src")}


@dataclass
class Team:
    """The repository `acme/registry` on the tests' GitHub, and everybody who works on it."""

    folder: Path
    github: GitHubServer
    s3: RcloneS3
    act: Act
    key: Path
    bare: Path
    runs: list[ActRun] = field(default_factory=list)

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets of the repository."""
        return {
            "AWS_ACCESS_KEY_ID": self.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
            "MODELBOOK_SIGNING_KEY": self.key.read_text(),
        }

    def run(self, event: Json | str, workflow: str, **more: Any) -> ActRun:
        """Run a workflow for an event that happened, or by hand (`workflow_dispatch`) with `inputs`."""
        about = {
            "secrets": self.secrets,
            "variables": {"AWS_ENDPOINT_URL_S3": self.s3.endpoint},
            "env": runner(self.folder / "work"),
        } | more
        run = (
            self.act.run(event, workflow, **about)
            if isinstance(event, str)
            else self.act.run_event(event, workflow, **about)
        )
        self.runs.append(run)
        return run

    def dispatch(self, workflow: str, **inputs: str) -> ActRun:
        """Start a workflow as a person does on its page."""
        return self.run("workflow_dispatch", workflow, inputs=inputs)

    def events(self, name: str) -> list[Json]:
        """The events of one name that start workflows, oldest first."""
        return [event for event in self.github.events() if event["name"] == name and event["starts_workflows"]]

    def verify(self, number: int) -> ActRun:
        """Run the verification that was started for a pull request; there is exactly one for its head."""
        head = self.pull(number)["head_sha"]
        started = [
            event
            for event in self.events("workflow_dispatch")
            if event["payload"]["inputs"] == {"pull-request": str(number), "head": head, "base": ""}
        ]
        assert len(started) == 1, started
        return self.run(started[0], "verify.yml")

    def merge(self, number: int) -> requests.Response:
        """Press the merge button as alice; GitHub asks for the required check."""
        return requests.put(
            f"{self.github.api_url}/repos/{NAME}/pulls/{number}/merge",
            headers={"Authorization": f"Bearer {ALICE}"},
            json={},
            timeout=10,
        )

    def merged(self, number: int) -> ActRun:
        """Merge, and run what the push to main starts."""
        answer = self.merge(number)
        assert answer.status_code == 200, answer.text
        push = self.events("push")[-1]
        assert (push["ref"], push["sha"]) == ("refs/heads/main", answer.json()["sha"])
        return self.run(push, "promote.yml")

    @property
    def state(self) -> Json:
        """All that GitHub remembers of the repository."""
        state: Json = self.github.state()["repositories"][NAME]
        return state

    def pull(self, number: int) -> Json:
        """A pull request as GitHub remembers it."""
        (found,) = [pull for pull in self.state["pulls"] if pull["issue"]["number"] == number]
        return dict(found)

    def comments(self, number: int) -> list[str]:
        """What was commented on a pull request."""
        return [comment["body"] for comment in self.state["comments"] if comment["issue"] == number]

    def checks(self, number: int) -> list[tuple[str, str]]:
        """(context, state) of every status of a pull request's head, oldest first."""
        head = self.pull(number)["head_sha"]
        return [(one["context"], one["state"]) for one in self.state["statuses"] if one["sha"] == head]

    def git(self, *arguments: str) -> str:
        """git in the bare repository."""
        done = subprocess.run(["git", *arguments], cwd=self.bare, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def changed(self, commit: str) -> list[str]:
        """The paths that a commit changes, with git's letter before each."""
        return self.git("show", "--format=", "--name-status", "--no-renames", commit).splitlines()

    def objects(self) -> dict[str, int]:
        """Every object in the bucket, by its key below the store, and its size."""
        root = self.s3.folder / BUCKET / "registry"
        files = [path for path in root.rglob("*") if path.is_file()]
        return {path.relative_to(root).as_posix(): path.stat().st_size for path in files}

    def writes(self) -> list[str]:
        """Every request that changed something on GitHub since the last call, without the objects that commits need."""
        prefix = f"/api/v3/repos/{NAME}"
        log = [entry for entry in self.github.log() if entry["method"] != "GET" and entry["path"].startswith(prefix)]
        self.github.clear_log()
        shown = [f"{entry['method']} {entry['path'].removeprefix(prefix)} {entry['status']}" for entry in log]
        return [
            line for line in shown if not line.startswith(("POST /git/blobs", "POST /git/trees", "POST /git/commits"))
        ]

    def clone(self, name: str) -> Path:
        """A person's own clone of main."""
        folder = self.folder / name
        subprocess.run(["git", "clone", "-q", str(self.bare), str(folder)], check=True)
        return folder

    def modelbook(self, *arguments: str, cwd: Path) -> str:
        """Run modelbook as a person at a desk does; gives what it printed."""
        return desk("modelbook", *arguments, cwd=cwd, home=self.folder / "desk", env=self.s3.environment())

    def assert_no_secret_in_any_log(self) -> None:
        """Neither the runs' logs, GitHub's, nor the bucket's hold a secret, plain or in base64."""
        pem = "".join(self.key.read_text().splitlines()[1:-1])
        secrets = [self.s3.secret_key, pem, pem[:64], *self.act.tokens, ALICE]
        for run in self.runs:
            run.assert_no_secret(secrets, self.github.log_file.read_text(), self.s3.log)


def desk(program: str, *arguments: str, cwd: Path, home: Path, env: dict[str, str]) -> str:
    """Run a program of this environment with nothing but `env` around it; gives its standard output."""
    home.mkdir(exist_ok=True)
    clean = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}
    clean |= {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in IDENTITY.items()}
    done = subprocess.run([BIN / program, *arguments], cwd=cwd, env=clean | env, capture_output=True, text=True)
    assert done.returncode == 0, f"{program} {arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


IDENTITY = {"NAME": "Alice", "EMAIL": "alice@example.org"}


def lay_out(target: Path) -> None:
    """The project's own files at `target`, as a release has them: nothing ignored, no registry."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *PARTS],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)


@contextmanager
def team(folder: Path) -> Iterator[Team]:
    """A team whose registry holds the dataset version digits@1, and no model yet."""
    work, home, key = folder / "work", folder / "desk", folder / "signing-key.pem"
    work.mkdir()
    lay_out(work)
    with RcloneS3() as s3, GitHubServer(folder / "github") as github:
        s3.make_bucket(BUCKET)
        env = s3.environment()
        desk(
            "modelbook",
            "init",
            ".",
            "--store",
            f"s3://{BUCKET}/registry",
            "--key",
            str(key),
            cwd=work,
            home=home,
            env=env,
        )
        (work / "registry/policy.yaml").write_text(POLICY)
        (work / "registry/models/digits").mkdir(parents=True)
        (work / "registry/models/digits/model.yaml").write_text(MODEL)
        git = ["git", "-c", "user.name=Alice", "-c", "user.email=alice@example.org"]
        for command in (["add", "-A"], ["commit", "-q", "-m", "A registry for digits"]):
            subprocess.run([*git, *command], cwd=work, check=True, capture_output=True)
        desk("python", "examples/digits/make_dataset.py", str(folder / "data"), cwd=work, home=home, env=env)
        add = ["data", "add", "digits", str(folder / "data"), "--signer", f"file:{key}", "--forge", "git"]
        desk("modelbook", *add, cwd=work, home=home, env=env)
        bare = github.add_repository(NAME, from_worktree=work, required_checks=[CHECK])
        github.add_token(ALICE, "alice")
        yield Team(folder, github, s3, Act(github, folder / "act", s3.endpoint), key, bare)
        failures = [entry for entry in github.log() if "failure" in entry]
        assert failures == [], json.dumps(failures[:3], indent=1)


def openssf(acme: Team, folder: Path) -> int:
    """The exit status of the stock OpenSSF tool on a pulled folder."""
    public = acme.folder / "public.pem"
    public.write_text(yaml.safe_load(acme.git("show", "main:registry/trust.yaml"))["signers"][0]["key"])
    options = ["--signature", str(folder / "model.sig"), "--public_key", str(public)]
    done = subprocess.run([BIN / "model_signing", "verify", "key", *options, str(folder)], capture_output=True)
    return done.returncode
