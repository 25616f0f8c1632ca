"""A team's main job on the repository's own workflow files: trained, graded, promoted, deployed; and refused.

Told twice, since GitHub treats two tokens differently: see `ways`. One test each, because each chapter needs the one
before: the same GitHub, bucket and registry go through all of it.
"""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.parts.act_run import JobKey
from tests.workflows import asides
from tests.workflows.experimenting import an_experiment_is_recorded_and_watched
from tests.workflows.founding import Founded
from tests.workflows.pull_request_body import assert_the_story_is_told
from tests.workflows.team import BOB, CHECK, SCRIPT, VERSION, Team, team
from tests.workflows.ways import ACTIONS, APP, DEFAULT, Way

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(400)]

STAGING = json.dumps({"stage": "staging", "version": "digits@1"})
# The registry was looked at, and nothing waits.
BROUGHT: dict[str | JobKey, str] = {"complete": "success", "plan": "success"}


@pytest.mark.parametrize("way", [DEFAULT, APP], ids=lambda way: way.name)
def test_a_team_promotes_one_model_and_refuses_a_worse_one(way: Way, begun: Founded, tmp_path: Path) -> None:
    once = way is DEFAULT  # what no token changes is told once
    with team(tmp_path, begun, way) as acme:
        if once:
            asides.a_tag_is_no_image_to_train_in(acme)
        train_and_register(acme, 1, "hidden=8 epochs=5")
        nothing_merges_unverified_or_unapproved(acme, 1)
        evaluate(acme, version=1, registration=1)
        if once:
            asides.the_same_push_again_does_nothing(acme)
        propose_for_staging(acme, 3)
        if once:
            asides.the_same_push_again_does_nothing(acme, ("propose", STAGING))
        staging_merges_by_itself(acme, 3)
        promote_to_production(acme, 4)
        both_stages_are_deployed(acme)
        if once:
            asides.a_machine_that_serves_has_it(acme)
            asides.everybody_can_look_at_it(acme)
            asides.anybody_pulls_and_checks_it(acme)
            asides.others_are_told(acme)

        train_and_register(acme, 5, "hidden=8 epochs=5 label_noise=0.9")
        acme.verify_and_expect(5, passed=True)
        evaluate(acme, version=2, registration=5)
        leave_the_worse_one_out_of_staging(acme, evaluation=6)
        if once:
            asides.what_is_refused_is_not_proposed_unasked(acme)
        refuse_the_worse_one(acme, 7)

        more = {}
        if once:
            more[8] = asides.what_is_in_production_is_reproduced(acme, 8)
            more[9] = asides.production_is_held(acme, 9)
            more[10] = an_experiment_is_recorded_and_watched(acme, 10)
        history_tells_it_all(acme, more)
        everybody_did_their_part(acme)
        acme.assert_no_secret_in_any_log()


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
    assert acme.writes() == acme.opened(number)
    version = 1 if number == 1 else 2
    assert acme.changed(f"register/digits-{version}") == [
        f"A\t{VERSION}/{version}/{name}" for name in ("card.yaml", "model.sig", "provenance.sigstore.json")
    ]
    card = yaml.safe_load(acme.git("show", f"register/digits-{version}:{VERSION}/{version}/card.yaml"))
    assert card["run"]["id"] in ids
    assert card["run"]["job"].endswith("/train")
    assert card["lineage"]["code"]["commit"] == acme.git("rev-parse", "main")
    assert acme.git("rev-parse", f"register/digits-{version}") in acme.state["signed_commits"]


def nothing_merges_unverified_or_unapproved(acme: Team, number: int) -> None:
    """It takes the status, which a run that waits for approval never sets, and a code owner: no token approves."""
    refused = acme.merge(number)
    assert (refused.status_code, CHECK in refused.text) == (405, True)
    acme.verify_and_expect(number, passed=True)
    refused = acme.merge(number)
    assert (refused.status_code, "approving review is required" in refused.text) == (405, True)
    assert acme.approve(number, BOB).status_code == 200
    refused = acme.merge(number)
    assert (refused.status_code, "code owner review from alice" in refused.text) == (405, True)
    refusals = [acme.approve(number, token).status_code for token in acme.bots()]
    assert refusals == [422] * (2 if acme.app else 1)
    acme.writes()


