"""The files of the model's folder, as a run hands them over: each name once."""

from collections.abc import Callable
from pathlib import Path

from modelbook.core.pickles import HEAD, looks_like_pickle
from modelbook.core.records import StoredFile
from modelbook.core.run_log import ArtifactStored
from modelbook.errors import BadInput
from modelbook.training.clock import timestamp, utc_now
from modelbook.training.session import Session
from modelbook.training.values import check_artifact_name


class Artifacts:
    """What one process has put into the model's folder so far."""

    def __init__(self, session: Session, note: Callable[[str], None]) -> None:
        self._session, self._note = session, note
        self._digests: dict[str, str] = {}

    def keep(self, name: str, write: Callable[[Path, str], StoredFile]) -> None:
        """Hand over one file, which `write` puts in place. Raises BadInput for other bytes under a name in use."""
        check_artifact_name(self._session.config.plan.run, name)

        def fill(folder: Path) -> ArtifactStored | None:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            file = write(target, name)
            known = self._digests.setdefault(name, file.digest)
            if known != file.digest:
                raise BadInput(
                    f"artifact {name!r} was stored already, with other bytes, and objects are written once",
                    remedy="Store it once, at the end, or each time under a name of its own. What changes as "
                    "the training goes on is a checkpoint: run.checkpoints(...).",
                )
            with target.open("rb") as opened:
                if reason := looks_like_pickle(opened.read(HEAD), name):
                    self._note(f"artifact {name!r} {reason}; registration will refuse it")
            return ArtifactStored(time=timestamp(utc_now()), file=file)

        self._session.stage(fill)
