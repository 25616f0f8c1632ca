"""Pull requests and their reviews."""

from tests.parts.github.answers.issues import labels
from tests.parts.github.answers.people import api, association, node_id, page, simple_user
from tests.parts.github.answers.repositories import repository as repository_shape
from tests.parts.github.changes import changed_files
from tests.parts.github.requirements import OUT_OF_DATE, missing
from tests.parts.github.world import Json, Pull, Repository, Review, World


def pull_simple(world: World, repository: Repository, record: Pull) -> Json:
    """A pull request as lists show it."""
    issue = record.issue
    address = api(world, repository, f"/pulls/{record.number}")
    issue_address = api(world, repository, f"/issues/{record.number}")
    html = page(world, repository, f"/pull/{record.number}")
    links = {
        "self": address,
        "html": html,
        "issue": issue_address,
        "comments": f"{issue_address}/comments",
        "review_comments": f"{address}/comments",
        "review_comment": api(world, repository, "/pulls/comments{/number}"),
        "commits": f"{address}/commits",
        "statuses": api(world, repository, f"/statuses/{record.head_sha}"),
    }
    head = world.repositories[record.head_repository]
    return {
        "url": address,
        "id": record.id,
        "node_id": node_id("PullRequest", record.id),
        "html_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "issue_url": links["issue"],
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "number": record.number,
        "state": issue.state,
        "locked": False,
        "draft": record.draft,
        "title": issue.title,
        "user": simple_user(world, issue.login),
        "body": issue.body,
        "labels": [{**shown, "description": shown["description"] or ""} for shown in labels(world, repository, issue)],
        "milestone": None,
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "closed_at": issue.closed_at,
        "merged_at": record.merged_at,
        "merge_commit_sha": record.merge_commit_sha,
        "assignee": simple_user(world, issue.assignees[0]) if issue.assignees else None,
        "assignees": [simple_user(world, login) for login in issue.assignees],
        "requested_reviewers": [simple_user(world, login) for login in record.reviewers],
        "requested_teams": [],
        "head": _side(world, head, record.head_ref, record.head_sha),
        "base": _side(world, repository, record.base_ref, record.base_sha),
        "_links": {name: {"href": href} for name, href in links.items()},
        "author_association": association(repository, issue.login),
        "auto_merge": record.auto_merge
        and {
            "enabled_by": simple_user(world, record.auto_merge["login"]),
            "merge_method": record.auto_merge["method"],
            "commit_title": "",
            "commit_message": "",
        },
    }


def pull(world: World, repository: Repository, record: Pull) -> Json:
    """A pull request asked for by its number."""
    merge_base = repository.git.merge_base(record.base_sha, record.head_sha) or record.base_sha
    changes = changed_files(repository.git, merge_base, record.head_sha)
    known = record.merged_at is None and record.issue.state == "open" and not record.unanswered
    return pull_simple(world, repository, record) | {
        "merged": record.merged_at is not None,
        "mergeable": record.mergeable if known else None,
        "rebaseable": record.mergeable if known else None,
        "mergeable_state": mergeable_state(repository, record) if known else "unknown",
        "merged_by": simple_user(world, record.merged_by) if record.merged_by else None,
        "comments": sum(comment.issue == record.number for comment in repository.comments.values()),
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": repository.git.count(record.base_sha, record.head_sha),
        "additions": sum(change.additions for change in changes),
        "deletions": sum(change.deletions for change in changes),
        "changed_files": len(changes),
    }


def mergeable_state(repository: Repository, record: Pull) -> str:
    """Whether it may be merged, in GitHub's word: dirty, draft, behind, blocked (a rule), unstable (a check), clean."""
    if not record.mergeable:
        return "dirty"
    if record.draft:
        return "draft"
    protected = record.base_ref == repository.default_branch
    if protected and (lack := missing(repository, record)):
        return "behind" if lack == OUT_OF_DATE else "blocked"
    latest = {s.context: s.state for s in repository.statuses if s.sha == record.head_sha}
    runs = {c.name: c.conclusion for c in repository.check_runs.values() if c.head_sha == record.head_sha}
    green = all(state == "success" for state in latest.values()) and all(
        conclusion in ("success", "neutral", "skipped") for conclusion in runs.values()
    )
    return "clean" if green else "unstable"


def review(world: World, repository: Repository, record: Pull, given: Review) -> Json:
    address = api(world, repository, f"/pulls/{record.number}")
    html = page(world, repository, f"/pull/{record.number}#pullrequestreview-{given.id}")
    return {
        "id": given.id,
        "node_id": node_id("PullRequestReview", given.id),
        "user": simple_user(world, given.login),
        "body": given.body,
        "state": given.state,
        "html_url": html,
        "pull_request_url": address,
        "_links": {"html": {"href": html}, "pull_request": {"href": address}},
        "submitted_at": given.submitted_at,
        "commit_id": given.commit_id,
        "author_association": association(repository, given.login),
    }


def _side(world: World, repository: Repository, ref: str, sha: str) -> Json:
    return {
        "label": f"{repository.owner}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": simple_user(world, repository.owner),
        "repo": repository_shape(world, repository),
    }
