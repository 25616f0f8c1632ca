"""What the tests read out of workflow and action files: which actions they use, and what a run's token may do."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

# GitHub's restricted default for a workflow that declares nothing.
_DEFAULT = {"contents": "read", "packages": "read"}
_LEVELS = {None: 0, "none": 0, "read": 1, "write": 2}
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
        for uses in _uses(_read(path)):
            if uses.startswith("./"):
                waiting += [(place, home) for place in _places(home / uses)]
            elif not uses.startswith("docker:"):
                found.add(uses)
                other = others.get(repository_and_ref(uses))
                if other is not None:
                    waiting += [(place, other) for place in _places(other / _inside(uses))]
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


def _inside(uses: str) -> str:
    """The path in its repository that a `uses` names."""
    return "/".join(uses.partition("@")[0].split("/")[2:])


def repository_and_ref(uses: str) -> str:
    """`owner/name@ref` of a `uses` that may name a folder or a workflow inside the repository."""
    target, _, ref = uses.partition("@")
    return f"{'/'.join(target.split('/')[:2])}@{ref}"


def resolve_self(tree: Path, repository: str, commit: str) -> None:
    """Write into the workflows and actions of a throwaway tree what the runner reads out of them, and act does not.

    `$/x` is x of the repository and at the commit that hold the very file it stands in; `job.workflow_repository` and
    `job.workflow_sha` name these two (actions/runner 2.336, `ResolveSelfRepositoryReferences`; nektos/act issue 6189).
    """
    for path in (*tree.glob(".github/workflows/*.y*ml"), *tree.glob("actions/*/action.y*ml")):
        text = re.sub(r"(\buses:\s*)\$/([^\s,}]+)", rf"\g<1>{repository}/\g<2>@{commit}", path.read_text())
        text = text.replace("job.workflow_repository", f"'{repository}'").replace("job.workflow_sha", f"'{commit}'")
        path.write_text(text)


def give_identities(tree: Path, repository: str, ref: str, variables: Mapping[str, str]) -> None:
    """Give the jobs with `id-token: write`, in a throwaway tree, what they ask for their identity with, and no other.

    GitHub gives each job its own variables; act gives one set to all. `variables` may hold `@WORKFLOW@`, which becomes
    the file that the job stands in, as its token names it.
    """
    for path in tree.glob(".github/workflows/*.y*ml"):
        document = _read(path)
        common = document.get("permissions", _DEFAULT)
        named = quote(f"{repository}/{path.relative_to(tree).as_posix()}@{ref}")
        given = {name: value.replace("@WORKFLOW@", named) for name, value in variables.items()}
        jobs = [job for job in document["jobs"].values() if "steps" in job]
        told = [job for job in jobs if _scopes(job.get("permissions", common)).get("id-token") == "write"]
        for job in told:
            job["env"] = given | (job.get("env") or {})
        if told:
            # YAML 1.1 reads the key `on` as true.
            text = {"on" if key is True else key: value for key, value in document.items()}
            path.write_text(yaml.safe_dump(text, sort_keys=False))


def granted_permissions(workflow: Path, tree: Path, others: Mapping[str, Path]) -> dict[str, str]:
    """What GITHUB_TOKEN may do in a run: the most that any job of the workflow declares, and of those that it calls.

    GitHub gives each job a token of its own; act gives one to all. So a right that one job declares is not refused
    to the others here: what each job may do is held by the static tests of the workflow files. As on GitHub, a called
    workflow whose job asks for more than the calling job has is refused before anything runs.
    """
    document = _read(workflow)
    common = document.get("permissions", _DEFAULT)
    result: dict[str, str] = {}
    for name, job in document["jobs"].items():
        granted = _scopes(job.get("permissions", common))
        called = _called(job.get("uses", ""), tree, others)
        wanted = granted_permissions(*called, others) if called else {}
        excess = {scope: level for scope, level in wanted.items() if _LEVELS[granted.get(scope)] < _LEVELS[level]}
        if excess:
            raise PermissionError(f"job {name} may not give {excess} to {job['uses']}")
        for scope, level in granted.items():
            if result.get(scope) != "write":
                result[scope] = level
    return {scope: level for scope, level in result.items() if level != "none"}


def _called(uses: str, tree: Path, others: Mapping[str, Path]) -> tuple[Path, Path] | None:
    """The file of a called workflow, and the tree it lies in."""
    if uses.startswith("./"):
        return tree / uses, tree
    name = repository_and_ref(uses)
    return (others[name] / _inside(uses), others[name]) if uses else None


def _read(path: Path) -> dict[Any, Any]:
    """A workflow or an action. A run reads some thirty of them, and libyaml is ten times as quick."""
    loaded: dict[Any, Any] = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    return loaded


def _scopes(declared: Any) -> dict[str, str]:
    if isinstance(declared, str):
        return dict.fromkeys(_ALL, declared.removesuffix("-all"))
    return dict(declared or {})
