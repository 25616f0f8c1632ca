"""Settings of a repository that others only look at: Actions, names of secrets, environments, code owners, Apps."""

from tests.parts.github import refusals
from tests.parts.github.answers.people import api, app, node_id, page
from tests.parts.github.answers.repositories import full_repository
from tests.parts.github.requirements import CODE_OWNERS
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import DEFAULT_TOKEN, Json, is_bot

_REPO = "/repos/{owner}/{repo}"


@endpoint("GET", "/apps/{app_slug}", "metadata:read")
def get_app(call: Call) -> Answer:
    if call.arguments["app_slug"] != "github-actions":
        raise refusals.not_found()
    return Answer(200, app(call.world, DEFAULT_TOKEN))


@endpoint("GET", _REPO + "/actions/permissions", "administration:read")
def actions(call: Call) -> Answer:
    return Answer(200, {"sha_pinning_required": False} | call.repository.actions_permissions)


@endpoint("GET", _REPO + "/actions/permissions/workflow", "administration:read")
def default_token(call: Call) -> Answer:
    shown = {
        "default_workflow_permissions": call.repository.default_workflow_permissions,
        "can_approve_pull_request_reviews": call.repository.actions_may_open_pulls,
    }
    return Answer(200, shown)


@endpoint("GET", _REPO + "/actions/secrets", "secrets:read")
def secrets(call: Call) -> Answer:
    return _names(call, call.repository.secrets)


@endpoint("GET", _REPO + "/actions/organization-secrets", "secrets:read")
def organization_secrets(call: Call) -> Answer:
    return _names(call, call.repository.organization_secrets)


@endpoint("GET", _REPO + "/actions/variables", "actions_variables:read")
def variables(call: Call) -> Answer:
    return _names(call, call.repository.variables, "variables")


@endpoint("GET", _REPO + "/actions/organization-variables", "actions_variables:read")
def organization_variables(call: Call) -> Answer:
    return _names(call, [], "variables")


@endpoint("GET", _REPO + "/environments", "actions:read")
def environments(call: Call) -> Answer:
    found = call.repository.environments
    chosen, headers = call.slice(found)
    return Answer(
        200, {"total_count": len(found), "environments": [_environment(call, each) for each in chosen]}, headers
    )


@endpoint("GET", _REPO + "/environments/{environment_name}/secrets", "environments:read")
def environment_secrets(call: Call) -> Answer:
    named = (each for each in call.repository.environments if each["name"] == call.arguments["environment_name"])
    found = next(named, None)
    if found is None:
        raise refusals.not_found()
    return _names(call, found.get("secrets", []))


@endpoint("GET", _REPO + "/codeowners/errors", "contents:read")
def code_owner_errors(call: Call) -> Answer:
    git, ref = call.repository.git, call.query.get("ref", call.repository.default_branch)
    commit = git.resolve(ref)
    entries = ((path, git.entry(commit, path)) for path in CODE_OWNERS) if commit else ()
    path, entry = next(((path, entry) for path, entry in entries if entry), (None, None))
    if path is None or entry is None:
        raise refusals.not_found()
    people = {login for login in call.world.logins() if not is_bot(login)}
    errors = []
    for number, line in enumerate(git.blob(entry.sha).decode().splitlines(), 1):
        for owner in line.partition("#")[0].split()[1:]:
            if owner.removeprefix("@").partition("/")[0] not in people:
                message = f"Unknown owner on line {number}: make sure {owner} exists and has write access"
                column = line.index(owner) + 1
                errors.append(
                    {
                        "line": number,
                        "column": column,
                        "kind": "Unknown owner",
                        "source": line,
                        "suggestion": f"make sure {owner} exists and has write access to the repository",
                        "message": message,
                        "path": path,
                    }
                )
    return Answer(200, {"errors": errors})


def _names(call: Call, names: list[str], kind: str = "secrets") -> Answer:
    chosen, headers = call.slice(names)
    at, value = call.repository.created_at, {"value": "x"} if kind == "variables" else {}
    shown = [{"name": name, "created_at": at, "updated_at": at} | value for name in chosen]
    return Answer(200, {"total_count": len(names), kind: shown}, headers)


def _environment(call: Call, record: Json) -> Json:
    number = 1 + call.repository.environments.index(record)
    at = call.repository.created_at
    guarded = {"protected_branches": True, "custom_branch_policies": False}
    return {
        "id": number,
        "node_id": node_id("Environment", number),
        "name": record["name"],
        "url": api(call.world, call.repository, f"/environments/{record['name']}"),
        "html_url": page(call.world, call.repository, "/settings/environments"),
        "created_at": at,
        "updated_at": at,
        "protection_rules": [],
        "deployment_branch_policy": guarded if record.get("guarded") else None,
    }


@endpoint("PATCH", _REPO, "administration:write")
def update_repository(call: Call) -> Answer:
    known = {"allow_auto_merge"}
    if unknown := call.body.keys() - known:
        raise refusals.unprocessable(f"the tests' GitHub sets no {', '.join(sorted(unknown))}")
    call.repository.allow_auto_merge = call.body.get("allow_auto_merge", call.repository.allow_auto_merge)
    return Answer(200, full_repository(call.world, call.repository, pushes=True))
