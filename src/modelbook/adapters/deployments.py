"""Where deployments are recorded: on GitHub, or in the clone of whoever deploys with plain git."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelbook.adapters.clock import now
from modelbook.adapters.file_errors import explained
from modelbook.adapters.whole_file import write_whole
from modelbook.core.digests import hex_of
from modelbook.core.documents import dump, load
from modelbook.core.records import CommitId, Frozen, Text, Timestamp
from modelbook.core.stages.deployment import Deployment, Payload, Trail, Trails, trail_of


class Deployments(Protocol):
    """A record of deployments. Every method may raise ForgeError."""

    def trails(self, stage: str, models: Collection[str]) -> Trails:
        """What serves in a stage, and was last brought there, for each of `models` of which anything was."""
        ...

    def find(self, payload: Payload) -> Deployment | None:
        """The deployment of this very pointer, None where there is none."""
        ...

    def begin(self, payload: Payload, commit: str) -> Deployment:
        """The deployment of this very pointer, found or made; `commit` is the one that moved it."""
        ...

    def tell(self, deployment: Deployment, state: str, said: str, url: str | None) -> None:
        """Record what became of it: `state` is in_progress, success or failure; `url` is where it serves."""
        ...


class LocalRecord(Frozen):
    """`.git/modelbook/deployments/<stage>/<model>/<serial>-<12 hex>.yaml`."""

    payload: Payload
    commit: CommitId
    state: str
    said: Text
    since: Timestamp
    url: Text | None = None


@dataclass(frozen=True)
class LocalDeployments:
    """One file a deployment, below `folder`. It is of this machine, as what it speaks of is."""

    folder: Path

    def trails(self, stage: str, models: Collection[str]) -> Trails:
        """See Deployments."""
        found = {model: self._trail(stage, model) for model in models}
        return {model: trail for model, trail in found.items() if trail.last}

    def _trail(self, stage: str, model: str) -> Trail:
        paths = [path for path in (self.folder / stage / model).glob("*.yaml") if not path.name.startswith(".")]
        records = [self._read(path) for path in paths]
        return trail_of(_deployment(one) for one in sorted(records, key=lambda one: -one.payload.serial))

    def find(self, payload: Payload) -> Deployment | None:
        """See Deployments."""
        path = self._path(payload)
        return _deployment(self._read(path)) if path.exists() else None

    def begin(self, payload: Payload, commit: str) -> Deployment:
        """See Deployments."""
        if found := self.find(payload):
            return found
        record = LocalRecord(payload=payload, commit=commit, state="pending", said="", since=now())
        self._write(record)
        return _deployment(record)

    def tell(self, deployment: Deployment, state: str, said: str, url: str | None) -> None:
        """See Deployments."""
        standing = self._read(self._path(deployment.payload))
        self._write(standing.model_copy(update={"state": state, "said": said, "since": now(), "url": url}))

    def _path(self, payload: Payload) -> Path:
        name = f"{payload.serial}-{hex_of(payload.pointer)[:12]}.yaml"
        return self.folder / payload.stage / payload.model / name

    def _read(self, path: Path) -> LocalRecord:
        with explained(path, "read"):
            return load(LocalRecord, path.read_bytes(), str(path))

    def _write(self, record: LocalRecord) -> None:
        path = self._path(record.payload)
        with explained(path, "write"):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, dump(record))


def _deployment(record: LocalRecord) -> Deployment:
    said = record.payload
    return Deployment(f"{said.pointer}", said, record.state, record.said, record.since, record.url)
