"""Which workflows an event starts: as GitHub, read from the files of the very commit, by their triggers and filters.

Nobody runs them here: a test runs the queued ones, and says how they ended. Dispatches name their workflow: see
`endpoints.workflows`.
"""

import re
from functools import lru_cache
from typing import Any

import yaml

from tests.parts.github.bare import BareRepository
from tests.parts.github.changes import EMPTY_TREE, changed_files
from tests.parts.github.world import DEFAULT_TOKEN, Json, Repository, WorkflowRun, World, now

FOLDER = ".github/workflows"
_TYPES = ("opened", "synchronize", "reopened")  # of pull requests, where a workflow names none
_FILTERS = {
    "push": {"branches", "paths"},
    "pull_request": {"branches", "paths", "types"},
    "merge_group": {"branches", "types"},
}


def start(world: World, repository: Repository, event: Json) -> list[int]:
    """Make the runs that an event of a push, a pull request or a merge queue starts; gives their numbers.

    What the default token does starts none, save that those of its pull requests are there, and wait for a person who
    approves them: `action_required`.
    """
    name, login = event["name"], event["actor"]
    if name not in _FILTERS or (login == DEFAULT_TOKEN and name == "push") or event["sha"].strip("0") == "":
        return []
    made = []
    for path, document in workflows(repository.git, event["sha"]):
        if _wants(triggers(document), repository.git, event):
            title = str(document.get("name", path))
            run = make_run(world, repository, login, path, name, event["ref"], event["sha"], {}, title)
            if login == DEFAULT_TOKEN:
                run.status, run.conclusion = "completed", "action_required"
            made.append(run.id)
    return made


def make_run(
    world: World,
    repository: Repository,
    login: str,
    path: str,
    event: str,
    ref: str,
    sha: str,
    inputs: Json,
    title: str,
) -> WorkflowRun:
    """Queue the next run of a workflow."""
    number = 1 + sum(run.path == path for run in repository.runs.values())
    run = WorkflowRun(world.next_id(), number, login, path, event, ref, sha, inputs, title, now())
    repository.runs[run.id] = run
    return run


def workflows(git: BareRepository, commit: str) -> list[tuple[str, Json]]:
    """(path, document) of each workflow file of a commit."""
    folder = git.entry(commit, FOLDER)
    entries = git.entries(folder.sha) if folder else []
    return [
        (f"{FOLDER}/{entry.path}", _document(git, entry.sha)) for entry in entries if re.search(r"\.ya?ml$", entry.path)
    ]


def triggers(document: Json) -> Json:
    """What starts a workflow: an event's name, and its filters."""
    found: Any = document.get("on", dict[Any, Any](document).get(True))  # YAML 1.1: `on` is true
    if isinstance(found, dict):
        return {name: filters or {} for name, filters in found.items()}
    return {name: {} for name in ([found] if isinstance(found, str) else found or [])}


def _wants(declared: Json, git: BareRepository, event: Json) -> bool:
    name, payload = event["name"], event["payload"]
    if name not in declared:
        return False
    filters = declared[name]
    if unknown := filters.keys() - _FILTERS[name]:
        raise NotImplementedError(f"the tests' GitHub knows no filter {min(unknown)} of {name}")
    if name == "push":
        branch, old, new = event["ref"].removeprefix("refs/heads/"), payload["before"], payload["after"]
        if event["ref"].startswith("refs/tags/"):
            return not filters
    elif name == "merge_group":
        branch, old, new = payload["merge_group"]["base_ref"].removeprefix("refs/heads/"), "", event["sha"]
    else:
        pull = payload["pull_request"]
        branch, old, new = pull["base"]["ref"], pull["base"]["sha"], event["sha"]
        if payload["action"] not in filters.get("types", _TYPES):
            return False
    if "branches" in filters and not matches(filters["branches"], branch):
        return False
    if "paths" not in filters:
        return True
    changes = changed_files(git, old if old.strip("0") else EMPTY_TREE, new)
    return any(matches(filters["paths"], change.path) for change in changes)


def matches(patterns: list[str], name: str) -> bool:
    """Whether a list of patterns lets a branch or a path through: of those that fit the last decides, and `!` is no."""
    found = False
    for pattern in patterns:
        if re.fullmatch(_expression(pattern.removeprefix("!")), name):
            found = not pattern.startswith("!")
    return found


def _expression(pattern: str) -> str:
    """`*` stands for anything but a slash, `**` for anything at all."""
    parts = re.split(r"(\*\*/?|\*)", pattern)
    return "".join({"*": "[^/]*", "**": ".*", "**/": "(?:.*/)?"}.get(part, re.escape(part)) for part in parts)


def _document(git: BareRepository, sha: str) -> Json:
    document = _parsed(git.blob(sha))
    return document if isinstance(document, dict) else {}


@lru_cache(maxsize=256)
def _parsed(content: bytes) -> Any:
    """A file as data; it is asked for with each event, and libyaml is ten times as quick."""
    return yaml.load(content, Loader=yaml.CSafeLoader)
