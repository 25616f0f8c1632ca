"""A repository: as part of another object, and whole."""

from tests.parts.github.answers.people import api, node_id, page, simple_user
from tests.parts.github.world import Json, Repository, World, now

_PLAIN = (
    "contributors deployments downloads events forks hooks languages merges stargazers subscribers subscription tags"
)
_TEMPLATES = {
    "archive": "/{archive_format}{/ref}",
    "assignees": "/assignees{/user}",
    "blobs": "/git/blobs{/sha}",
    "branches": "/branches{/branch}",
    "collaborators": "/collaborators{/collaborator}",
    "comments": "/comments{/number}",
    "commits": "/commits{/sha}",
    "compare": "/compare/{base}...{head}",
    "contents": "/contents/{+path}",
    "git_commits": "/git/commits{/sha}",
    "git_refs": "/git/refs{/sha}",
    "git_tags": "/git/tags{/sha}",
    "issue_comment": "/issues/comments{/number}",
    "issue_events": "/issues/events{/number}",
    "issues": "/issues{/number}",
    "keys": "/keys{/key_id}",
    "labels": "/labels{/name}",
    "milestones": "/milestones{/number}",
    "notifications": "/notifications{?since,all,participating}",
    "pulls": "/pulls{/number}",
    "releases": "/releases{/id}",
    "statuses": "/statuses/{sha}",
    "teams": "/teams",
    "trees": "/git/trees{/sha}",
}


def minimal_repository(world: World, repository: Repository) -> Json:
    base = api(world, repository)
    return {
        "id": repository.id,
        "node_id": node_id("Repository", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "owner": simple_user(world, repository.owner),
        "private": repository.private,
        "html_url": page(world, repository),
        "description": None,
        "fork": repository.fork_of is not None,
        "url": base,
        **{f"{name}_url": f"{base}/{name}" for name in _PLAIN.split()},
        **{f"{name}_url": base + tail for name, tail in _TEMPLATES.items()},
    }


def repository(world: World, repository: Repository) -> Json:
    """The repository inside a pull request or an event."""
    clone = page(world, repository, ".git")
    return minimal_repository(world, repository) | {
        "git_url": clone.replace("http:", "git:"),
        "ssh_url": f"git@127.0.0.1:{repository.full_name}.git",
        "clone_url": clone,
        "svn_url": page(world, repository),
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "license": None,
        "forks_count": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "size": 0,
        "default_branch": repository.default_branch,
        "open_issues_count": _open_issues(repository),
        "has_issues": True,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": False,
        "has_discussions": False,
        "archived": False,
        "disabled": False,
        "visibility": "private" if repository.private else "public",
        "pushed_at": now(),
        "created_at": repository.created_at,
        "updated_at": now(),
        "forks": 0,
        "open_issues": _open_issues(repository),
        "watchers": 0,
    }


def full_repository(world: World, record: Repository, pushes: bool) -> Json:
    """The repository asked for by name; `pushes` is whether the one who asks may push."""
    seen_by_writers = {"allow_auto_merge": record.allow_auto_merge} if pushes else {}
    return (
        repository(world, record)
        | seen_by_writers
        | {
            "subscribers_count": 0,
            "network_count": 0,
            "allow_merge_commit": "merge" in record.merge_methods,
            "allow_squash_merge": "squash" in record.merge_methods,
            "allow_rebase_merge": "rebase" in record.merge_methods,
            "permissions": {"admin": False, "push": pushes, "pull": True},
        }
    )


def _open_issues(repository: Repository) -> int:
    return sum(issue.state == "open" for issue in repository.issues.values())
