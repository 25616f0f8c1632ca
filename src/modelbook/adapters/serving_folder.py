"""The place from which a server reads a model: a link that is switched in one step, to a folder that is whole.

    PATH                  → PATH.versions/fraud-5      what serves
    PATH.previous         → PATH.versions/fraud-4      what served before: `mv -T PATH.previous PATH` goes back
    PATH.versions/fraud-5/                             the files of version 5; fraud-5.2 after the first was damaged

A folder cannot be replaced by another in one step; a link can. So a reader that opens PATH sees the old model or the
new one, at every moment.
"""

import fcntl
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelbook.adapters.file_errors import explained
from modelbook.errors import BadInput


class ServingFolder:
    """What lies at PATH, for as long as the block of `opened` lasts: one process at a time changes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.versions = path.with_name(f"{path.name}.versions")
        self.previous = path.with_name(f"{path.name}.previous")

    def place(self, name: str, holds: Callable[[Path], bool]) -> tuple[Path, bool]:
        """A folder for what is called `name`, and whether it is there already, whole, as `holds` finds it."""
        number = 1
        while True:
            folder = self.versions / (name if number == 1 else f"{name}.{number}")
            if not folder.exists():
                return folder, False
            if holds(folder):
                return folder, True
            number += 1  # damaged, and perhaps still read by a server: it is replaced, never repaired

    def serves(self, folder: Path) -> bool:
        """Whether PATH leads to this folder."""
        return _target(self.path) == folder.name

    def switch(self, folder: Path) -> None:
        """Let PATH lead to a folder of `versions`, and keep the other version before it; anything else is removed."""
        before = _target(self.path)
        with explained(self.path, "write"):
            if before is not None and _version(before) != _version(folder.name):
                _point(self.previous, f"{self.versions.name}/{before}")
            _point(self.path, f"{self.versions.name}/{folder.name}")
        self._clear({folder.name, _target(self.previous)})

    def _clear(self, kept: set[str | None]) -> None:
        ours = re.compile(r"[a-z0-9-]+-[0-9]+(\.[0-9]+)?|\.[a-z0-9.-]+\.unfinished")
        for folder in self.versions.iterdir():
            if folder.name not in kept and folder.is_dir() and ours.fullmatch(folder.name):
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def opened(path: Path) -> Iterator[ServingFolder]:
    """The serving folder at `path`. Raises BadInput where something else lies there."""
    place = ServingFolder(path.absolute())
    if (path.exists() or path.is_symlink()) and _target(path) is None:
        raise BadInput(
            "something is here already that no deployment made",
            where=str(path),
            remedy="Name another path, or remove this one: a deployment makes a link here.",
        )
    with explained(place.versions, "write"):
        place.versions.mkdir(parents=True, exist_ok=True)
        lock = (place.versions / ".lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield place


def _target(link: Path) -> str | None:
    """The name of the folder of `versions` that a link leads to, None where it is no such link."""
    if not link.is_symlink():
        return None
    above, _, name = str(link.readlink()).rpartition("/")
    return name if above == f"{link.name.removesuffix('.previous')}.versions" else None


def _version(name: str) -> str:
    """What a folder of `versions` holds, without the number of the copy."""
    return name.partition(".")[0]


def _point(link: Path, target: str) -> None:
    temporary = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
    temporary.symlink_to(target, target_is_directory=True)
    temporary.replace(link)
