"""Who am I, what may I still ask, the repository itself, and who may do what in it."""

from tests.parts.github import refusals
from tests.parts.github.answers.people import public_user, simple_user
from tests.parts.github.answers.repositories import full_repository
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import is_bot


@endpoint("GET", "/user", "metadata:read")
def me(call: Call) -> Answer:
    if is_bot(call.login):  # an App's token stands for no person, GITHUB_TOKEN included
        raise refusals.not_accessible("user", "read")
    return Answer(200, public_user(call.world, call.login))


@endpoint("GET", "/rate_limit", "metadata:read")
def rate_limit(call: Call) -> Answer:
    rate = {"limit": 5000, "remaining": 4999, "reset": 4_102_444_800, "used": 1}
    return Answer(200, {"resources": {"core": rate, "search": rate}, "rate": rate})


@endpoint("GET", "/repos/{owner}/{repo}", "metadata:read")
def repository(call: Call) -> Answer:
    pushes = call.token is not None and call.token.allows("contents", "write")
    return Answer(200, full_repository(call.world, call.repository, pushes))


@endpoint("GET", "/repos/{owner}/{repo}/collaborators/{username}/permission", "metadata:read")
def permission(call: Call) -> Answer:
    login = call.arguments["username"]
    held = [token.allows("contents", "write") for token in call.world.tokens.values() if token.login == login]
    role = "admin" if login == call.repository.owner else "write" if any(held) else "read" if held else "none"
    shown = simple_user(call.world, login) | {"role_name": role} if role != "none" else None
    return Answer(200, {"permission": role, "role_name": role, "user": shown})
