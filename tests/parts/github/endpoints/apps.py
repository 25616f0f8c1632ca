"""An App's installation, and the tokens that are made of it and ended."""

from datetime import UTC, datetime

from tests.parts.github import refusals
from tests.parts.github.answers.people import simple_user
from tests.parts.github.answers.repositories import repository as repository_shape
from tests.parts.github.apps import installed, make_token
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import now


@endpoint("GET", "/repos/{owner}/{repo}/installation", "app:jwt")
def installation(call: Call) -> Answer:
    app = installed(call.world, call.token)
    if call.repository.full_name not in app.repositories:
        raise refusals.not_found()
    world, owner = call.world, call.repository.owner
    address = f"{world.url}/api/v3/app/installations/{app.installation}"
    shown = {
        "id": app.installation,
        "account": simple_user(world, owner),
        "repository_selection": "selected",
        "access_tokens_url": f"{address}/access_tokens",
        "repositories_url": f"{world.url}/api/v3/installation/repositories",
        "html_url": f"{world.url}/organizations/{owner}/settings/installations/{app.installation}",
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": 1,
        "target_type": "Organization",
        "permissions": {"metadata": "read"} | app.permissions,
        "events": [],
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
        "single_file_name": None,
        "suspended_by": simple_user(world, owner) if app.suspended else None,
        "suspended_at": now() if app.suspended else None,
    }
    return Answer(200, shown)


@endpoint("POST", "/app/installations/{installation_id}/access_tokens", "app:jwt")
def create_token(call: Call) -> Answer:
    app = installed(call.world, call.token)
    if call.number("installation_id") != app.installation:
        raise refusals.not_found()
    token = make_token(call.world, app, call.body.get("repositories"), call.body.get("permissions"))
    assert token.ends is not None
    reached = [call.world.repositories[name] for name in token.repositories or ()]
    shown = {
        "token": token.secret,
        "expires_at": datetime.fromtimestamp(token.ends, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "permissions": {"metadata": "read"} | (token.permissions or {}),
        "repository_selection": "selected",
        "repositories": [repository_shape(call.world, each) for each in reached],
    }
    return Answer(201, shown)


@endpoint("DELETE", "/installation/token", "metadata:read")
def revoke_token(call: Call) -> Answer:
    if call.token is None or call.token.ends is None:  # no token of an installation
        raise refusals.not_accessible("metadata", "read")
    del call.world.tokens[call.token.secret]
    return Answer(204)
