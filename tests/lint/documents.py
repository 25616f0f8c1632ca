"""Reads workflow and composite action files as the rules want them: plain data, every scalar a string.

The YAML loader without types keeps `on` a key (not the boolean true) and `false` the word that was written.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW_DIRECTORY = ".github/workflows"
PATTERNS = (f"{WORKFLOW_DIRECTORY}/*.yml", f"{WORKFLOW_DIRECTORY}/*.yaml", "actions/*/action.yml")

ACTION_VERB = re.compile(r"(?:^|/)actions/([a-z-]+)(?:@|/?$)")
COMMAND_VERB = re.compile(r"\bmodelbook\s+(?:--?\S+\s+)*([a-z-]+)")


@dataclass(frozen=True)
class Document:
    """One workflow or action file; `path` is relative to the repository, with forward slashes."""

    path: str
    text: str

    @cached_property
    def data(self) -> dict[str, Any]:
        """The file's mapping; every scalar is a string."""
        loaded = yaml.load(self.text, Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader makes no objects
        return loaded if isinstance(loaded, dict) else {}

    @property
    def is_workflow(self) -> bool:
        return self.path.startswith(WORKFLOW_DIRECTORY)

    @property
    def triggers(self) -> set[str]:
        """The names of the events under `on`, in whichever of the three ways it is written."""
        on = self.data.get("on", [])
        return {on} if isinstance(on, str) else set(on)

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        jobs: dict[str, dict[str, Any]] = self.data.get("jobs") or {}
        return jobs

    @property
    def steps(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every step with the words that say where it stands, of a workflow or of a composite action."""
        for name, job in self.jobs.items():
            yield from steps_of(f"job {name}", job)
        yield from steps_of("runs", self.data.get("runs") or {})

    @property
    def uses(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every job or step that calls another file by `uses:`."""
        for name, job in self.jobs.items():
            if "uses" in job:
                yield f"job {name}", job
        yield from ((where, step) for where, step in self.steps if "uses" in step)


Tree = Mapping[str, Document]


def steps_of(where: str, holder: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, step in enumerate(holder.get("steps") or [], start=1):
        yield f"{where}, step {number}", step


def read_tree(root: Path = ROOT) -> dict[str, Document]:
    """Path → document, for every workflow and action of the repository at `root`."""
    found = sorted(path for pattern in PATTERNS for path in root.glob(pattern))
    names = [path.relative_to(root).as_posix() for path in found]
    return {name: Document(name, path.read_text()) for name, path in zip(names, found, strict=True)}


def local_target(uses: str, tree: Tree) -> Document | None:
    """The file of this repository that `$/…` or `./…` names, or None where there is no such file."""
    name = uses.removeprefix("$/").removeprefix("./").rstrip("/")
    return tree.get(name) or tree.get(f"{name}/action.yml")


def verbs(job: Mapping[str, Any]) -> set[str]:
    """The modelbook verbs that a job carries out, by an action or by the command.

    `evaluate` with a measurement that another job made runs nothing that was trained: it is called `record`.
    """
    steps = [step for _, step in steps_of("", job)]
    by_action = {
        "record" if found in {"evaluate", "reproduce"} and "measurement" in (step.get("with") or {}) else found
        for step in steps
        for found in ACTION_VERB.findall(step.get("uses", ""))
    }
    by_command = {found for step in steps for found in COMMAND_VERB.findall(step.get("run", ""))}
    return by_action | by_command


def permissions(tree: Tree) -> dict[str, dict[str, Any]]:
    """Workflow path → job → its permissions, as the snapshot file holds them."""
    return {
        path: {name: job.get("permissions") for name, job in document.jobs.items()}
        for path, document in tree.items()
        if document.is_workflow
    }


def mappings(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a document, itself included."""
    if isinstance(node, dict):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from mappings(each)
