"""The chapters of the story in which no token plays a part: they are told once."""

import yaml

from tests.parts.act_run import JobKey
from tests.workflows.team import SCRIPT, VERSION, Team, openssf


def a_tag_is_no_image_to_train_in(acme: Team) -> None:
    before = acme.objects()
    run = acme.dispatch("train.yml", model="digits", entry=SCRIPT, data="digits@1", container="python:3.13")
    run.assert_jobs({"container": "failure"})  # no runner with a GPU has heard of it
    assert acme.objects() == before


def the_same_push_again_does_nothing(acme: Team, *also: JobKey) -> None:
    """What waits is read off the registry and what is proposed: a run that is repeated finds its work done."""
    acme.writes()
    before = acme.objects(), acme.state["refs"]
    run = acme.run(acme.events("push")[-1], "promote.yml")
    run.assert_jobs({"complete": "success", "plan": "success"} | dict.fromkeys(also, "success"))
    assert acme.writes() == []
    assert (acme.objects(), acme.state["refs"]) == before


def a_machine_that_serves_has_it(acme: Team) -> None:
    """Called with a folder, the workflow brings the model there; asked again, it has nothing to do."""
    serving = acme.folder / "models"
    called = {"model": "digits", "stage": "staging", "folder": str(serving)}
    acme.run("workflow_call", "deploy.yml", inputs=called).assert_jobs({"deploy": "success"})
    assert (serving / "digits/staging/model.safetensors").exists()
    acme.run(acme.events("push")[-1], "deploy.yml").assert_jobs({"plan": "success"})


def everybody_can_look_at_it(acme: Team) -> None:
    """The site is built of what was merged, and published; where nobody said that it shall be, nothing is."""
    acme.run(acme.events("push")[-1], "site.yml").assert_jobs({})
    wanted = {"AWS_ENDPOINT_URL_S3": acme.s3.endpoint, "MODELBOOK_SITE": "yes"}
    run = acme.run(acme.events("push")[-1], "site.yml", variables=wanted)
    run.assert_jobs({"build": "success", "publish": "success"})


def anybody_pulls_and_checks_it(acme: Team) -> None:
    desk = acme.clone("desk-of-alice")
    serving = acme.folder / "serving"
    acme.modelbook("pull", "digits@production", str(serving), cwd=desk)
    signed = ["card.yaml", "config.json", "model.safetensors", "model.sig", "modelbook"]
    assert sorted(path.name for path in serving.iterdir()) == signed
    assert openssf(acme, serving) == 0
    weights = serving / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert openssf(acme, serving) != 0, "one byte differs"


def what_is_refused_is_not_proposed_unasked(acme: Team) -> None:
    acme.writes()
    run = acme.dispatch("promote.yml", version="digits@2", stage="staging")
    run.assert_jobs({"promote": "failure"})
    assert acme.writes() == []


def what_is_in_production_is_reproduced(acme: Team, number: int) -> str:
    """One job trains it again and may write nothing; another signs what came of it. Returns the branch."""
    acme.writes()
    before = acme.objects()
    run = acme.dispatch("reproduce.yml", version="digits@production", environment="machine")
    run.assert_jobs({"container": "success", "train": "success", "record": "success"})
    assert "the weights came out bit for bit the same, once" in run.summary
    made = [key.split("/", 2)[2] for key in acme.objects() if key not in before]
    assert made == ["reproduction.yaml"], "what was trained again is thrown away"
    assert acme.writes() == acme.opened(number)
    branch = str(acme.pull(number)["head_ref"])
    found = [line.split("\t")[1] for line in acme.changed(branch)]
    assert all(path.startswith(f"{VERSION}/1/reproductions/") for path in found), found
    reproduction = yaml.safe_load(acme.git("show", f"{branch}:{found[1]}"))
    assert reproduction["job"].endswith("/train")
    acme.verify_and_expect(number, passed=True)
    acme.accept(number)
    acme.leave("promote.yml")
    return branch


def production_is_held(acme: Team, number: int) -> str:
    """There is nothing to go back to, so that a rollback proposes nothing; a hold is a pull request like any."""
    about = {"model": "digits", "stage": "production", "reason": "the audit"}
    acme.writes()
    acme.dispatch("rollback.yml", action="roll-back", **about).assert_jobs({"refuse": "failure"})
    run = acme.dispatch("rollback.yml", action="rollback", **about)
    run.assert_jobs({"propose": "failure"})
    assert any("production held no version of digits before digits@1" in one.message for one in run.annotations)
    assert acme.writes() == []
    acme.dispatch("rollback.yml", action="hold", **about).assert_jobs({"propose": "success"})
    pull = acme.pull(number)
    assert pull["issue"]["title"] == "Hold digits production at digits@1"
    acme.verify_and_expect(number, passed=True)
    acme.accept(number)
    acme.leave("deploy.yml", "promote.yml")
    return str(pull["head_ref"])


def others_are_told(acme: Team) -> None:
    """A tag and a release of what was registered, and a tag of each stage; a second time there is nothing to do."""
    acme.writes()
    push = acme.events("push")[-1]
    acme.run(push, "tag.yml").assert_jobs({"tag": "success"})
    assert acme.writes() == [*("POST /git/refs 201" for _ in range(3)), "POST /releases 201"]
    acme.run("workflow_dispatch", "tag.yml", inputs={"model": "digits"}).assert_jobs({"tag": "success"})
    assert acme.writes() == []
    folder = "registry/models/digits"
    brought = {"digits@1": f"{folder}/versions/1/card.yaml"}
    brought |= {f"digits/{stage}": f"{folder}/stages/{stage}.yaml" for stage in ("staging", "production")}
    for tag, path in brought.items():
        first = acme.git("log", "--first-parent", "--reverse", "--format=%H", "main", "--", path).splitlines()[0]
        assert acme.state["refs"][f"refs/tags/{tag}"] == first
