"""A team's main job on the repository's own workflow files: trained, registered, graded, promoted, pulled; and refused.

One test, because each chapter needs the one before: the same GitHub, bucket and registry go through all of it.
"""

import json
import re
from collections.abc import Iterator

import pytest
import yaml

from tests.parts.act_run import JobKey
from tests.workflows.experimenting import gates_are_watched, record_an_experiment
from tests.workflows.pull_request_body import assert_the_story_is_told
from tests.workflows.serving import deploy_what_was_promoted, pull_from_production
from tests.workflows.team import CHECK, Team, team

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(400)]

SCRIPT = "examples/digits/train.py"
DISPATCH = "POST /actions/workflows/verify.yml/dispatches 204"
STAGING = json.dumps({"stage": "staging", "version": "digits@1"})
VERSION = "registry/models/digits/versions"


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    with team(tmp_path_factory.mktemp("team")) as made:
        yield made


def test_a_team_promotes_one_model_and_refuses_a_worse_one(acme: Team) -> None:
    a_tag_is_no_image_to_train_in(acme)
    train_and_register(acme, 1, "hidden=8 epochs=5")
    nothing_merges_unverified(acme, 1)
    evaluate(acme, version=1, registration=1)
    the_same_push_again_does_nothing(acme)
    propose_for_staging(acme, evaluation=2)
    the_same_push_again_does_nothing(acme, ("propose", STAGING))
    enter_staging(acme, 3)
    promote_to_production(acme)
    deploy_what_was_promoted(acme)
    pull_from_production(acme)

    train_and_register(acme, 5, "hidden=8 epochs=5 label_noise=0.9")
    verify_and_expect(acme, 5, passed=True)
    evaluate(acme, version=2, registration=5)
    leave_the_worse_one_out_of_staging(acme, evaluation=6)
    refuse_the_worse_one(acme, 7)

    branch = reproduce_what_is_in_production(acme, 8)
    hold_production(acme, 9)
    record_an_experiment(acme, 10)
    gates_are_watched(acme)
    history_tells_it_all(acme, branch)
    acme.assert_no_secret_in_any_log()


def a_tag_is_no_image_to_train_in(acme: Team) -> None:
    before = acme.objects()
    run = acme.dispatch("train.yml", model="digits", entry=SCRIPT, data="digits@1", container="python:3.13")
    run.assert_jobs({"container": "failure"})  # no runner with a GPU has heard of it
    assert acme.objects() == before


def train_and_register(acme: Team, number: int, param: str) -> None:
    before = acme.objects()
    acme.writes()
    run = acme.dispatch("train.yml", model="digits", entry=SCRIPT, data="digits@1", param=param, seed="1")
    run.assert_jobs({"container": "success", "train": "success", "register/register": "success"})
    made = [key for key in acme.objects() if key not in before]
    ids = {key.split("/")[1] for key in made}
    assert len(ids) == 1
    wanted = {
        "run.json",
        "artifacts/model.safetensors",
        "artifacts/config.json",
        "artifacts/modelbook/requirements.txt",
    }
    wanted |= {f"checkpoints/0000000005/{part}" for part in ("state.json", "state.safetensors", "model.safetensors")}
    rest = {key.split("/", 2)[2] for key in made} - wanted
    assert wanted <= {key.split("/", 2)[2] for key in made}
    assert all(re.fullmatch(r"(log/\d+\.jsonl|output/\d+\.txt)", key) for key in rest), rest
    opened = ["POST /git/refs 201", "POST /pulls 201", f"POST /issues/{number}/labels 200", DISPATCH]
    assert acme.writes() == opened
    version = 1 if number == 1 else 2
    assert acme.changed(f"register/digits-{version}") == [
        f"A\t{VERSION}/{version}/{name}" for name in ("card.yaml", "model.sig", "provenance.sigstore.json")
    ]
    card = yaml.safe_load(acme.git("show", f"register/digits-{version}:{VERSION}/{version}/card.yaml"))
    assert card["run"]["id"] in ids
    assert card["run"]["job"].endswith("/train")
    assert card["lineage"]["code"]["commit"] == acme.git("rev-parse", "main")
    assert acme.git("rev-parse", f"register/digits-{version}") in acme.state["signed_commits"]


def nothing_merges_unverified(acme: Team, number: int) -> None:
    refused = acme.merge(number)
    assert (refused.status_code, CHECK in refused.text) == (405, True)
    acme.writes()
    verify_and_expect(acme, number, passed=True)


def verify_and_expect(acme: Team, number: int, *, passed: bool) -> None:
    run = acme.verify(number)
    run.assert_jobs({"verify": "success" if passed else "failure"})
    assert acme.checks(number) == [(CHECK, "success" if passed else "failure")]
    (comment,) = acme.comments(number)
    assert ("**Passed**" in comment) == passed, comment
    assert ("**Passed**" in run.summary) == passed