def evaluate(acme: Team, *, version: int, registration: int) -> None:
    before = acme.objects()
    run = acme.merged(registration)
    run.assert_jobs(dict.fromkeys(("complete", "plan", "evaluate/measure", "evaluate/record"), "success"))
    made = {key.split("/", 2)[2] for key in acme.objects() if key not in before}
    examples = {name for name in made if name.startswith("sha256/") and name.endswith(".jsonl")}
    assert len(examples) == 1
    assert made - examples == {"artifacts/card.yaml", "artifacts/model.sig", "evaluation.yaml"}
    number = registration + 1
    expected = [f"PUT /pulls/{registration}/merge 200", *acme.opened(number)]
    assert acme.writes()[-len(expected) :] == expected
    branch, folder = f"evaluate/digits-{version}-default", f"{VERSION}/{version}/evaluations"
    assert acme.changed(branch) == [f"A\t{folder}/default.sigstore.json", f"A\t{folder}/default.yaml"]
    evaluation = yaml.safe_load(acme.git("show", f"{branch}:{folder}/default.yaml"))
    card = yaml.safe_load(acme.git("show", f"main:{VERSION}/{version}/card.yaml"))
    assert evaluation["job"].endswith("/measure")
    assert evaluation["job"] != card["run"]["job"]
    acme.verify_and_expect(number, passed=True)


def propose_for_staging(acme: Team, number: int) -> None:
    acme.writes()
    run = acme.merged(number - 1)
    run.assert_jobs(BROUGHT | {("propose", STAGING): "success"})
    pressed = [f"POST /pulls/{number - 1}/reviews 200", f"PUT /pulls/{number - 1}/merge 200"]
    assert acme.writes() == [*pressed, *acme.opened(number, commented=True)]
    assert pointer_changes(acme, "promote/digits-1-to-staging") == "staging"


def staging_merges_by_itself(acme: Team, number: int) -> None:
    """GitHub merges what is green and approved, in the name of whose token asked for it; so its push may start nothing.

    Then the run every six hours does what the push would have.
    """
    assert acme.pull(number)["auto_merge"]["login"] == acme.way.opener
    acme.verify_and_expect(number, passed=True)
    assert acme.pull(number)["merged_at"] is None
    assert acme.approve(number).status_code == 200
    assert acme.pull(number)["merged_by"] == acme.way.opener
    runs = acme.follow(*acme.way.own_merge)
    deployed, *brought = runs or [acme.run("schedule", "deploy.yml")]
    deployed.assert_jobs({"plan": "success", moved("staging"): "success"})
    for run in brought:
        run.assert_jobs(BROUGHT)


def promote_to_production(acme: Team, number: int) -> None:
    acme.writes()
    run = acme.dispatch("promote.yml", version="digits@staging", stage="production", reason="it is the first")
    run.assert_jobs({"promote": "success"})
    assert "accepted (first)" in run.summary
    assert acme.writes() == acme.opened(number, commented=True)
    assert pointer_changes(acme, "promote/digits-1-to-production") == "production"
    assert_the_story_is_told(acme, number)
    assert acme.pull(number)["auto_merge"] is None, "production is no stage that fills itself"
    acme.verify_and_expect(number, passed=True)
    acme.accept(number)
    deployed, brought = acme.follow("deploy.yml", "promote.yml")
    deployed.assert_jobs({"plan": "success", moved("production"): "success"})
    brought.assert_jobs(BROUGHT)
    pointer = yaml.safe_load(acme.git("show", "main:registry/models/digits/stages/production.yaml"))
    assert (pointer["version"], pointer["by"], pointer["reason"]) == (1, "@alice", "it is the first")


def moved(stage: str) -> tuple[str, str]:
    """The job that deploys a stage of digits."""
    return "moved", json.dumps({"model": "digits", "stage": stage})


def pointer_changes(acme: Team, branch: str) -> str:
    """The stage whose pointer, and nothing else, the branch's one commit moves."""
    assert acme.git("rev-list", "--count", f"main..{branch}") == "1"
    paths = {line.split("\t")[1] for line in acme.changed(branch)}
    stages = {
        match[1] for path in paths if (match := re.fullmatch(r"registry/models/digits/stages/([a-z]+)\..+", path))
    }
    assert len(paths) == 2
    return stages.pop()


