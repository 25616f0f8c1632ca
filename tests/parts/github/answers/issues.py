"""Issues, comments and labels."""

from tests.parts.github.answers.people import api, association, node_id, page, simple_user
from tests.parts.github.world import Comment, Issue, Json, Label, Repository, World


def label(world: World, repository: Repository, record: Label) -> Json:
    return {
        "id": record.id,
        "node_id": node_id("Label", record.id),
        "url": api(world, repository, f"/labels/{record.name}"),
        "name": record.name,
        "description": record.description,
        "color": record.color,
        "default": False,
    }


def labels(world: World, repository: Repository, record: Issue) -> list[Json]:
    """The labels that stand on one issue or pull request."""
    return [label(world, repository, repository.labels[name]) for name in record.labels]


def issue(world: World, repository: Repository, record: Issue) -> Json:
    """An issue; a pull request is one too, and says where it is."""
    address = api(world, repository, f"/issues/{record.number}")
    kind = "pull" if record.number in repository.pulls else "issues"
    shown: Json = {
        "id": record.id,
        "node_id": node_id("Issue", record.id),
        "url": address,
        "repository_url": api(world, repository),
        "labels_url": f"{address}/labels{{/name}}",
        "comments_url": f"{address}/comments",
        "events_url": f"{address}/events",
        "html_url": page(world, repository, f"/{kind}/{record.number}"),
        "number": record.number,
        "state": record.state,
        "state_reason": record.state_reason,
        "title": record.title,
        "body": record.body,
        "user": simple_user(world, record.login),
        "labels": labels(world, repository, record),
        "assignee": simple_user(world, record.assignees[0]) if record.assignees else None,
        "assignees": [simple_user(world, login) for login in record.assignees],
        "milestone": None,
        "locked": False,
        "comments": sum(comment.issue == record.number for comment in repository.comments.values()),
        "closed_at": record.closed_at,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "author_association": association(repository, record.login),
    }
    if kind == "pull":
        pull = api(world, repository, f"/pulls/{record.number}")
        html = page(world, repository, f"/pull/{record.number}")
        shown["pull_request"] = {
            "url": pull,
            "html_url": html,
            "diff_url": f"{html}.diff",
            "patch_url": f"{html}.patch",
            "merged_at": repository.pulls[record.number].merged_at,
        }
    return shown


def comment(world: World, repository: Repository, record: Comment) -> Json:
    kind = "pull" if record.issue in repository.pulls else "issues"
    return {
        "id": record.id,
        "node_id": node_id("IssueComment", record.id),
        "url": api(world, repository, f"/issues/comments/{record.id}"),
        "html_url": page(world, repository, f"/{kind}/{record.issue}#issuecomment-{record.id}"),
        "issue_url": api(world, repository, f"/issues/{record.issue}"),
        "body": record.body,
        "user": simple_user(world, record.login),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "author_association": association(repository, record.login),
    }