def evaluate(acme: Team, *, version: int, registration: int) -> None:
    before = acme.objects()
    run = acme.merged(registration)
    jobs = ("complete", "plan", "evaluate/measure", "evaluate/record")
    run.assert_jobs(dict.fromkeys(jobs, "success"))
    made = {key.split("/", 2)[2] for key in acme.objects() if key not in before}
    examples = {name for name in made if name.startswith("sha256/") and name.endswith(".jsonl")}
    assert len(examples) == 1
    assert made - examples == {"artifacts/card.yaml", "artifacts/model.sig", "evaluation.yaml"}
    number = registration + 1
    assert acme.writes()[-5:] == [
        f"PUT /pulls/{registration}/merge 200",
        *("POST /git/refs 201", "POST /pulls 201", f"POST /issues/{number}/labels 200", DISPATCH),
    ]
    branch, folder = f"evaluate/digits-{version}-default", f"{VERSION}/{version}/evaluations"
    assert acme.changed(branch) == [f"A\t{folder}/default.sigstore.json", f"A\t{folder}/default.yaml"]
    evaluation = yaml.safe_load(acme.git("show", f"{branch}:{folder}/default.yaml"))
    card = yaml.safe_load(acme.git("show", f"main:{VERSION}/{version}/card.yaml"))
    assert evaluation["job"].endswith("/measure")
    assert evaluation["job"] != card["run"]["job"]
    verify_and_expect(acme, number, passed=True)


def the_same_push_again_does_nothing(acme: Team, *also: JobKey) -> None:
    """What waits is read off the registry and what is proposed: a run that is repeated finds its work done."""
    acme.writes()
    before = acme.objects(), acme.state["refs"]
    run = acme.run(acme.events("push")[-1], "promote.yml")
    run.assert_jobs({"complete": "success", "plan": "success"} | dict.fromkeys(also, "success"))
    assert acme.writes() == []
    assert (acme.objects(), acme.state["refs"]) == before


def propose_for_staging(acme: Team, *, evaluation: int) -> None:
    acme.writes()
    run = acme.merged(evaluation)
    run.assert_jobs({"complete": "success", "plan": "success", ("propose", STAGING): "success"})
    opened = [
        "POST /git/refs 201",
        "POST /pulls 201",
        "POST /issues/3/labels 200",
        "POST /issues/3/comments 201",
        DISPATCH,
    ]
    assert acme.writes() == [f"PUT /pulls/{evaluation}/merge 200", *opened]
    assert pointer_changes(acme, "promote/digits-1-to-staging") == "staging"


def enter_staging(acme: Team, number: int) -> None:
    verify_and_expect(acme, number, passed=True)
    run = acme.merged(number)
    run.assert_jobs({"complete": "success", "plan": "success"})


def promote_to_production(acme: Team) -> None:
    acme.writes()
    run = acme.dispatch("promote.yml", version="digits@staging", stage="production", reason="it is the first")
    run.assert_jobs({"promote": "success"})
    assert "accepted (first)" in run.summary
    opened = [
        "POST /git/refs 201",
        "POST /pulls 201",
        "POST /issues/4/labels 200",
        "POST /issues/4/comments 201",
        DISPATCH,
    ]
    assert acme.writes() == opened
    assert pointer_changes(acme, "promote/digits-1-to-production") == "production"
    assert_the_story_is_told(acme, 4)
    verify_and_expect(acme, 4, passed=True)
    run = acme.merged(4)
    run.assert_jobs({"complete": "success", "plan": "success"})
    pointer = yaml.safe_load(acme.git("show", "main:registry/models/digits/stages/production.yaml"))
    assert (pointer["version"], pointer["by"], pointer["reason"]) == (1, "@alice", "it is the first")


def pointer_changes(acme: Team, branch: str) -> str:
    """The stage whose pointer, and nothing else, the branch's one commit moves."""
    assert acme.git("rev-list", "--count", f"main..{branch}") == "1"
    paths = {line.split("\t")[1] for line in acme.changed(branch)}
    stages = {
        match[1] for path in paths if (match := re.fullmatch(r"registry/models/digits/stages/([a-z]+)\..+", path))
    }
    assert len(paths) == 2
    return stages.pop()


def leave_the_worse_one_out_of_staging(acme: Team, *, evaluation: int) -> None:
    run = acme.merged(evaluation)
    run.assert_jobs({"complete": "success", "plan": "success"})


