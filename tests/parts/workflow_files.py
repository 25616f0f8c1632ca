"""What the tests read out of workflow and action files: which actions they use, and what a run's token may do."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

# GitHub's restricted default for a workflow that declares nothing.
_DEFAULT = {"contents": "read", "packages": "read"}
_ALL = (
    "actions",
    "checks",
    "contents",
    "deployments",
    "id-token",
    "issues",
    "packages",
    "pages",
    "pull-requests",
    "statuses",
)


def remote_uses(workflow: Path, tree: Path, others: Mapping[str, Path]) -> set[str]:
    """Every `owner/name[/path]@ref` that a run of `workflow` may use, itself or by what it uses.

    `tree` is where the workflow lies, `others` maps `owner/name@ref` to the trees of other repositories. Actions in
    folders that only a step of the run makes cannot be followed; those below `actions/` in a tree are all read.
    """
    found: set[str] = set()
    seen: set[Path] = set()
    waiting = [(workflow, tree)]
    waiting += [(path, place) for place in (tree, *others.values()) for path in place.glob("actions/*/action.y*ml")]
    while waiting:
        path, home = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        for uses in _uses(yaml.safe_load(path.read_text())):
            if uses.startswith("./"):
                waiting += [(place, home) for place in _places(home / uses)]
            elif not uses.startswith("docker:"):
                found.add(uses)
                other = others.get(repository_and_ref(uses))
                if other is not None:
                    inside = "/".join(uses.partition("@")[0].split("/")[2:])
                    waiting += [(place, other) for place in _places(other / inside)]
    return found


def _places(target: Path) -> list[Path]:
    """The files that a `uses` of a path may mean: a workflow, or an action's folder."""
    return [target, target / "action.yml", target / "action.yaml"]


def _uses(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "uses" and isinstance(value, str):
                yield value
            else:
                yield from _uses(value)
    elif isinstance(node, list):
        for item in node:
            yield from _uses(item)


def repository_and_ref(uses: str) -> str:
    """`owner/name@ref` of a `uses` that may name a folder or a workflow inside the repository."""
    target, _, ref = uses.partition("@")
    return f"{'/'.join(target.split('/')[:2])}@{ref}"


def granted_permissions(workflow: Path) -> dict[str, str]:
    """What GITHUB_TOKEN may do in a run: the most that any job of the workflow declares.

    GitHub gives each job a token of its own; act gives one to all. So a right that one job declares is not refused
    to the others here: what each job may do is held by the static tests of the workflow files.
    """
    document: dict[Any, Any] = yaml.safe_load(workflow.read_text())
    common = document.get("permissions", _DEFAULT)
    result: dict[str, str] = {}
    for job in document["jobs"].values():
        for scope, level in _scopes(job.get("permissions", common)).items():
            if result.get(scope) != "write":
                result[scope] = level
    return {scope: level for scope, level in result.items() if level != "none"}


def _scopes(declared: Any) -> dict[str, str]:
    if isinstance(declared, str):
        return dict.fromkeys(_ALL, declared.removesuffix("-all"))
    return dict(declared or {})
