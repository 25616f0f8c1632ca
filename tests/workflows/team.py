"""A team at work: its repository on a GitHub, a bucket, a runner, and everybody who works there."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from modelbook.adapters.github_app import App, AppToken
from tests.parts import gh
from tests.parts.act import Act
from tests.parts.act_run import ActRun
from tests.parts.app_key import app_key
from tests.parts.github.client import GitHubServer
from tests.parts.s3 import RcloneS3
from tests.workflows.founding import BIN, BUCKET, ROOT, Founded, desk, found, runner
from tests.workflows.ways import ACTIONS, DEFAULT, SLUG, Way

Json = dict[str, Any]
NAME = "acme/registry"
ALICE, BOB, ADMIN = (f"ghp_{letter * 36}" for letter in "abd")
CHECK = "modelbook"  # the one required check
SCRIPT = "examples/digits/train.py"
VERSION = "registry/models/digits/versions"
RULES = ROOT / "src/modelbook/templates/github/branch-rules.sh"


@dataclass
class Team:
    """The repository `acme/registry` on the tests' GitHub, and everybody who works on it."""

    folder: Path
    work: Path
    github: GitHubServer
    s3: RcloneS3
    act: Act
    key: Path
    bare: Path
    way: Way
    app: int | None = None
    runs: list[ActRun] = field(default_factory=list)

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets of the repository."""
        return {
            "AWS_ACCESS_KEY_ID": self.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
            "MODELBOOK_SIGNING_KEY": self.key.read_text(),
        } | ({"MODELBOOK_APP_PRIVATE_KEY": app_key(SLUG)[0]} if self.app else {})

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the repository."""
        given = {"AWS_ENDPOINT_URL_S3": self.s3.endpoint}
        return given | ({"MODELBOOK_APP_ID": str(self.app)} if self.app else {})

    def bots(self) -> Iterator[str]:
        """A token of each that may act in a job: the job's own, and one of the App that may do all that the App may."""
        yield self.act.tokens[-1]
        if self.app:
            app = App(str(self.app), app_key(SLUG)[0])
            made = AppToken(app, NAME, self.github.api_url, self.way.app, pause=0)
            yield made.token
            made.revoke()

    def run(self, event: Json | str, workflow: str, **more: Any) -> ActRun:
        """Run a workflow for an event that happened, or by hand (`workflow_dispatch`) with `inputs`."""
        about = {
            "secrets": self.secrets,
            "variables": self.variables,
            "env": runner(self.work),
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

    def started(self) -> dict[str, Json]:
        """The runs that GitHub has started and nobody has run yet, by file.

        The project's own tests are left out, and the site, which is told of once; and the tags: their runs wait for
        each other, and the last does it all.
        """
        waiting = [(file_of(run), run) for run in self.state["runs"] if run["status"] == "queued"]
        waiting = [(name, run) for name, run in waiting if name not in {"ci.yml", "site.yml", "tag.yml"}]
        found = dict(waiting)
        assert len(found) == len(waiting), waiting
        return found

    def follow(self, *expected: str) -> list[ActRun]:
        """Run what GitHub has started, which is exactly these workflows, in this order."""
        started = self.started()
        assert sorted(started) == sorted(expected)
        return [self._follow(name, started[name]) for name in expected]

    def leave(self, *expected: str) -> None:
        """Let what GitHub has started, which is exactly these workflows, be cancelled."""
        started = self.started()
        assert sorted(started) == sorted(expected)
        for run in started.values():
            self.github.conclude_run(NAME, run["id"], "cancelled")

    def _follow(self, name: str, run: Json) -> ActRun:
        (event,) = [event for event in self.github.events() if run["id"] in event["runs"]]
        done = self.run(event, name)
        self.github.conclude_run(NAME, run["id"], "failure" if "failure" in done.jobs.values() else "success")
        return done

    def verify(self, number: int) -> ActRun:
        """Run the verification of a pull request, which was started as this way does it, once and for its head."""
        pull = self.pull(number)
        run = self.started()["verify.yml"]
        assert (run["event"], run["login"]) == (self.way.starter, self.way.opener)
        if run["event"] == "workflow_dispatch":
            assert run["inputs"] == {"pull-request": str(number), "head": pull["head_sha"], "base": ""}
        else:
            assert (run["ref"], run["sha"]) == (f"refs/pull/{number}/merge", pull["merge_commit_sha"])
        return self.follow("verify.yml")[0]

    def verify_and_expect(self, number: int, *, passed: bool) -> None:
        """Verify a pull request: the run, its summary, the one status and the one comment all say the same."""
        run = self.verify(number)
        state = "success" if passed else "failure"
        run.assert_jobs({"verify": state})
        assert self.checks(number) == [(CHECK, state, ACTIONS)]
        (comment,) = self.comments(number)
        assert ("**Passed**" in comment) == passed, comment
        assert ("**Passed**" in run.summary) == passed

    def opened(self, number: int, *, commented: bool = False) -> list[str]:
        """The requests by which a branch and its pull request come to GitHub, and its verification begins."""
        made = ["POST /git/refs 201", "POST /pulls 201", f"POST /issues/{number}/labels 200"]
        return made + [f"POST /issues/{number}/comments 201"] * commented + self.way.dispatches

    def awaiting_approval(self, number: int) -> list[str]:
        """The workflows that the pull request started, and that run only once a person has approved them."""
        of_it = f"refs/pull/{number}/merge"
        runs = [run for run in self.state["runs"] if run["ref"] == of_it and run["conclusion"] == "action_required"]
        return [name for name in map(file_of, runs) if name not in {"ci.yml", "site.yml"}]

    def approve(self, number: int, token: str = ALICE) -> requests.Response:
        """Approve a pull request, as alice unless another token is given."""
        return self._press("POST", f"pulls/{number}/reviews", {"event": "APPROVE"}, token)

    def merge(self, number: int) -> requests.Response:
        """Press the merge button as alice; GitHub asks for the required check, and for somebody's approval."""
        return self._press("PUT", f"pulls/{number}/merge", {}, ALICE)

    def _press(self, method: str, path: str, body: Json, token: str) -> requests.Response:
        url, headers = f"{self.github.api_url}/repos/{NAME}/{path}", {"Authorization": f"Bearer {token}"}
        return requests.request(method, url, headers=headers, json=body, timeout=10)

    def accept(self, number: int) -> None:
        """Approve and merge, as alice."""
        for answer in (self.approve(number), self.merge(number)):
            assert answer.status_code == 200, answer.text

    def merged(self, number: int) -> ActRun:
        """Approve and merge, and run the one workflow that the push to main starts."""
        self.accept(number)
        return self.follow("promote.yml")[0]

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

    def checks(self, number: int) -> list[tuple[str, str, str]]:
        """(context, state, who) of every status of a pull request's head, oldest first."""
        head = self.pull(number)["head_sha"]
        return [(one["context"], one["state"], one["login"]) for one in self.state["statuses"] if one["sha"] == head]

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
        secrets = [self.s3.secret_key, pem, pem[:64], *self.act.tokens, ALICE, BOB, ADMIN]
        if self.app:
            secrets.append("".join(app_key(SLUG)[0].splitlines()[1:-1]))
        log = self.github.log_file.read_text()
        for number, run in enumerate(self.runs):
            # GitHub's log and the bucket's are long, and speak of all runs: once is enough.
            of_all = () if number else (log, self.s3.log)
            run.assert_no_secret(secrets, *of_all)
            assert re.findall("ghs_[0-9a-f]+", run.log) == [], "a token that nobody knows beforehand"
        assert re.findall("ghs_[0-9a-f]+", log) == []
        made = [entry for entry in self.github.log() if entry["path"].endswith("/access_tokens")]
        assert bool(made) == bool(self.app)
        assert [token for token in self.github.state()["tokens"] if token["login"].startswith(SLUG)] == []


def file_of(run: Json) -> str:
    """The name of a run's workflow file."""
    return str(run["path"].rpartition("/")[2])


@contextmanager
def team(folder: Path, begun: Founded | None = None, way: Way = DEFAULT) -> Iterator[Team]:
    """A team whose registry holds the dataset version digits@1, and no model yet; the rules of main are set."""
    begun = begun or found(folder / "begun")
    with RcloneS3() as s3, GitHubServer(folder / "github") as github:
        shutil.copytree(begun.bucket, s3.folder / BUCKET)
        bare = github.add_repository(NAME, from_worktree=begun.work, **way.settings)
        github.add_token(ALICE, "alice", {"contents": "write", "pull_requests": "write", "actions": "write"})
        github.add_token(BOB, "bob", {"contents": "write", "pull_requests": "write"})
        github.add_token(ADMIN, "acme")
        app = github.add_app(SLUG, app_key(SLUG)[1], way.app, (NAME,)) if way.app else None
        set_rules(github, folder)
        github.clear_log()
        act = Act(github, folder / "act", s3.endpoint)
        yield Team(folder, begun.work, github, s3, act, begun.key, bare, way, app)
        failures = [entry for entry in github.log() if "failure" in entry]
        assert failures == [], json.dumps(failures[:3], indent=1)


def set_rules(github: GitHubServer, folder: Path) -> None:
    """Run the script that `modelbook init --github` writes, as whoever administers the repository."""
    path = f"{gh.install(folder / 'gh', github.api_url)}:{os.environ['PATH']}"
    env = {"PATH": path, "GH_TOKEN": ADMIN, "GH_REPO": NAME}
    subprocess.run(["bash", str(RULES)], env=env, check=True, stdout=subprocess.DEVNULL)


def openssf(acme: Team, folder: Path) -> int:
    """The exit status of the stock OpenSSF tool on a pulled folder."""
    public = acme.folder / "public.pem"
    public.write_text(yaml.safe_load(acme.git("show", "main:registry/trust.yaml"))["signers"][0]["key"])
    options = ["--signature", str(folder / "model.sig"), "--public_key", str(public)]
    done = subprocess.run([BIN / "model_signing", "verify", "key", *options, str(folder)], capture_output=True)
    return done.returncode