def refuse_the_worse_one(acme: Team, number: int) -> None:
    acme.writes()
    main = acme.git("rev-parse", "main")
    plain = acme.dispatch("promote.yml", version="digits@2", stage="staging")
    plain.assert_jobs({"promote": "failure"})
    assert acme.writes() == [], "a refused version is not proposed unless somebody wants it shown"

    shown = acme.dispatch("promote.yml", version="digits@2", stage="staging", **{"open-refused": "true"})
    shown.assert_jobs({"promote": "failure"})
    gate = re.search(r"\| metrics.accuracy .*?0.85 \|(.*)\|(.*)\|(.*)\|(.*)\|", shown.summary)
    assert gate, shown.summary
    value, limit, margin, verdict = (cell.strip() for cell in gate.groups())
    assert float(margin) == pytest.approx(float(value) - 0.85, abs=1e-4)
    assert float(margin) < 0
    assert (limit, "**failed**" in verdict) == ("&#62;= 0.85", True)
    assert any("metrics.accuracy" in one.message and one.level == "error" for one in shown.annotations)

    verify_and_expect(acme, number, passed=False)
    (comment,) = acme.comments(number)
    assert margin in comment
    refused = acme.merge(number)
    assert (refused.status_code, CHECK in refused.text) == (405, True)
    assert acme.git("rev-parse", "main") == main


def reproduce_what_is_in_production(acme: Team, number: int) -> str:
    """One job trains it again and may write nothing; another signs what came of it. Returns the branch."""
    acme.writes()
    before = acme.objects()
    run = acme.dispatch("reproduce.yml", version="digits@production", environment="machine")
    run.assert_jobs({"container": "success", "train": "success", "record": "success"})
    assert "the weights came out bit for bit the same, once" in run.summary
    made = [key.split("/", 2)[2] for key in acme.objects() if key not in before]
    assert made == ["reproduction.yaml"], "what was trained again is thrown away"
    opened = ["POST /git/refs 201", "POST /pulls 201", f"POST /issues/{number}/labels 200", DISPATCH]
    assert acme.writes() == opened
    branch = str(acme.pull(number)["head_ref"])
    found = [line.split("\t")[1] for line in acme.changed(branch)]
    assert all(path.startswith(f"{VERSION}/1/reproductions/") for path in found), found
    reproduction = yaml.safe_load(acme.git("show", f"{branch}:{found[1]}"))
    assert reproduction["job"].endswith("/train")
    verify_and_expect(acme, number, passed=True)
    assert acme.merge(number).status_code == 200
    return branch


def hold_production(acme: Team, number: int) -> None:
    """There is nothing to go back to, so that a rollback proposes nothing; a hold is a pull request like any."""
    about = {"model": "digits", "stage": "production", "reason": "the audit"}
    acme.writes()
    acme.dispatch("rollback.yml", action="roll-back", **about).assert_jobs({"refuse": "failure"})
    run = acme.dispatch("rollback.yml", action="rollback", **about)
    run.assert_jobs({"propose": "failure"})
    assert any("production held no version of digits before digits@1" in one.message for one in run.annotations)
    assert acme.writes() == []
    acme.dispatch("rollback.yml", action="hold", **about).assert_jobs({"propose": "success"})
    assert acme.pull(number)["issue"]["title"] == "Hold digits production at digits@1"
    verify_and_expect(acme, number, passed=True)
    assert acme.merge(number).status_code == 200


def history_tells_it_all(acme: Team, reproduction: str) -> None:
    """git alone says who merged what, and GitHub signed every commit that a workflow made."""
    subjects = acme.git("log", "--first-parent", "--reverse", "--format=%s", "main").splitlines()
    merges = [subject for subject in subjects if subject.startswith("Merge")]
    branches = ["register/digits-1", "evaluate/digits-1-default", "promote/digits-1-to-staging"]
    branches += ["promote/digits-1-to-production", "register/digits-2", "evaluate/digits-2-default", reproduction]
    branches += ["hold/digits-1-to-production", "online/digits-spring"]
    numbers = [1, 2, 3, 4, 5, 6, 8, 9, 10]
    wanted = [f"Merge pull request #{n} from acme/{branch}" for n, branch in zip(numbers, branches, strict=True)]
    assert merges == wanted
    state = acme.state
    heads = {name.removeprefix("refs/heads/") for name in state["refs"] if name.startswith("refs/heads/")}
    assert heads == {"main", *branches, "promote/digits-2-to-staging"}
    assert {acme.git("rev-parse", branch) for branch in branches} <= set(state["signed_commits"])
    assert [pull["issue"]["number"] for pull in state["pulls"]] == list(range(1, 11))
    # A pull request that is open has its merge with main tried anew each time main moves; the last try is left over.
    assert acme.git("fsck", "--strict", "--no-dangling") == ""
