"""The chapters of the story in which what was promoted is deployed and pulled."""

import json

from tests.workflows.team import Json, Team, openssf


def deploy_what_was_promoted(acme: Team) -> None:
    """The first push was lost: the second deploys what both of them moved, and a third time there is nothing to do."""
    push, serving = acme.events("push")[-1], acme.folder / "models"
    stages = ("staging", "production")
    moved = {("moved", json.dumps({"model": "digits", "stage": stage})): "success" for stage in stages}
    acme.run(push, "deploy.yml").assert_jobs({"plan": "success"} | moved)
    acme.run(push, "deploy.yml").assert_jobs({"plan": "success"})
    called = {"model": "digits", "stage": "staging", "folder": str(serving)}
    run = acme.run("workflow_call", "deploy.yml", inputs=called)
    run.assert_jobs({"deploy": "success"})
    assert (serving / "digits/staging/model.safetensors").exists()
    made = [(one["environment"], one) for one in acme.state["deployments"]]
    assert sorted(stage for stage, _ in made) == ["production", "staging"]
    for stage, one in made:
        assert [status["state"] for status in one["statuses"]] == ["in_progress", "success"]
        last = acme.git("log", "-1", "--first-parent", "--format=%H", "main", "--", f"registry/**/{stage}.yaml")
        assert (one["sha"], one["payload"]["version"], one["login"]) == (last, 1, "github-actions[bot]")
    tell_others(acme, push)


def tell_others(acme: Team, push: Json) -> None:
    """A tag and a release of what was registered, and a tag of each stage; a second time there is nothing to do."""
    acme.writes()
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


def pull_from_production(acme: Team) -> None:
    desk = acme.clone("desk-of-alice")
    serving = acme.folder / "serving"
    acme.modelbook("pull", "digits@production", str(serving), cwd=desk)
    signed = ["card.yaml", "config.json", "model.safetensors", "model.sig", "modelbook"]
    assert sorted(path.name for path in serving.iterdir()) == signed
    assert openssf(acme, serving) == 0
    weights = serving / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert openssf(acme, serving) != 0, "one byte differs"
