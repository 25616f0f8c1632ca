"""Deployments on GitHub: one for each pointer, whatever happens, and what serves is read back from them alone."""

import pytest

from modelbook.adapters.github_deployments import GitHubDeployments
from modelbook.core.stages.deployment import Payload
from modelbook.errors import ForgeError
from tests.adapters.github.place import Json, Place
from tests.made_fields import digest


def payload(model: str = "fraud", version: int = 1, stage: str = "staging") -> Payload:
    return Payload(
        model=model,
        stage=stage,
        version=version,
        card=digest(f"card {model} {version}"),
        serial=version,
        pointer=digest(f"pointer {model} {version}"),
    )


def ours(place: Place) -> list[Json]:
    return list(place.state["deployments"])


def deploy(place: Place, what: Payload, *states: str) -> str:
    deployments = GitHubDeployments(place.api())
    deployment = deployments.begin(what, place.base)
    for state in states:
        deployments.tell(deployment, state, f"it is {state}", "https://acme.example/")
    return deployment.id


def test_one_pointer_is_one_deployment_of_its_commit(place: Place) -> None:
    made = deploy(place, payload(), "in_progress", "success")
    assert deploy(place, payload(), "success") == made
    (found,) = ours(place)
    about = {name: found[name] for name in ("sha", "environment", "task", "payload")}
    assert about == {
        "sha": place.base,
        "environment": "staging",
        "task": "modelbook:fraud",
        "payload": payload().model_dump(),
    }
    told = [(one["state"], one["description"], one["environment_url"]) for one in found["statuses"]]
    assert told == [(state, f"it is {state}", "https://acme.example/") for state in ("in_progress", "success")]


@pytest.mark.parametrize("path", ["/deployments$", "/statuses$"])
@pytest.mark.parametrize("after", [False, True])
def test_a_write_that_is_not_answered_is_not_made_twice(place: Place, path: str, after: bool) -> None:
    """Invariant 9: whether GitHub had done it or not."""
    place.fail("POST", path, status=502, after_effect=after)
    deploy(place, payload(), "success")
    (found,) = ours(place)
    assert [one["state"] for one in found["statuses"]] == ["success"]


def test_what_serves_is_the_last_success_of_each_model(place: Place) -> None:
    deployments = GitHubDeployments(place.api())
    assert deployments.trails("staging", ["fraud"]) == {}
    assert deployments.trails("staging", []) == {}
    deploy(place, payload(version=1), "success")
    deploy(place, payload(version=2), "in_progress", "success")
    deploy(place, payload(version=3), "failure")
    deploy(place, payload("spam", 7), "success")
    deploy(place, payload("ham", 1), "in_progress")
    deploy(place, payload("fraud", 9, "production"), "success")
    both = deployments.trails("staging", ["fraud", "spam", "ham", "none"])
    assert sorted(both) == ["fraud", "ham", "spam"]
    fraud, ham = both["fraud"], both["ham"]
    assert fraud.serves is not None
    assert fraud.last is not None
    assert (fraud.serves.payload, fraud.serves.url) == (payload(version=2), "https://acme.example/")
    assert (fraud.last.payload.version, fraud.last.state, fraud.last.said) == (3, "failure", "it is failure")
    assert (ham.serves, ham.last and ham.last.state) == (None, "in_progress")
    assert deployments.trails("staging", ["fraud"]) == {"fraud": fraud}
    assert deployments.find(payload(version=4)) is None


def test_however_many_models_serve_it_takes_two_calls(place: Place) -> None:
    models = [f"m{number}" for number in range(5)]
    for model in models:
        deploy(place, payload(model, 1), "failure")
        deploy(place, payload(model, 2), "in_progress", "success")
    place.server.clear_log()
    trails = GitHubDeployments(place.api()).trails("staging", [*models, "none"])
    assert {model: trail.serves and trail.serves.payload.version for model, trail in trails.items()} == dict.fromkeys(
        models, 2
    )
    asked = [(entry["method"], entry["path"].rpartition("/")[2].partition("?")[0]) for entry in place.server.log()]
    assert asked == [("GET", "deployments"), ("POST", "graphql")]
    place.server.fail("POST", "/graphql$", status=502)
    assert GitHubDeployments(place.api()).trails("staging", [*models, "none"]) == trails, "a query may be repeated"


def test_what_others_deploy_there_changes_nothing_of_ours(place: Place) -> None:
    """Another tool's success makes GitHub call ours inactive; a stranger's payload is no payload."""
    deploy(place, payload(), "success")
    api = place.api()
    hostile = payload(version=2).model_dump() | {"version": "2"}
    for task, said in (("deploy", payload(version=2).model_dump()), ("modelbook:fraud", hostile), ("deploy", "text")):
        body: Json = {"ref": "main", "task": task, "environment": "staging", "payload": said, "required_contexts": []}
        made = api.post("deploy", "/deployments", body, find=lambda: None)
        api.post("tell", f"/deployments/{made['id']}/statuses", {"state": "success"}, find=lambda: None)
    assert ours(place)[0]["statuses"][-1]["state"] == "inactive"
    trail = GitHubDeployments(api).trails("staging", ["fraud"])["fraud"]
    assert (trail.serves and trail.serves.payload, trail.last) == (payload(), trail.serves)


def test_a_token_that_may_not_deploy_is_told_what_it_lacks(place: Place) -> None:
    token = "ghs_" + "r" * 36
    place.server.add_token(token, "github-actions[bot]", {"contents": "read", "deployments": "read"})
    with pytest.raises(ForgeError, match=r"(?s)make a deployment.*deployments: write"):
        GitHubDeployments(place.api(token)).begin(payload(), place.base)


def test_a_repository_is_told_once_even_where_github_does_not_answer(place: Place) -> None:
    place.fail("POST", "/dispatches", status=502, after_effect=True)
    with pytest.raises(ForgeError, match="did not say whether it would tell"):
        place.api().send("tell it", "/dispatches", {"event_type": "modelbook-deploy", "client_payload": {"version": 1}})
    (event,) = [one for one in place.server.events() if one["repository"] == place.name]
    assert event["payload"]["client_payload"] == {"version": 1}
