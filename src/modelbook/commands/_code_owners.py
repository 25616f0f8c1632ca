"""CODEOWNERS: whom GitHub asks to review a change. It asks by itself; nothing here does."""

import re
from pathlib import Path

import click

from modelbook.commands._workflows import Written

_OWNER = re.compile(r"@[A-Za-z0-9][A-Za-z0-9_-]{0,99}(/[A-Za-z0-9_.-]{1,100})?")
_FOLDERS = (".github", ".", "docs")
"""Where GitHub looks for the file: the first that it finds counts."""


def read_owners(_context: click.Context, _parameter: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Callback of an option @USER or @ORG/TEAM that may be given several times."""
    for name in names:
        if not _OWNER.fullmatch(name):
            raise click.BadParameter(f"{name!r} is neither @USER nor @ORG/TEAM")
    return tuple(dict.fromkeys(names))


def write_code_owners(root: Path, owners: tuple[str, ...]) -> Written:
    """Write `.github/CODEOWNERS` below `root`, unless there is one already: what a person wrote is left alone."""
    who = " ".join(owners)
    text = f"# Whom GitHub asks to review. A rule of the branch can require it.\n/registry/ {who}\n"
    text += f"/.github/ {who}\n"
    present = code_owners(root)
    if present is None:
        path = root / ".github/CODEOWNERS"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return Written((".github/CODEOWNERS",), ())
    same = present.read_text() == text
    return Written((), () if same else (present.relative_to(root).as_posix(),))


def code_owners(root: Path) -> Path | None:
    """The file that counts, of those below `root` that GitHub knows; None where there is none."""
    return next((path for folder in _FOLDERS if (path := root / folder / "CODEOWNERS").exists()), None)
