"""What leaves the repository: workflow runs, releases, deployments."""

import zlib

from tests.parts.github.answers.people import api, node_id, page, simple_user
from tests.parts.github.answers.repositories import minimal_repository
from tests.parts.github.world import (
    Deployment,
    DeploymentStatus,
    Json,
    Release,
    Repository,
    WorkflowRun,
    World,
)


def workflow(world: World, repository: Repository, path: str, name: str) -> Json:
    number = zlib.crc32(path.encode())
    return {
        "id": number,
        "node_id": node_id("Workflow", number),
        "name": name,
        "path": path,
        "state": "active",
        "created_at": repository.created_at,
        "updated_at": repository.created_at,
        "url": api(world, repository, f"/actions/workflows/{number}"),
        "html_url": page(world, repository, f"/blob/{repository.default_branch}/{path}"),
        "badge_url": page(world, repository, f"/workflows/{name}/badge.svg"),
    }


def workflow_run(world: World, repository: Repository, record: WorkflowRun) -> Json:
    address = api(world, repository, f"/actions/runs/{record.id}")
    commit = repository.git.commit(record.sha)
    return {
        "id": record.id,
        "name": record.path,
        "node_id": node_id("WorkflowRun", record.id),
        "head_branch": record.ref.removeprefix("refs/heads/"),
        "head_sha": record.sha,
        "path": record.path,
        "run_number": record.number,
        "run_attempt": 1,
        "event": record.event,
        "status": record.status,
        "conclusion": record.conclusion,
        "workflow_id": zlib.crc32(record.path.encode()),
        "url": address,
        "html_url": page(world, repository, f"/actions/runs/{record.id}"),
        "pull_requests": [],
        "created_at": record.created_at,
        "updated_at": record.created_at,
        "actor": simple_user(world, record.login),
        "triggering_actor": simple_user(world, record.login),
        "jobs_url": f"{address}/jobs",
        "logs_url": f"{address}/logs",
        "check_suite_url": api(world, repository, f"/check-suites/{record.id}"),
        "artifacts_url": f"{address}/artifacts",
        "cancel_url": f"{address}/cancel",
        "rerun_url": f"{address}/rerun",
        "workflow_url": api(world, repository, f"/actions/workflows/{zlib.crc32(record.path.encode())}"),
        "head_commit": {
            "id": commit.sha,
            "tree_id": commit.tree,
            "message": commit.message,
            "timestamp": commit.committer.date,
            "author": {"name": commit.author.name, "email": commit.author.email},
            "committer": {"name": commit.committer.name, "email": commit.committer.email},
        },
        "repository": minimal_repository(world, repository),
        "head_repository": minimal_repository(world, repository),
        "display_title": record.title,
    }


def release(world: World, repository: Repository, record: Release) -> Json:
    address = api(world, repository, f"/releases/{record.id}")
    return {
        "url": address,
        "html_url": page(world, repository, f"/releases/tag/{record.tag_name}"),
        "assets_url": f"{address}/assets",
        "upload_url": f"{address}/assets{{?name,label}}",
        "tarball_url": api(world, repository, f"/tarball/{record.tag_name}"),
        "zipball_url": api(world, repository, f"/zipball/{record.tag_name}"),
        "id": record.id,
        "node_id": node_id("Release", record.id),
        "tag_name": record.tag_name,
        "target_commitish": record.target,
        "name": record.name,
        "body": record.body,
        "draft": record.draft,
        "prerelease": record.prerelease,
        "created_at": record.created_at,
        "published_at": None if record.draft else record.created_at,
        "author": simple_user(world, record.login),
        "assets": [],
    }


def deployment(world: World, repository: Repository, record: Deployment) -> Json:
    address = api(world, repository, f"/deployments/{record.id}")
    return {
        "url": address,
        "id": record.id,
        "node_id": node_id("Deployment", record.id),
        "sha": record.sha,
        "ref": record.ref,
        "task": record.task,
        "payload": record.payload,
        "environment": record.environment,
        "original_environment": record.environment,
        "description": record.description,
        "creator": simple_user(world, record.login),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "statuses_url": f"{address}/statuses",
        "repository_url": api(world, repository),
        "production_environment": record.production,
        "transient_environment": record.transient,
    }


def deployment_status(world: World, repository: Repository, of: Deployment, record: DeploymentStatus) -> Json:
    address = api(world, repository, f"/deployments/{of.id}")
    return {
        "url": f"{address}/statuses/{record.id}",
        "id": record.id,
        "node_id": node_id("DeploymentStatus", record.id),
        "state": record.state,
        "creator": simple_user(world, record.login),
        "description": record.description,
        "environment": record.environment,
        "target_url": record.log_url,
        "created_at": record.created_at,
        "updated_at": record.created_at,
        "deployment_url": address,
        "repository_url": api(world, repository),
        "environment_url": record.environment_url,
        "log_url": record.log_url,
    }
