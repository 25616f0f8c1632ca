"""A repository whose default branch is master, by the callers that `init` writes; and what no other story starts.

A version that is measured by turns with what serves, a merge queue, and a proposal that a hold outdates. One test,
since each chapter needs the one before.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.commands.workbench import MODEL, POLICY, TRAIN, Workbench, clean_environment
from tests.parts.act import Act
from tests.parts.act_run import ActRun
from tests.parts.github.client import GitHubServer
from tests.workflows.founding import runner
from tests.workflows.releasing import OURS, release

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(300)]

NAME, ALICE = "acme/toys", "ghp_" + "a" * 36
SUITE = """\
import json, os, pathlib
task = json.loads(pathlib.Path(os.environ["MODELBOOK_EVALUATION"]).read_text())
skill = json.loads((pathlib.Path(task["model"]) / "config.json").read_text())["skill"]
latency = {"value": 20 - 10 * skill + task["round"], "hardware": True}
metrics = {"accuracy": {"value": skill, "n": 100}, "latency_ms.p99": latency}
pathlib.Path(task["output"]).write_text(json.dumps({"metrics": metrics}))
"""
# A suite is measured by itself after a merge; this is how a person asks for one beside what serves.
MEASURE = """\
name: Measure
on: {workflow_dispatch: {inputs: {version: {required: true, type: string}}}}
permissions: {}
jobs:
  beside:
    uses: OURS/.github/workflows/evaluate.yml@PIN
    permissions: {contents: write, pull-requests: write, actions: write, id-token: write}
    with: {version: "${{ inputs.version }}", beside: production}
    secrets: {MODELBOOK_SIGNING_KEY: "${{ secrets.MODELBOOK_SIGNING_KEY }}"}
"""


@dataclass
class Toys:
    """The repository `acme/toys` on the tests' GitHub: toy@1 serves, toy@2 is registered, and all are on master."""

    github: GitHubServer
    act: Act
    bench: Workbench
    ours: Path

    def run(self, event: dict[str, Any] | str, workflow: str, **more: Any) -> ActRun:
        key = Path(self.bench.env["HOME"]) / "key.pem"
        more |= {"secrets": {"MODELBOOK_SIGNING_KEY": key.read_text()}, "env": runner(self.ours)}
        return (
            self.act.run(event, workflow, **more)
            if isinstance(event, str)
            else self.act.run_event(event, workflow, **more)
        )

    def follow(self, workflow: str) -> ActRun:
        """Run the one run of a workflow that GitHub has started, and nobody has run."""
        (run,) = [run for run in self.state["runs"] if run["status"] == "queued" and run["path"].endswith(workflow)]
        (event,) = [event for event in self.github.events() if run["id"] in event["runs"]]
        done = self.run(event, workflow)
        self.github.conclude_run(NAME, run["id"], "success")
        return done

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = self.github.state()["repositories"][NAME]
        return state

    def pull(self, number: int) -> dict[str, Any]:
        return next(dict(pull) for pull in self.state["pulls"] if pull["issue"]["number"] == number)

    def statuses(self, sha: str) -> list[str]:
        return [one["state"] for one in self.state["statuses"] if one["sha"] == sha]

    def merge(self, number: int) -> None:
        url = f"{self.github.api_url}/repos/{NAME}/pulls/{number}/merge"
        answer = requests.put(url, json={}, headers={"Authorization": f"Bearer {ALICE}"}, timeout=10)
        assert answer.status_code == 200, answer.text
        self.bench.git("pull", "-q", "--ff-only", "origin", "master")


@pytest.fixture
def toys(github: GitHubServer, tmp_path: Path) -> Iterator[Toys]:
    ours, pin = release(github, tmp_path / "ours")
    bench = Workbench(tmp_path / "work", clean_environment(tmp_path / "home"))
    for folder in (bench.root, tmp_path / "home"):
        folder.mkdir()
    bench.git("init", "-q", "-b", "master")
    bench.ok("init", ".", "--key", str(tmp_path / "home/key.pem"), "--github", f"{OURS}@{pin}")
    files = {"registry/policy.yaml": POLICY.replace("file:.modelbook", f"file:{tmp_path}"), "train.py": TRAIN}
    files |= {"registry/models/toy/model.yaml": MODEL, "evaluate.py": SUITE}
    files |= {".github/workflows/measure.yml": MEASURE.replace("OURS", OURS).replace("PIN", pin)}
    bench.commit(files, "Toys")
    (tmp_path / "numbers.csv").write_text("x,y\n1,2\n")
    bench.ok("data", "add", "numbers", str(tmp_path / "numbers.csv"))
    first = bench.version(0.6)
    for stage in ("staging", "production"):
        bench.promote(first, stage)
    bench.ok("register", "toy", "--run", bench.train(0.9))
    bare = github.add_repository(NAME, from_worktree=bench.root, default_branch="master")
    bench.git("remote", "add", "origin", str(bare))
    github.add_token(ALICE, "alice")
    yield Toys(github, Act(github, tmp_path / "act", repository=NAME, branch="master"), bench, ours)
    assert [entry for entry in github.log() if "failure" in entry] == []


