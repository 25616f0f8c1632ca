"""Who is asked to review a pull request, and what reviewers said."""

from tests.parts.github import events, refusals
from tests.parts.github.answers.people import simple_user
from tests.parts.github.answers.pulls import pull_simple
from tests.parts.github.answers.pulls import review as review_shape
from tests.parts.github.endpoints.pulls import found_pull
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import DEFAULT_TOKEN, Review, now

_PULL = "/repos/{owner}/{repo}/pulls/{pull_number}"
_STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


@endpoint("GET", _PULL + "/requested_reviewers", "pull_requests:read")
def requested_reviewers(call: Call) -> Answer:
    users = [simple_user(call.world, login) for login in found_pull(call).reviewers]
    return Answer(200, {"users": users, "teams": []})


@endpoint("POST", _PULL + "/requested_reviewers", "pull_requests:write")
def request_reviewers(call: Call) -> Answer:
    pull = found_pull(call)
    asked = call.body.get("reviewers", [])
    if pull.issue.login in asked:
        raise refusals.unprocessable("Review cannot be requested from pull request author.")
    if call.body.get("team_reviewers") or not set(asked) <= call.world.logins():
        raise refusals.unprocessable(
            "Reviews may only be requested from collaborators. One or more of the users or teams you "
            f"specified is not a collaborator of the {call.repository.full_name} repository."
        )
    pull.reviewers += [login for login in asked if login not in pull.reviewers]
    return Answer(201, pull_simple(call.world, call.repository, pull))


@endpoint("GET", _PULL + "/reviews", "pull_requests:read")
def list_reviews(call: Call) -> Answer:
    pull = found_pull(call)
    return call.paged(pull.reviews, lambda given: review_shape(call.world, call.repository, pull, given))


@endpoint("POST", _PULL + "/reviews", "pull_requests:write")
def create_review(call: Call) -> Answer:
    pull, event = found_pull(call), call.body.get("event", "COMMENT")
    if event != "COMMENT" and pull.issue.login == call.login:
        verb = "approve" if event == "APPROVE" else "request changes on"
        raise refusals.Refusal(422, "Unprocessable Entity", errors=[f"Can not {verb} your own pull request"])
    if event == "APPROVE" and call.login == DEFAULT_TOKEN and not call.repository.actions_may_open_pulls:
        raise refusals.Refusal(422, "Unprocessable Entity", errors=["GitHub Actions is not permitted to approve"])
    commit = call.body.get("commit_id", pull.head_sha)
    given = Review(call.world.next_id(), call.login, call.body.get("body", ""), _STATES[event], commit, now())
    pull.reviews.append(given)
    pull.reviewers = [login for login in pull.reviewers if login != call.login]
    events.pull_reviewed(call.world, call.repository, call.login, pull, given)
    return Answer(200, review_shape(call.world, call.repository, pull, given))
