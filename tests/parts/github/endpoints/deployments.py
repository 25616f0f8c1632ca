"""Deployments and what became of them."""

from tests.parts.github import refusals
from tests.parts.github.answers.deliveries import deployment as deployment_shape
from tests.parts.github.answers.deliveries import deployment_status as status_shape
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import Deployment, DeploymentStatus, now

_DEPLOYMENTS = "/repos/{owner}/{repo}/deployments"


@endpoint("GET", _DEPLOYMENTS, "deployments:read")
def list_deployments(call: Call) -> Answer:
    wanted = {name: call.query[name] for name in ("sha", "ref", "task", "environment") if name in call.query}
    found = [
        deployment
        for deployment in reversed(call.repository.deployments.values())
        if all(getattr(deployment, name) == value for name, value in wanted.items())
    ]
    return call.paged(found, lambda deployment: deployment_shape(call.world, call.repository, deployment))


@endpoint("POST", _DEPLOYMENTS, "deployments:write")
def create_deployment(call: Call) -> Answer:
    """Refused with 409 while a status that `required_contexts` names (by default: any) is not green."""
    body = call.body
    sha = call.repository.git.resolve(body["ref"])
    if sha is None:
        raise refusals.unprocessable(f"No ref found for: {body['ref']}")
    latest = {s.context: s.state for s in call.repository.statuses if s.sha == sha}
    waiting = [name for name in body.get("required_contexts", latest) if latest.get(name) != "success"]
    if waiting:
        message = f"Conflict: Commit status checks failed for {body['ref']}: {', '.join(waiting)}."
        raise refusals.Refusal(409, message)
    environment = body.get("environment", "production")
    deployment = Deployment(
        id=call.world.next_id(),
        login=call.login,
        sha=sha,
        ref=body["ref"],
        task=body.get("task", "deploy"),
        environment=environment,
        description=body.get("description"),
        payload=body.get("payload", {}),
        production=body.get("production_environment", environment == "production"),
        transient=body.get("transient_environment", False),
        created_at=now(),
        updated_at=now(),
    )
    call.repository.deployments[deployment.id] = deployment
    return Answer(201, deployment_shape(call.world, call.repository, deployment))


@endpoint("GET", _DEPLOYMENTS + "/{deployment_id}", "deployments:read")
def get_deployment(call: Call) -> Answer:
    return Answer(200, deployment_shape(call.world, call.repository, _found(call)))


@endpoint("GET", _DEPLOYMENTS + "/{deployment_id}/statuses", "deployments:read")
def list_statuses(call: Call) -> Answer:
    deployment = _found(call)
    found = list(reversed(deployment.statuses))
    return call.paged(found, lambda status: status_shape(call.world, call.repository, deployment, status))


@endpoint("POST", _DEPLOYMENTS + "/{deployment_id}/statuses", "deployments:write")
def create_status(call: Call) -> Answer:
    """A success makes earlier ones of the same environment inactive, production and transient ones aside."""
    deployment, body = _found(call), call.body
    refusals.too_long("DeploymentStatus", "description", body.get("description"), 140)
    status = DeploymentStatus(
        id=call.world.next_id(),
        login=call.login,
        state=body["state"],
        description=body.get("description", ""),
        environment=body.get("environment", deployment.environment),
        environment_url=body.get("environment_url", ""),
        log_url=body.get("log_url") or body.get("target_url", ""),
        created_at=now(),
    )
    if status.state == "success" and body.get("auto_inactive", True):
        for other in call.repository.deployments.values():
            same = other.environment == deployment.environment and not (other.transient or other.production)
            if other is not deployment and same and other.statuses and other.statuses[-1].state == "success":
                inactive = {**vars(status), "id": call.world.next_id(), "state": "inactive"}
                other.statuses.append(DeploymentStatus(**inactive))
    deployment.statuses.append(status)
    deployment.updated_at = now()
    return Answer(201, status_shape(call.world, call.repository, deployment, status))


def _found(call: Call) -> Deployment:
    deployment = call.repository.deployments.get(call.number("deployment_id"))
    if deployment is None:
        raise refusals.not_found()
    return deployment
