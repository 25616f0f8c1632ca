"""The files that a run hands over: those of its model, each name once, and plots and others of the run itself."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelbook.core.records import StoredFile
from modelbook.core.runs.pickles import HEAD, looks_like_pickle
from modelbook.core.runs.run_log import ArtifactStored, FileStored
from modelbook.errors import BadInput
from modelbook.training.clock import timestamp, utc_now
from modelbook.training.run_folder import copy_in, write_in
from modelbook.training.session import Session
from modelbook.training.values import check_artifact_name, check_file_name

Write = Callable[[Path, str], StoredFile]
"""Puts a file in place, for its name in the store."""

_FIGURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp")


def source_of(path: str | os.PathLike[str], data: bytes | str | None, name: str | None) -> tuple[str, Write]:
    """The name and the bytes of what a script hands in: a file at `path`, or `data` of the name `path`."""
    if data is None:
        source = Path(path)
        return name or source.name, lambda target, stored: copy_in(source, target, stored)
    raw = data.encode() if isinstance(data, str) else bytes(data)
    return name or os.fspath(path), lambda target, stored: write_in([raw], target, stored)


def drawn(figure: Any, name: str) -> bytes:
    """A figure as the kind of picture that `name` ends in. Raises BadInput for what cannot be drawn."""
    kind = Path(name).suffix.lower()
    if kind not in _FIGURES:
        raise BadInput(f"{name!r} is no name for a picture", remedy=f"End it in one of {', '.join(_FIGURES)}.")
    if not callable(getattr(figure, "savefig", None)):
        raise BadInput(
            f"a {type(figure).__name__} was handed in, which is no figure that can draw itself",
            remedy="Hand in a matplotlib figure (ax.figure); other pictures are files: run.log_file(path).",
        )
    picture = io.BytesIO()
    figure.savefig(picture, format=kind[1:], bbox_inches="tight")
    return picture.getvalue()


class HandedFiles:
    """What one process has handed over so far."""

    def __init__(self, session: Session, note: Callable[[str], None]) -> None:
        self._session, self._note = session, note
        self._digests: dict[str, str] = {}

    def of_model(self, name: str, write: Write) -> None:
        """Put one file into the model's folder. Raises BadInput for other bytes under a name in use."""
        check_artifact_name(self._session.config.plan.run, name)

        def fill(folder: Path) -> ArtifactStored:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            file = write(target, name)
            known = self._digests.setdefault(name, file.digest)
            if known != file.digest:
                raise BadInput(
                    f"artifact {name!r} was stored already, with other bytes, and objects are written once",
                    remedy="Store it once, at the end, or each time under a name of its own. What changes as "
                    "the training goes on is a checkpoint: run.checkpoints(...), or a plot: run.log_file(...).",
                )
            with target.open("rb") as opened:
                if reason := looks_like_pickle(opened.read(HEAD), name):
                    self._note(f"artifact {name!r} {reason}; registration will refuse it")
            return ArtifactStored(time=timestamp(utc_now()), file=file)

        self._session.stage(fill)

    def of_run(self, name: str, write: Write) -> None:
        """Keep one file with the run; a later one of the same name takes its place."""
        check_file_name(self._session.config.plan.run, name)

        def fill(folder: Path) -> FileStored:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            return FileStored(time=timestamp(utc_now()), file=write(target, name))

        self._session.stage(fill)
