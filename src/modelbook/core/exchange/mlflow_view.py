"""What a run's log looks like to MLflow: its names, limits and words for what an event says."""

import json
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue

from modelbook.core.records import StoredFile, Timestamp
from modelbook.core.runs.run_log import (
    ArtifactStored,
    Event,
    FileStored,
    MetricsLogged,
    NoteWritten,
    ParamsLogged,
    RunEnded,
    RunStarted,
    SeedsSet,
    TagsAdded,
)
from modelbook.core.storage import artifact_key, uri_of

STATUS = {"completed": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
"""How a run ended, in MLflow's words."""

RUN = "modelbook.run"
"""The tag that tells which run an MLflow run shows."""

_NAME, _PARAM, TAG_LIMIT = 250, 6000, 5000  # characters that every MLflow server takes
_NOT_ALLOWED = re.compile(r"[^\w.\- :/]")
_USER_INFO = re.compile(r"(?<=://)[^\s/]+@")


class Point(NamedTuple):
    """One value of a metric; `time` in milliseconds since 1970."""

    name: str
    value: float
    time: int
    step: int


@dataclass
class View:
    """What some events add to an MLflow run. `files` are to be copied, `status` is set once the attempt is over."""

    params: dict[str, str] = field(default_factory=dict)
    metrics: list[Point] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    files: list[StoredFile] = field(default_factory=list)
    status: str | None = None


def view_of(events: Iterable[Event], run: str, store: str) -> View:
    """What `events` of the run add. The model's files stay in the store: a tag says where."""
    view = View()
    for event in events:
        match event:
            case RunStarted():
                view.tags |= _of_start(event)
                view.params |= _params(event.params)
            case ParamsLogged():
                view.params |= _params(event.params)
            case MetricsLogged():
                time, step = _milliseconds(event.time), event.step or 0
                view.metrics += [Point(mlflow_name(name), value, time, step) for name, value in event.values.items()]
            case ArtifactStored():
                view.tags["modelbook.artifacts"] = uri_of(store, artifact_key(run, "x"))[:-2]
            case FileStored():
                view.files.append(event.file)
            case TagsAdded():
                view.tags |= {f"modelbook.tag.{mlflow_name(tag)}": "true" for tag in event.tags}
            case SeedsSet():
                view.tags["modelbook.seed"] = str(event.seed)
            case NoteWritten():
                view.tags["modelbook.note"] = event.text[:TAG_LIMIT]
            case RunEnded():
                view.status = STATUS[event.status]
                if event.error:
                    view.tags["modelbook.error"] = event.error[-TAG_LIMIT:]
    return view


def mlflow_name(name: str) -> str:
    """`name` as MLflow takes it: other characters, and a path that leads elsewhere, become underscores."""
    plain = _NOT_ALLOWED.sub("_", name)[:_NAME]
    if posixpath.normpath(plain) != plain or plain.startswith(("/", "..")) or plain == ".":
        plain = plain.replace("/", "_").replace("..", "__")
    return "_" if plain == "." else plain


def without_user_info(text: str) -> str:
    """`text` with no user or password in the URLs in it: what the client says of a server tells its whole address."""
    return _USER_INFO.sub("", text)


def _of_start(start: RunStarted) -> dict[str, str]:
    tags = {
        RUN: start.run,
        "modelbook.attempt": str(start.attempt),
        "modelbook.job": start.job,
        "mlflow.user": start.user,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": start.code.entry_point,
        "mlflow.source.git.commit": start.code.commit or "",
        "mlflow.source.git.branch": start.code.branch or "",
        "mlflow.source.git.repoURL": start.code.repository or "",
    }
    datasets = {f"modelbook.dataset.{use.dataset}": f"{use.dataset}@{use.version} {use.role}" for use in start.datasets}
    own = {f"modelbook.tag.{mlflow_name(tag)}": "true" for tag in start.tags}
    return {name: value[:TAG_LIMIT] for name, value in (tags | datasets | own).items() if value}


def _params(params: dict[str, JsonValue]) -> dict[str, str]:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
    return {mlflow_name(name): text[:_PARAM] for name, text in texts.items()}


def _milliseconds(time: Timestamp) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
