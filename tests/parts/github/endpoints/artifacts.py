"""Artifacts of workflow runs. The zip itself lies elsewhere, as on GitHub: who asks for it is sent there."""

from tests.parts.github import refusals
from tests.parts.github.answers.people import api, node_id
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import Json, now

_ACTIONS = "/repos/{owner}/{repo}/actions"


@endpoint("GET", _ACTIONS + "/runs/{run_id}/artifacts", "actions:read")
def list_artifacts(call: Call) -> Answer:
    run, name = call.number("run_id"), call.query.get("name")
    there = enumerate(call.repository.artifacts, start=1)
    found = [(at, one) for at, one in there if one["run"] == run and name in (None, one["name"])]
    chosen, headers = call.slice(found)
    return Answer(200, {"total_count": len(found), "artifacts": [_shape(call, at, one) for at, one in chosen]}, headers)


@endpoint("GET", _ACTIONS + "/artifacts/{artifact_id}/{archive_format}", "actions:read")
def download_artifact(call: Call) -> Answer:
    at = call.number("artifact_id")
    if not 1 <= at <= len(call.repository.artifacts):
        raise refusals.not_found()
    return Answer(302, None, {"Location": call.repository.artifacts[at - 1]["url"]})


def _shape(call: Call, at: int, artifact: Json) -> Json:
    address = api(call.world, call.repository, f"/actions/artifacts/{at}")
    return {
        "id": at,
        "node_id": node_id("Artifact", at),
        "name": artifact["name"],
        "size_in_bytes": 1,
        "url": address,
        "archive_download_url": f"{address}/zip",
        "expired": False,
        "created_at": now(),
        "updated_at": now(),
        "expires_at": now(),
    }
