"""Issues, and the labels of issues, of pull requests and of the repository."""

import zlib
from typing import Any

from tests.parts.github import refusals
from tests.parts.github.answers.issues import issue as issue_shape
from tests.parts.github.answers.issues import label as label_shape
from tests.parts.github.answers.issues import labels as labels_shape
from tests.parts.github.noticing import close
from tests.parts.github.routes import Answer, Call, endpoint
from tests.parts.github.world import Issue, Label, now

_REPO = "/repos/{owner}/{repo}"
_ISSUE = _REPO + "/issues/{issue_number}"
_READ, _WRITE = "issues:read|pull_requests:read", "issues:write|pull_requests:write"


def found_issue(call: Call) -> Issue:
    """The issue or pull request that the path names; anything else is not found."""
    issue = call.repository.issues.get(call.number("issue_number"))
    if issue is None:
        raise refusals.not_found()
    return issue


@endpoint("GET", _REPO + "/issues", _READ)
def list_issues(call: Call) -> Answer:
    state, wanted = (
        call.query.get("state", "open"),
        set(filter(None, call.query.get("labels", "").split(","))),
    )
    creator = call.query.get("creator")
    found = [
        issue
        for issue in call.repository.issues.values()
        if state in ("all", issue.state) and wanted <= set(issue.labels) and creator in (None, issue.login)
    ]
    found.sort(key=lambda issue: issue.number, reverse=call.query.get("direction", "desc") == "desc")
    return call.paged(found, lambda issue: issue_shape(call.world, call.repository, issue))


@endpoint("POST", _REPO + "/issues", "issues:write")
def create_issue(call: Call) -> Answer:
    body, repository = call.body, call.repository
    refusals.too_long("Issue", "body", body.get("body"), 65536)
    number = max(repository.issues, default=0) + 1
    issue = Issue(call.world.next_id(), number, call.login, str(body["title"]), body.get("body"), now(), now())
    issue.labels = _known(call, body.get("labels", []))
    issue.assignees = body.get("assignees", [])
    repository.issues[number] = issue
    return Answer(201, issue_shape(call.world, repository, issue))


@endpoint("GET", _ISSUE, _READ)
def get_issue(call: Call) -> Answer:
    return Answer(200, issue_shape(call.world, call.repository, found_issue(call)))


@endpoint("PATCH", _ISSUE, _WRITE)
def update_issue(call: Call) -> Answer:
    issue, body = found_issue(call), call.body
    refusals.too_long("Issue", "body", body.get("body"), 65536)
    issue.title, issue.body = str(body.get("title", issue.title)), body.get("body", issue.body)
    if "labels" in body:
        issue.labels = _known(call, body["labels"])
    if "assignees" in body:
        issue.assignees = body["assignees"]
    issue.updated_at = now()
    state = body.get("state", issue.state)
    if state != issue.state and issue.number in call.repository.pulls:
        if state == "open":
            raise refusals.validation_failed("Issue", "invalid", "state")
        close(call.world, call.repository, call.repository.pulls[issue.number], call.login)
    elif state != issue.state:
        issue.state, issue.closed_at = state, now() if state == "closed" else None
        issue.state_reason = body.get("state_reason", "completed" if state == "closed" else "reopened")
    return Answer(200, issue_shape(call.world, call.repository, issue))


@endpoint("GET", _ISSUE + "/labels", _READ)
def issue_labels(call: Call) -> Answer:
    return call.paged(labels_shape(call.world, call.repository, found_issue(call)), lambda shown: shown)


@endpoint("POST", _ISSUE + "/labels", _WRITE)
def add_labels(call: Call) -> Answer:
    issue = found_issue(call)
    issue.labels += [name for name in _known(call, call.body.get("labels", [])) if name not in issue.labels]
    return Answer(200, labels_shape(call.world, call.repository, issue))


@endpoint("PUT", _ISSUE + "/labels", _WRITE)
def set_labels(call: Call) -> Answer:
    issue = found_issue(call)
    issue.labels = _known(call, call.body.get("labels", []))
    return Answer(200, labels_shape(call.world, call.repository, issue))


@endpoint("DELETE", _ISSUE + "/labels/{name}", _WRITE)
def remove_label(call: Call) -> Answer:
    issue, name = found_issue(call), call.arguments["name"]
    if name not in issue.labels:
        raise refusals.Refusal(404, "Label does not exist")
    issue.labels.remove(name)
    return Answer(200, labels_shape(call.world, call.repository, issue))


@endpoint("GET", _REPO + "/labels", _READ)
def list_labels(call: Call) -> Answer:
    found = sorted(call.repository.labels.values(), key=lambda label: label.name)
    return call.paged(found, lambda label: label_shape(call.world, call.repository, label))


@endpoint("POST", _REPO + "/labels", _WRITE)
def create_label(call: Call) -> Answer:
    name = call.body["name"]
    if name.lower() in (known.lower() for known in call.repository.labels):
        raise refusals.validation_failed("Label", "already_exists", "name")
    label = _new_label(call, name)
    label.color, label.description = call.body.get("color", label.color), call.body.get("description")
    return Answer(201, label_shape(call.world, call.repository, label))


@endpoint("GET", _REPO + "/labels/{name}", _READ)
def get_label(call: Call) -> Answer:
    label = call.repository.labels.get(call.arguments["name"])
    if label is None:
        raise refusals.not_found()
    return Answer(200, label_shape(call.world, call.repository, label))


def _known(call: Call, given: list[Any]) -> list[str]:
    """The names of labels that a body gives, as text or as objects; GitHub makes those that are new."""
    names = list(dict.fromkeys(item if isinstance(item, str) else item["name"] for item in given))
    for name in names:
        if name not in call.repository.labels:
            _new_label(call, name)
    return names


def _new_label(call: Call, name: str) -> Label:
    color = f"{zlib.crc32(name.encode()) & 0xFFFFFF:06x}"
    call.repository.labels[name] = Label(call.world.next_id(), name, color, None)
    return call.repository.labels[name]