def test_from_a_measurement_beside_what_serves_to_a_proposal_that_a_hold_outdates(toys: Toys) -> None:
    measured_by_turns_and_verified(toys)
    proposed_by_the_push_to_master(toys)
    judged_in_the_queue_against_what_the_queue_will_merge_it_into(toys)
    verified_again_once_a_hold_has_outdated_it(toys)


def measured_by_turns_and_verified(toys: Toys) -> None:
    run = toys.run("workflow_dispatch", "measure.yml", inputs={"version": "toy@2"})
    run.assert_jobs({"beside/measure": "success", "beside/record": "success"})
    path = "registry/models/toy/versions/2/evaluations/default.yaml"
    assert toys.pull(1)["base_ref"] == "master"
    toys.bench.git("fetch", "-q", "origin", "evaluate/toy-2-default")
    found = yaml.safe_load(toys.bench.git("show", f"FETCH_HEAD:{path}"))
    assert (found["beside"]["version"], found["beside"]["rounds"]) == (1, 4)
    assert found["beside"]["metrics"]["latency_ms.p99"]["value"] == 16.5, "by turns in that very job"
    toys.follow("verify.yml").assert_jobs({"verify/verify": "success"})
    assert toys.statuses(toys.pull(1)["head_sha"]) == ["success"]


def proposed_by_the_push_to_master(toys: Toys) -> None:
    toys.merge(1)
    staging = json.dumps({"stage": "staging", "version": "toy@2"})
    done = dict.fromkeys(("promote/complete", "promote/plan"), "success")
    toys.follow("promote.yml").assert_jobs(done | {("promote/propose", staging): "success"})
    assert (toys.pull(2)["head_ref"], toys.pull(2)["base_ref"]) == ("promote/toy-2-to-staging", "master")


def judged_in_the_queue_against_what_the_queue_will_merge_it_into(toys: Toys) -> None:
    """It has no pull request to comment on: the status of the commit that the queue made is what it waits for."""
    group = toys.github.queue(NAME, 2)
    (run,) = [run for run in toys.state["runs"] if run["event"] == "merge_group"]
    (event,) = [event for event in toys.github.events() if run["id"] in event["runs"]]
    toys.run(event, "verify.yml").assert_jobs({"verify/verify": "success"})
    assert toys.statuses(group) == ["success"]
    assert toys.statuses(toys.pull(2)["head_sha"]) == []
    toys.github.conclude_run(NAME, run["id"], "success")


def verified_again_once_a_hold_has_outdated_it(toys: Toys) -> None:
    """The hold conflicts with it, so that no event of GitHub's would verify it; and no more is proposed meanwhile."""
    for run in toys.state["runs"]:
        toys.github.conclude_run(NAME, run["id"], "success")
    toys.bench.ok("hold", "toy", "--stage", "staging", "--reason", "the audit")
    toys.bench.git("merge", "-q", "--ff-only", "hold/toy-1-to-staging")
    toys.bench.git("push", "-q", "origin", "master")
    run = toys.follow("promote.yml")
    run.assert_jobs(dict.fromkeys(("promote/complete", "promote/plan", "promote/verify"), "success"))
    pull = toys.pull(2)
    assert pull["mergeable"] is False
    (dispatched,) = [run for run in toys.state["runs"] if run["inputs"].get("base")]
    master = toys.bench.git("rev-parse", "master").strip()
    assert dispatched["inputs"] == {"pull-request": "2", "head": pull["head_sha"], "base": master}
    toys.follow("verify.yml").assert_jobs({"verify/verify": "failure"})
    assert toys.statuses(pull["head_sha"]) == ["failure"]
