"""What a team's repository needs on GitHub: short callers of Modelbook's own workflows, which they pin by commit, and
who must approve what.

What signs is a reusable workflow of Modelbook, so that a keyless certificate names it, and not the file of a team.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import click

from modelbook.adapters.registry_folder import FOLDER as REGISTRY
from modelbook.core.doctor.code_owners import PLACES, is_owner
from modelbook.core.doctor.workflow_files import FOLDER

_PIN = re.compile(r"(?P<repository>[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100})@(?P<commit>[0-9a-f]{40})")
GUIDE = "docs/model-registry.md"
"""What the team reads; the registry's own folder holds nothing that nobody checks."""

_CALLED = r"/\.github/workflows/[a-z]+\.yml|/actions/[a-z-]+"
_USES = re.compile(rf"(?m)^(    uses: )[^/\s]+/[^/\s]+({_CALLED})@[0-9a-f]{{40}}$")


TEMPLATES = "src/modelbook/templates/github/workflows"
"""Where the callers lie in a repository of Modelbook."""


def own_templates() -> dict[str, bytes]:
    """The callers that this modelbook writes, by path."""
    folder = files("modelbook") / "templates" / "github" / "workflows"
    return {f"{TEMPLATES}/{one.name}": one.read_bytes() for one in folder.iterdir() if one.is_file()}


@dataclass(frozen=True)
class Pin:
    """A repository of Modelbook, `owner/name`, at a commit of 40 hex digits."""

    repository: str
    commit: str


def read_pin(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Pin | None:
    """Callback of an option OWNER/modelbook@COMMIT. A branch or a tag moves: others could sign for the team."""
    found = _PIN.fullmatch(text or "")
    if found is None and text is not None:
        raise click.BadParameter(f"{text!r} is not OWNER/modelbook@COMMIT, with the 40 hex digits of a commit")
    return Pin(**found.groupdict()) if found else None


def read_owners(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Callback of an option that names code owners: people, teams or mail addresses."""
    if wrong := [one for one in given if not is_owner(one)]:
        raise click.BadParameter(f"{wrong[0]!r} is none of @person, @organisation/team and a mail address")
    return given


@dataclass(frozen=True)
class Planned:
    """What is to be written, bytes by path from the repository's root; and what a person has changed or has already.

    Of what a person has changed nothing is written but the pins.
    """

    contents: Mapping[str, bytes]
    kept: tuple[str, ...] = ()

    def __add__(self, other: "Planned") -> "Planned":
        return Planned({**self.contents, **other.contents}, self.kept + other.kept)


def plan_workflows(root: Path, pin: Pin, branch: str, folder: str, owners: Sequence[str]) -> Planned:
    """What GitHub needs below `root`: callers pinned to `pin`, code owners, the branch's rules, Dependabot, a guide.

    `branch` is the default branch, `folder` the registry's; without `owners` no CODEOWNERS is planned. Again with
    another commit, it moves the pins of all workflows.
    """
    wanted = dict(_contents(pin, branch, folder, owners))
    found, kept = {}, []
    for path, text in wanted.items():
        target = root / path
        if path == PLACES[0] and (others := [place for place in PLACES if (root / place).exists()]):
            target = root / others[0]  # one more in a place that GitHub looks at first would put it out of force
        if not target.exists():
            found[path] = text
        elif _without_pins(target.read_text()) != _without_pins(text):
            kept.append(target.relative_to(root).as_posix())
    for workflow in sorted((root / FOLDER).glob("*.y*ml")):
        text = workflow.read_text()
        if (moved := _moved(text, pin)) != text:
            found[workflow.relative_to(root).as_posix()] = moved
    return Planned({path: text.encode() for path, text in found.items()}, tuple(kept))


def _contents(pin: Pin, branch: str, folder: str, owners: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Path and text of every file. The templates are workflows themselves, of a commit that nobody has."""
    templates = files("modelbook") / "templates"
    for inside in ("", "workflows/"):
        for template in sorted((templates / "github" / inside).iterdir(), key=lambda each: each.name):
            if template.is_file() and (owners or template.name != "CODEOWNERS"):
                text = template.read_text()
                for old, new in _filled(branch, folder, owners):
                    text = text.replace(old, new)
                yield f".github/{inside}{template.name}", _USES.sub(rf"\g<1>{_called(pin)}", text)
    guide = (templates / GUIDE.rpartition("/")[2]).read_text()
    yield GUIDE, guide.replace("OWNER/modelbook", pin.repository).replace("REGISTRY/", f"{folder}/")


def _filled(branch: str, folder: str, owners: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield "branches: [main]", f"branches: [{json.dumps(branch)}]"
    yield "@OWNER", " ".join(owners)
    if folder != REGISTRY:
        yield "/registry/ ", f"/{folder}/ "
        yield 'paths: ["registry/', f'paths: ["{json.dumps(folder)[1:-1]}/'
        yield "    with:\n", f"    with:\n      registry: {json.dumps(folder)}\n"


def _called(pin: Pin) -> str:
    return rf"{pin.repository}\g<2>@{pin.commit}"


def _moved(text: str, pin: Pin) -> str:
    """A workflow with every pin of a Modelbook, this one or a fork of its name, moved to `pin`."""
    name = re.escape(pin.repository.partition("/")[2])
    return re.sub(
        rf"(?m)^(\s+(?:- )?uses: )[A-Za-z0-9-]+/{name}({_CALLED})@[0-9a-f]{{40}}\b", rf"\g<1>{_called(pin)}", text
    )


def _without_pins(text: str) -> str:
    return _USES.sub(r"\1\2", text)