def both_stages_are_deployed(acme: Team) -> None:
    """Once each, at the commit that moved the stage, and recorded by the job's own token whatever else there is."""
    made = [(one["environment"], one) for one in acme.state["deployments"]]
    assert [stage for stage, _ in made] == ["staging", "production"]
    for stage, one in made:
        assert [status["state"] for status in one["statuses"]] == ["in_progress", "success"]
        last = acme.git("log", "-1", "--first-parent", "--format=%H", "main", "--", f"registry/**/{stage}.yaml")
        assert (one["sha"], one["payload"]["version"], one["login"]) == (last, 1, ACTIONS)


def leave_the_worse_one_out_of_staging(acme: Team, *, evaluation: int) -> None:
    acme.merged(evaluation).assert_jobs(BROUGHT)


def refuse_the_worse_one(acme: Team, number: int) -> None:
    main = acme.git("rev-parse", "main")
    shown = acme.dispatch("promote.yml", version="digits@2", stage="staging", **{"open-refused": "true"})
    shown.assert_jobs({"promote": "failure"})
    gate = re.search(r"\| metrics.accuracy .*?0.85 \|(.*)\|(.*)\|(.*)\|(.*)\|", shown.summary)
    assert gate, shown.summary
    value, limit, margin, verdict = (cell.strip() for cell in gate.groups())
    assert float(margin) == pytest.approx(float(value) - 0.85, abs=1e-4)
    assert float(margin) < 0
    assert (limit, "**failed**" in verdict) == ("&#62;= 0.85", True)
    assert any("metrics.accuracy" in one.message and one.level == "error" for one in shown.annotations)

    acme.verify_and_expect(number, passed=False)
    (comment,) = acme.comments(number)
    assert margin in comment
    assert acme.approve(number).status_code == 200
    refused = acme.merge(number)
    assert (refused.status_code, CHECK in refused.text) == (405, True), "no approval makes up for the status"
    assert acme.git("rev-parse", "main") == main


def history_tells_it_all(acme: Team, more: dict[int, str]) -> None:
    """git alone says who merged what, and GitHub signed every commit that a workflow made."""
    subjects = acme.git("log", "--first-parent", "--reverse", "--format=%s", "main").splitlines()
    merges = [subject for subject in subjects if subject.startswith("Merge")]
    branches = {1: "register/digits-1", 2: "evaluate/digits-1-default", 3: "promote/digits-1-to-staging"}
    branches |= {4: "promote/digits-1-to-production", 5: "register/digits-2", 6: "evaluate/digits-2-default"}
    branches |= more
    assert merges == [f"Merge pull request #{n} from acme/{branch}" for n, branch in branches.items()]
    state = acme.state
    heads = {name.removeprefix("refs/heads/") for name in state["refs"] if name.startswith("refs/heads/")}
    assert heads == {"main", *branches.values(), "promote/digits-2-to-staging"}
    assert {acme.git("rev-parse", branch) for branch in branches.values()} <= set(state["signed_commits"])
    assert [pull["issue"]["number"] for pull in state["pulls"]] == sorted({*branches, 7})
    # A pull request that is open has its merge with main tried anew each time main moves; the last try is left over.
    assert acme.git("fsck", "--strict", "--no-dangling") == ""


def everybody_did_their_part(acme: Team) -> None:
    """Pull requests are of one token, statuses of GitHub Actions alone, approvals of a person; nothing else waits."""
    state = acme.state
    assert {pull["issue"]["login"] for pull in state["pulls"]} == {acme.way.opener}
    assert {status["login"] for status in state["statuses"]} == {ACTIONS}
    assert {review["login"] for pull in state["pulls"] for review in pull["reviews"]} == {"alice", "bob"}
    merged_by = {pull["issue"]["number"]: pull["merged_by"] for pull in state["pulls"] if pull["merged_by"]}
    assert merged_by == dict.fromkeys(merged_by, "alice") | {3: acme.way.opener}
    for pull in state["pulls"]:
        number = pull["issue"]["number"]
        assert acme.awaiting_approval(number) == ["verify.yml"] * (acme.way is DEFAULT), "and nobody approved it"
    assert acme.started() == {}
