"""Events as webhooks and GITHUB_EVENT_PATH carry them, and the list that tests read.

One event is {"name", "repository", "actor", "ref", "sha", "starts_workflows", "runs", "payload"}: `ref` and `sha` are
what a workflow started by it would have as GITHUB_REF and GITHUB_SHA, `runs` the numbers of the runs that it made.
"""

from tests.parts.github.answers.people import email, page, simple_user
from tests.parts.github.answers.pulls import pull, review
from tests.parts.github.answers.repositories import repository as repository_shape
from tests.parts.github.changes import EMPTY_TREE, changed_files
from tests.parts.github.starting import start
from tests.parts.github.world import DEFAULT_TOKEN, Json, Pull, Repository, Review, WorkflowRun, World

ZEROS = "0" * 40
_DISPATCHES = ("workflow_dispatch", "repository_dispatch")


def record(world: World, repository: Repository, name: str, login: str, ref: str, sha: str, payload: Json) -> Json:
    """Append an event. What the default token does starts workflows only by dispatch; a conflict, none."""
    conflicts = name == "pull_request" and payload["pull_request"]["mergeable"] is False
    starts = not conflicts and (login != DEFAULT_TOKEN or name in _DISPATCHES)
    common = {
        "repository": repository_shape(world, repository),
        "sender": simple_user(world, login),
    }
    event = {
        "name": name,
        "repository": repository.full_name,
        "actor": login,
        "ref": ref,
        "sha": sha,
        "starts_workflows": starts,
        "payload": payload | common,
    }
    event["runs"] = [] if conflicts else start(world, repository, event)
    world.events.append(event)
    return event


def pushed(world: World, repository: Repository, login: str, ref: str, before: str, after: str) -> None:
    """A branch or a tag came, moved or went."""
    git = repository.git
    commits: list[Json] = []
    tip = git.resolve(after) if after != ZEROS else None
    if tip:
        selection = [f"{before}..{tip}"] if before != ZEROS else [tip, "--not", *_others(repository, ref)]
        commits = [
            _pushed_commit(world, repository, commit.sha) for commit in git.commits("-20", "--reverse", *selection)
        ]
    payload: Json = {
        "ref": ref,
        "before": before,
        "after": after,
        "created": before == ZEROS,
        "deleted": after == ZEROS,
        "forced": ZEROS not in (before, after) and not git.is_ancestor(before, after),
        "base_ref": None,
        "compare": page(world, repository, f"/compare/{before[:12]}...{after[:12]}"),
        "commits": commits,
        "head_commit": _pushed_commit(world, repository, tip) if tip else None,
        "pusher": {"name": login, "email": email(login)},
    }
    record(world, repository, "push", login, ref, after, payload)


def pull_changed(
    world: World, repository: Repository, login: str, subject: Pull, action: str, changes: Json | None = None
) -> None:
    """A pull request was opened, synchronized, edited, closed or opened again."""
    shown = pull(world, repository, subject) | {"mergeable": subject.mergeable}
    payload: Json = {"action": action, "number": subject.number, "pull_request": shown}
    if changes is not None:
        payload["changes"] = changes
    ref = f"refs/pull/{subject.number}/merge" if subject.issue.state == "open" else f"refs/heads/{subject.base_ref}"
    record(world, repository, "pull_request", login, ref, subject.merge_commit_sha or subject.head_sha, payload)


def pull_reviewed(world: World, repository: Repository, login: str, subject: Pull, given: Review) -> None:
    shown = review(world, repository, subject, given)
    payload = {"action": "submitted", "review": shown, "pull_request": pull(world, repository, subject)}
    ref = f"refs/pull/{subject.number}/merge"
    record(
        world,
        repository,
        "pull_request_review",
        login,
        ref,
        subject.merge_commit_sha or subject.head_sha,
        payload,
    )


def queued(world: World, repository: Repository, login: str, ref: str, sha: str, base: tuple[str, str]) -> None:
    """The merge queue made `sha` at `ref`, of what it will merge into `base` (ref, commit), and asks for checks."""
    commit = repository.git.commit(sha)
    group = {
        "head_sha": sha,
        "head_ref": ref,
        "base_ref": base[0],
        "base_sha": base[1],
        "head_commit": {"id": sha, "tree_id": commit.tree, "message": commit.message},
    }
    record(world, repository, "merge_group", login, ref, sha, {"action": "checks_requested", "merge_group": group})


def workflow_dispatched(world: World, repository: Repository, run: WorkflowRun) -> None:
    payload: Json = {"inputs": run.inputs, "ref": run.ref, "workflow": run.path}
    record(world, repository, "workflow_dispatch", run.login, run.ref, run.sha, payload)["runs"].append(run.id)


def repository_dispatched(world: World, repository: Repository, login: str, kind: str, client_payload: Json) -> None:
    branch = repository.default_branch
    sha = repository.git.resolve(f"refs/heads/{branch}") or ZEROS
    payload: Json = {"action": kind, "branch": branch, "client_payload": client_payload}
    record(world, repository, "repository_dispatch", login, f"refs/heads/{branch}", sha, payload)


def _others(repository: Repository, ref: str) -> list[str]:
    return [sha for name, sha in repository.known_refs.items() if name != ref and name.startswith("refs/heads/")]


def _pushed_commit(world: World, repository: Repository, sha: str) -> Json:
    commit = repository.git.commit(sha)
    changes = changed_files(repository.git, commit.parents[0] if commit.parents else EMPTY_TREE, sha)
    return {
        "id": sha,
        "tree_id": commit.tree,
        "distinct": True,
        "message": commit.message,
        "timestamp": commit.committer.date,
        "url": page(world, repository, f"/commit/{sha}"),
        "author": {"name": commit.author.name, "email": commit.author.email},
        "committer": {"name": commit.committer.name, "email": commit.committer.email},
        "added": [c.path for c in changes if c.status in ("added", "copied", "renamed")],
        "removed": [c.path for c in changes if c.status == "removed"]
        + [c.previous for c in changes if c.status == "renamed" and c.previous],
        "modified": [c.path for c in changes if c.status in ("modified", "changed")],
    }
