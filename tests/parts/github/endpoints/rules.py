"""Rules of branches: rulesets, found and changed, and the classic protection, which only tests set here."""

from tests.parts.github import refusals
from tests.parts.github.answers.people import api
from tests.parts.github.refusals import Refusal
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import Json

_REPO = "/repos/{owner}/{repo}"


@endpoint("GET", _REPO + "/rules/branches/{branch}", "metadata:read")
def rules_of_branch(call: Call) -> Answer:
    branch = f"refs/heads/{call.arguments['branch']}"
    found = []
    for number, ruleset in enumerate(call.repository.rulesets, 1):
        if ruleset["enforcement"] == "active" and _holds_for(call, ruleset, branch):
            source = {"ruleset_source_type": "Repository", "ruleset_source": call.repository.full_name}
            found += [rule | source | {"ruleset_id": number} for rule in ruleset.get("rules", ())]
    return call.paged(found, lambda rule: rule)


def _holds_for(call: Call, ruleset: Json, branch: str) -> bool:
    included = ruleset.get("conditions", {}).get("ref_name", {}).get("include", [])
    default = branch == f"refs/heads/{call.repository.default_branch}"
    return branch in included or "~ALL" in included or (default and "~DEFAULT_BRANCH" in included)


@endpoint("GET", _REPO + "/rulesets", "metadata:read")
def list_rulesets(call: Call) -> Answer:
    numbers = range(1, len(call.repository.rulesets) + 1)
    brief = ("id", "name", "target", "source_type", "source", "enforcement")
    return call.paged(numbers, lambda number: {key: _shown(call, number)[key] for key in brief})


@endpoint("GET", _REPO + "/rulesets/{ruleset_id}", "metadata:read")
def get_ruleset(call: Call) -> Answer:
    return Answer(200, _shown(call, call.number("ruleset_id")))


@endpoint("POST", _REPO + "/rulesets", "administration:write")
def create_ruleset(call: Call) -> Answer:
    if any(each["name"] == call.body["name"] for each in call.repository.rulesets):
        raise refusals.unprocessable("Validation Failed: Name must be unique")
    call.repository.rulesets.append(call.body)
    return Answer(201, _shown(call, len(call.repository.rulesets)))


@endpoint("PUT", _REPO + "/rulesets/{ruleset_id}", "administration:write")
def update_ruleset(call: Call) -> Answer:
    number = call.number("ruleset_id")
    _shown(call, number)
    call.repository.rulesets[number - 1] |= call.body
    return Answer(200, _shown(call, number))


@endpoint("GET", _REPO + "/branches/{branch}/protection", "administration:read")
def protection(call: Call) -> Answer:
    found = call.repository.protection
    if found is None or call.arguments["branch"] != call.repository.default_branch:
        raise Refusal(404, "Branch not protected")
    address = api(call.world, call.repository, f"/branches/{call.arguments['branch']}/protection")
    return Answer(200, {"url": address} | found)


def _shown(call: Call, number: int) -> Json:
    rulesets = call.repository.rulesets
    if not 1 <= number <= len(rulesets):
        raise refusals.not_found()
    shown = {
        "id": number,
        "target": "branch",
        "source_type": "Repository",
        "source": call.repository.full_name,
        **rulesets[number - 1],
    }
    administers = call.token is not None and call.token.allows("administration", "write")
    if administers:  # GitHub shows them to nobody else
        return {"bypass_actors": []} | shown
    return {key: value for key, value in shown.items() if key != "bypass_actors"}
