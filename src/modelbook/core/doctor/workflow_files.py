"""What the workflow files of a repository say: what they call at which commit, when they run, and what they need."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from modelbook.core import strict_yaml

FOLDER = ".github/workflows"
CALLED = (
    "train",
    "sweep",
    "register",
    "evaluate",
    "reproduce",
    "verify",
    "promote",
    "rollback",
    "deploy",
    "tag",
    "retention",
    "online",
    "watch",
    "site",
)
"""The workflows of Modelbook that another repository calls."""

_USES = re.compile(r"(?m)^\s*(?:-\s+)?uses:\s*[\"']?([^\s\"'#]+)")
_CALL = re.compile(r"(?P<what>[^@]+?)/(?:\.github/workflows/(?:" + "|".join(CALLED) + r")\.yml|actions/[a-z-]+)")
_CALLED = re.compile(r"[^@\s]+/\.github/workflows/((?:" + "|".join(CALLED) + r")\.yml)@\S+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SECRET = re.compile(r"\bsecrets\.([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True)
class Use:
    """One `uses:` of a file: what, and at which ref; the ref is empty where it is a part of this repository."""

    path: str
    line: int
    what: str
    ref: str

    @property
    def pinned(self) -> bool:
        """Whether it can never be another tomorrow: a commit, a digest, or this repository's own."""
        return not self.ref or bool(_COMMIT.fullmatch(self.ref)) or self.ref.startswith("sha256:")

    @property
    def modelbook(self) -> str | None:
        """The repository of Modelbook that it calls, or None where it calls something else."""
        found = _CALL.fullmatch(self.what)
        return found["what"] if found and self.ref else None


def called_in(job: Mapping[str, Any]) -> str | None:
    """The file name of Modelbook's workflow that a job calls in another repository; None where it calls none."""
    found = _CALLED.fullmatch(str(job.get("uses", "")))
    return found[1] if found else None


@dataclass(frozen=True)
class Workflow:
    """One workflow file."""

    path: str
    text: str

    @cached_property
    def document(self) -> Mapping[str, Any] | None:
        """The file as data; None where it is not plain enough to be read here."""
        try:
            data = strict_yaml.read(self.text.encode()).data
        except strict_yaml.YamlError:
            return None
        return data if isinstance(data, dict) else None

    @property
    def triggers(self) -> frozenset[str]:
        """The events that start it."""
        named = (self.document or {}).get("on") or ()
        return frozenset([named] if isinstance(named, str) else named)

    @property
    def jobs(self) -> Mapping[str, Mapping[str, Any]]:
        """Its jobs by name."""
        jobs = (self.document or {}).get("jobs")
        found = jobs.items() if isinstance(jobs, dict) else ()
        return {name: job for name, job in found if isinstance(job, dict)}

    def uses(self) -> Iterator[Use]:
        """Every action and workflow that it uses."""
        for found in _USES.finditer(self.text):
            what, _, ref = found[1].partition("@")
            line = self.text.count("\n", 0, found.start(1)) + 1
            own = what.startswith(("./", "$/"))
            yield Use(self.path, line, what, "" if own else ref or "(none)")

    def secrets(self) -> set[str]:
        """The names of the secrets that it asks for."""
        return set(_SECRET.findall(self.text)) - {"GITHUB_TOKEN"}

    def environments(self) -> set[str]:
        """The names of the environments that its jobs are in; one that is computed cannot be told."""
        named = [job.get("environment") for job in self.jobs.values()]
        names = [each.get("name") if isinstance(each, dict) else each for each in named]
        return {name for name in names if isinstance(name, str) and "${{" not in name}
