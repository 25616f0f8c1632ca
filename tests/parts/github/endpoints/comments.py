"""Comments on issues and pull requests."""

from tests.parts.github import refusals
from tests.parts.github.answers.issues import comment as comment_shape
from tests.parts.github.endpoints.issues import found_issue
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import Comment, now

_ISSUES = "/repos/{owner}/{repo}/issues"
_READ, _WRITE = "issues:read|pull_requests:read", "issues:write|pull_requests:write"
_LONGEST = 65536  # characters


@endpoint("GET", _ISSUES + "/{issue_number}/comments", _READ)
def list_comments(call: Call) -> Answer:
    number = found_issue(call).number
    found = [comment for comment in call.repository.comments.values() if comment.issue == number]
    return call.paged(found, lambda comment: comment_shape(call.world, call.repository, comment))


@endpoint("POST", _ISSUES + "/{issue_number}/comments", _WRITE)
def create_comment(call: Call) -> Answer:
    issue, text = found_issue(call), _text(call)
    comment = Comment(call.world.next_id(), issue.number, call.login, text, now(), now())
    call.repository.comments[comment.id] = comment
    issue.updated_at = now()
    return Answer(201, comment_shape(call.world, call.repository, comment))


@endpoint("GET", _ISSUES + "/comments/{comment_id}", _READ)
def get_comment(call: Call) -> Answer:
    return Answer(200, comment_shape(call.world, call.repository, _found(call)))


@endpoint("PATCH", _ISSUES + "/comments/{comment_id}", _WRITE)
def update_comment(call: Call) -> Answer:
    comment = _found(call)
    comment.body, comment.updated_at = _text(call), now()
    return Answer(200, comment_shape(call.world, call.repository, comment))


@endpoint("DELETE", _ISSUES + "/comments/{comment_id}", _WRITE)
def delete_comment(call: Call) -> Answer:
    del call.repository.comments[_found(call).id]
    return Answer(204)


def _found(call: Call) -> Comment:
    comment = call.repository.comments.get(call.number("comment_id"))
    if comment is None:
        raise refusals.not_found()
    return comment


def _text(call: Call) -> str:
    text: str = call.body["body"]
    if not text.strip():
        raise refusals.validation_failed("IssueComment", "custom", "body", "body cannot be blank")
    refusals.too_long("IssueComment", "body", text, _LONGEST)
    return text
