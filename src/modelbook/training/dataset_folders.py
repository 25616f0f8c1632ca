"""Which folder holds the dataset that a training script asks for."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from modelbook.core.run_record import DatasetUse
from modelbook.errors import BadInput


def folder_key(use: DatasetUse) -> str:
    """What a run's configuration calls the folder of a dataset version: `digits@1`, whatever its roles."""
    return f"{use.dataset}@{use.version}"


def folder_of(uses: Sequence[DatasetUse], folders: Mapping[str, str], name: str | None, role: str | None) -> Path:
    """The folder of the one dataset version among `uses` with this name and this role; None means any.

    Raises BadInput where there is none, or more than one.
    """
    found = {folder_key(use) for use in uses if name in {None, use.dataset} and role in {None, use.role}}
    if len(found) == 1:
        return Path(folders[found.pop()])
    asked = " ".join([f"dataset {name!r}" if name else "dataset", *([f"for {role}"] if role else [])])
    known = ", ".join(f"{folder_key(use)} for {use.role}" for use in uses) or "none"
    if found:
        raise BadInput(
            f"this run has more than one {asked} (it has: {known})",
            remedy="Say which: run.dataset(NAME, role=ROLE).",
        )
    raise BadInput(
        f"this run has no {asked} (it has: {known})",
        remedy=f"Start it by `modelbook train … --data {name or 'NAME'}@<version>{f':{role}' if role else ''}`.",
    )
