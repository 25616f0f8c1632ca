"""Commit statuses and check runs."""

from tests.parts.github.answers.people import api, app, node_id, page, simple_user
from tests.parts.github.answers.repositories import minimal_repository
from tests.parts.github.world import CheckRun, Json, Repository, Status, World


def status(world: World, repository: Repository, record: Status) -> Json:
    return _simple_status(world, repository, record) | {"creator": simple_user(world, record.login)}


def combined_status(world: World, repository: Repository, sha: str, latest: list[Status], shown: list[Status]) -> Json:
    """All contexts of a commit as one: `latest` decides the state, `shown` is the asked page of it."""
    states = {record.state for record in latest}
    worst = (
        "failure" if states & {"error", "failure"} else "pending" if "pending" in states or not states else "success"
    )
    return {
        "state": worst,
        "statuses": [_simple_status(world, repository, record) for record in shown],
        "sha": sha,
        "total_count": len(latest),
        "repository": minimal_repository(world, repository),
        "commit_url": api(world, repository, f"/commits/{sha}"),
        "url": api(world, repository, f"/commits/{sha}/status"),
    }


def _simple_status(world: World, repository: Repository, record: Status) -> Json:
    return {
        "url": api(world, repository, f"/statuses/{record.sha}"),
        "avatar_url": simple_user(world, record.login)["avatar_url"],
        "id": record.id,
        "node_id": node_id("StatusContext", record.id),
        "state": record.state,
        "description": record.description,
        "target_url": record.target_url,
        "context": record.context,
        "created_at": record.created_at,
        "updated_at": record.created_at,
    }


def check_run(world: World, repository: Repository, record: CheckRun) -> Json:
    address = api(world, repository, f"/check-runs/{record.id}")
    return {
        "id": record.id,
        "head_sha": record.head_sha,
        "node_id": node_id("CheckRun", record.id),
        "external_id": record.external_id,
        "url": address,
        "html_url": page(world, repository, f"/runs/{record.id}"),
        "details_url": record.details_url or page(world, repository, f"/runs/{record.id}"),
        "status": record.status,
        "conclusion": record.conclusion,
        "started_at": record.started_at,
        "completed_at": record.completed_at,
        "output": {
            "title": record.title,
            "summary": record.summary,
            "text": record.text,
            "annotations_count": len(record.annotations),
            "annotations_url": f"{address}/annotations",
        },
        "name": record.name,
        "check_suite": {"id": repository.id * 1000},
        "app": app(world, record.login),
        "pull_requests": [
            _minimal_pull(world, repository, number)
            for number, pull in repository.pulls.items()
            if pull.head_sha == record.head_sha and pull.issue.state == "open"
        ],
    }


def annotation(world: World, repository: Repository, record: CheckRun, given: Json) -> Json:
    return {
        "path": given["path"],
        "start_line": given["start_line"],
        "end_line": given["end_line"],
        "start_column": given.get("start_column"),
        "end_column": given.get("end_column"),
        "annotation_level": given["annotation_level"],
        "title": given.get("title"),
        "message": given["message"],
        "raw_details": given.get("raw_details"),
        "blob_href": page(world, repository, f"/blob/{record.head_sha}/{given['path']}"),
    }


def _minimal_pull(world: World, repository: Repository, number: int) -> Json:
    pull = repository.pulls[number]

    def side(ref: str, sha: str, owner: Repository) -> Json:
        return {
            "ref": ref,
            "sha": sha,
            "repo": {"id": owner.id, "url": api(world, owner), "name": owner.name},
        }

    return {
        "id": pull.id,
        "number": number,
        "url": api(world, repository, f"/pulls/{number}"),
        "head": side(pull.head_ref, pull.head_sha, world.repositories[pull.head_repository]),
        "base": side(pull.base_ref, pull.base_sha, repository),
    }
