"""Bringing a verified dataset version onto the disk: the listed files and no others, every byte hashed.

A pull that ended early is taken up again: what arrived waits in a folder beside the target, under another name.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

from modelbook.adapters.blob_cache import open_cache
from modelbook.adapters.data_folder import FoundFile, found_files
from modelbook.adapters.landing import is_part
from modelbook.adapters.parallel import move_all
from modelbook.adapters.source_file import SourceFile, measured
from modelbook.adapters.store import Progress, Store
from modelbook.commands._console import progress
from modelbook.commands._dataset_files import stored_files, verified_dataset
from modelbook.commands._dataset_upload import BATCH, WORKERS
from modelbook.commands._fetching import become, unfinished_folder
from modelbook.commands._workspace import Workspace
from modelbook.core.dataset import DataFile, side_by_side
from modelbook.core.run_record import DatasetUse
from modelbook.core.storage import blob_key
from modelbook.errors import BadInput
from modelbook.training.dataset_folders import folder_key

_NAMED = 3  # files that are not as listed, in an error

Listed = Callable[[], Iterator[DataFile]]


@dataclass(frozen=True)
class Pulled:
    """What a pull did: how many files the version has, and how many of them, and of their bytes, had to be fetched."""

    files: int
    fetched: int
    bytes: int


def pull_dataset(workspace: Workspace, dataset: str, version: int, target: Path) -> Pulled:
    """Make `target` the folder of a dataset version, and fetch for that only what is not there yet.

    Raises BadInput where `target` holds anything else, Refused where the version does not verify or another process
    pulls to the same place, IntegrityError where the bytes in the store are others.
    """
    name = f"{dataset}@{version}"
    card = verified_dataset(workspace, dataset, version)
    with stored_files(workspace.store, card) as listed, progress(f"pulling {name}", card.size) as moved:
        if _is_used(target):
            _refuse_others(target, listed, name, moved)
            return _fetch_missing(workspace.store, target, listed, moved, synced=True)
        with unfinished_folder(target) as folder:
            for path, state in _compared(folder, listed, moved):
                if state != "same" and not is_part(path):  # a file that is to go on
                    (folder / path).unlink()
            pulled = _fetch_missing(workspace.store, folder, listed, moved, synced=False)
            become(folder, target)
    return pulled


def pull_datasets(workspace: Workspace, uses: Iterable[DatasetUse], folder: Path) -> dict[str, Path]:
    """Pull what a run uses to folders in `folder`: each by its `folder_key`. A version with two roles comes once."""
    folders: dict[str, Path] = {}
    for use in uses:
        if folder_key(use) not in folders:
            folders[folder_key(use)] = folder / folder_key(use)
            pull_dataset(workspace, use.dataset, use.version, folder / folder_key(use))
    return folders


def _is_used(target: Path) -> bool:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BadInput("this is no folder", where=str(target), remedy="Name another one, or remove it.")
    return target.is_dir() and any(target.iterdir())


def _compared(folder: Path, listed: Listed, moved: Progress) -> Iterator[tuple[str, Literal["same", "other", "extra"]]]:
    """What each file in `folder` is: the one that is listed, another one, or one too many."""

    def state(found: FoundFile, wanted: DataFile | None, report: Progress) -> Literal["same", "other", "extra"]:
        if wanted is None:
            return "extra"
        if found.size != wanted.size:
            return "other"
        with SourceFile(found.file) as source:
            same = measured(source).digest == wanted.digest
        report(wanted.size)
        return "same" if same else "other"

    pairs = ((found, wanted) for found, wanted in side_by_side(found_files(folder), listed()) if found)
    while batch := list(islice(pairs, BATCH)):
        states = move_all([partial(state, *pair) for pair in batch], workers=WORKERS, progress=moved)
        yield from ((found.path, each) for (found, _), each in zip(batch, states, strict=True))


def _refuse_others(target: Path, listed: Listed, name: str, moved: Progress) -> None:
    """Raise BadInput where `target` holds anything that the version does not have."""
    strange: list[str] = []
    count = 0
    for path, state in _compared(target, listed, moved):
        if state != "same":
            count += 1
            if len(strange) < _NAMED:
                strange.append(f"{path} ({'is not in it' if state == 'extra' else 'has other bytes'})")
    if count:
        more = f" and {count - _NAMED} more" if count > _NAMED else ""
        raise BadInput(
            f"something else than {name} is here already: {', '.join(strange)}{more}",
            where=str(target),
            remedy="Name another folder, or remove this one.",
        )


def _fetch_missing(store: Store, folder: Path, listed: Listed, moved: Progress, *, synced: bool) -> Pulled:
    """Fetch every listed file that is not in `folder`. `synced` as in `Store.fetch`."""

    def fetch(file: DataFile, report: Progress) -> int:
        target = folder / file.path
        if target.exists():
            return 0
        key = blob_key(file.digest)
        cache.fetch(store, key, target, digest=file.digest, size=file.size, progress=report, synced=synced)
        return 1

    cache = open_cache()
    count = fetched = size = 0
    rest = listed()
    while batch := list(islice(rest, BATCH)):
        done = move_all([partial(fetch, file) for file in batch], workers=WORKERS, progress=moved)
        count, fetched = count + len(batch), fetched + sum(done)
        size += sum(file.size for file, new in zip(batch, done, strict=True) if new)
    return Pulled(count, fetched, size)
