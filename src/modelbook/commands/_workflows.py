"""The workflow files of a team's repository: short callers of Modelbook's own, which they pin by commit.

What signs is a reusable workflow of Modelbook, so that a keyless certificate names it, and not the file of a team.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import click

_PIN = re.compile(r"(?P<repository>[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100})@(?P<commit>[0-9a-f]{40})")
_USES = re.compile(r"(?m)^(    uses: )\S+(/[a-z]+\.yml)@[0-9a-f]{40}$")


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


@dataclass(frozen=True)
class Written:
    """Paths from the repository's root: what was written, and what a person has changed and so was left alone."""

    paths: tuple[str, ...]
    kept: tuple[str, ...]


def write_workflows(root: Path, pin: Pin, branch: str) -> Written:
    """Write the callers below `root`, for the default branch `branch`. Again with another commit, it moves the pins."""
    wanted = dict(_contents(pin, branch))
    present = {path: (root / path).read_text() for path in wanted if (root / path).exists()}
    kept = [path for path, text in present.items() if _without_pins(text) != _without_pins(wanted[path])]
    paths = [path for path, text in wanted.items() if path not in kept and present.get(path) != text]
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(wanted[path])
    return Written(tuple(paths), tuple(kept))


def _contents(pin: Pin, branch: str) -> Iterator[tuple[str, str]]:
    """Path and text of every file. The templates are workflows themselves, of a commit that nobody has."""
    templates = files("modelbook") / "templates" / "github"
    uses = rf"\g<1>{pin.repository}/.github/workflows\g<2>@{pin.commit}"
    for folder in ("", "workflows/"):
        for template in sorted((templates / folder).iterdir(), key=lambda each: each.name):
            if template.is_file():
                text = template.read_text().replace("branches: [main]", f"branches: [{json.dumps(branch)}]")
                yield f".github/{folder}{template.name}", _USES.sub(uses, text)


def _without_pins(text: str) -> str:
    return _USES.sub(r"\1\2", text)
