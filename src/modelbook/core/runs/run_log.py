"""The log of a run: events, one JSON object a line.

Segments of it lie in the store as `runs/<id>/log/<seq>.jsonl` and are never changed. A reader may be older
than the writer: fields and kinds that it does not know are kept, not refused.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from modelbook.core.records import Frozen, RunId, StoredFile, Timestamp
from modelbook.core.run_record import Code, DatasetUse, Environment, Trial
from modelbook.core.storage import CHECKPOINT_FOLDER
from modelbook.errors import BadInput

Ending = Literal["completed", "failed", "killed"]
Status = Literal["running", "completed", "failed", "killed", "pruned"]
_NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def _number(value: object) -> object:
    # JSON has no word for them; a metric that went wrong is the last thing to lose.
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value


MetricValue = Annotated[float, BeforeValidator(_number)]
"""A float64; in JSON, `"NaN"`, `"Infinity"` and `"-Infinity"` stand for what JSON cannot say."""

Step = Annotated[int, Field(ge=0, le=9_999_999_999)]


class _Event(Frozen):
    model_config = ConfigDict(extra="allow", ser_json_inf_nan="strings")

    time: Timestamp


class RunStarted(_Event):
    """An attempt began. The run's first event; again whenever a re-run continues the same run.

    `differs` says what is not as in the attempt before, where somebody insisted on going on nevertheless.
    """

    kind: Literal["start"] = "start"
    run: RunId
    attempt: Annotated[int, Field(ge=1)]
    experiment: str
    job: str
    user: str
    host: str
    pid: int
    params: dict[str, JsonValue]
    seed: int | None = None
    tags: tuple[str, ...] = ()
    code: Code
    datasets: tuple[DatasetUse, ...] = ()
    environment: Environment
    arguments: tuple[str, ...] = ()
    deterministic: bool = False
    processes: Annotated[int, Field(ge=1)] | None = None
    trial: Trial | None = None
    differs: tuple[str, ...] = ()


class ParamsLogged(_Event):
    """Parameters, added to those of the start or in place of them."""

    kind: Literal["params"] = "params"
    params: dict[str, JsonValue]


class MetricsLogged(_Event):
    """Metrics of one moment of the training."""

    kind: Literal["metrics"] = "metrics"
    step: Step | None = None
    values: dict[str, MetricValue]


class ArtifactStored(_Event):
    """A file of the model's folder lies in the store. Its path is relative to `runs/<id>/artifacts/`."""

    kind: Literal["artifact"] = "artifact"
    file: StoredFile


class FileStored(_Event):
    """A plot or another file of the run, not of its model, lies in the store. A later one of a name takes its place.

    Its path is relative to `runs/<id>/files/<12 hex of its digest>/`.
    """

    kind: Literal["file"] = "file"
    file: StoredFile


class CheckpointStored(_Event):
    """A checkpoint lies whole in the store. Paths are relative to `runs/<id>/checkpoints/<folder>/`.

    `metric` is the value of the metric `metric_name`, of which the best checkpoint has the most (`max`) or the least.
    """

    kind: Literal["checkpoint"] = "checkpoint"
    step: Step
    folder: Annotated[str, StringConstraints(pattern=f"^{CHECKPOINT_FOLDER}$")] = ""
    files: tuple[StoredFile, ...]
    metric: MetricValue | None = None
    metric_name: str | None = None
    mode: Literal["min", "max"] = "max"

    @model_validator(mode="after")
    def _folder_of_step(self) -> Self:
        # The first logs that were written name no folder: it was the step's.
        if not self.folder:
            object.__setattr__(self, "folder", f"{self.step:010d}")
        return self


Stored = ArtifactStored | FileStored | CheckpointStored
"""What tells of files: it joins the log once they are in the store."""


class CheckpointRestored(_Event):
    """This attempt goes on from a checkpoint: what was logged up to its step counts, what came after it does not."""

    kind: Literal["restore"] = "restore"
    step: Step
    folder: str


class TagsAdded(_Event):
    """Tags, added to those that are there."""

    kind: Literal["tags"] = "tags"
    tags: tuple[str, ...]


class SeedsSet(_Event):
    """The generators that follow the seed (`held`), and why others do not, by name."""

    kind: Literal["seeds"] = "seeds"
    seed: int
    held: tuple[str, ...]
    not_held: dict[str, str]


class StoppedEarly(_Event):
    """The sweep gave the trial up at this step: it ends, with the status `killed`, and is not gone on with."""

    kind: Literal["stop"] = "stop"
    step: Step
    reason: str


class NoteWritten(_Event):
    """Something that a person should know about this run."""

    kind: Literal["note"] = "note"
    text: str


class RunEnded(_Event):
    """The attempt is over. `exit_code` is set if the process ended by itself, `signal` if it was ended."""

    kind: Literal["end"] = "end"
    status: Ending
    exit_code: int | None = None
    signal: str | None = None
    error: str | None = None


class UnknownEvent(Frozen):
    """An event of a newer Modelbook; its fields are in `model_extra`."""

    model_config = ConfigDict(extra="allow")

    kind: str


_KINDS: dict[str, type[_Event]] = {
    kind.model_fields["kind"].default: kind
    for kind in (
        RunStarted,
        ParamsLogged,
        MetricsLogged,
        ArtifactStored,
        FileStored,
        CheckpointStored,
        CheckpointRestored,
        TagsAdded,
        SeedsSet,
        StoppedEarly,
        NoteWritten,
        RunEnded,
    )
}


def _kind(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if isinstance(kind, str) and kind in _KINDS else "unknown"


Event = Annotated[
    Annotated[RunStarted, Tag("start")]
    | Annotated[ParamsLogged, Tag("params")]
    | Annotated[MetricsLogged, Tag("metrics")]
    | Annotated[ArtifactStored, Tag("artifact")]
    | Annotated[FileStored, Tag("file")]
    | Annotated[CheckpointStored, Tag("checkpoint")]
    | Annotated[CheckpointRestored, Tag("restore")]
    | Annotated[TagsAdded, Tag("tags")]
    | Annotated[SeedsSet, Tag("seeds")]
    | Annotated[StoppedEarly, Tag("stop")]
    | Annotated[NoteWritten, Tag("note")]
    | Annotated[RunEnded, Tag("end")]
    | Annotated[UnknownEvent, Tag("unknown")],
    Discriminator(_kind),
]
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def encode(events: Iterable[Event]) -> bytes:
    """The events as JSON lines, UTF-8, each ended by a newline."""
    return b"".join(event.model_dump_json().encode() + b"\n" for event in events)


def decode(segment: bytes, where: str) -> list[Event]:
    """The events of one segment. Raises BadInput naming `where` and the line of the first that is broken."""
    events: list[Event] = []
    lines = segment.split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            events.append(_EVENT.validate_json(line))
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            spot = ".".join(str(part) for part in problem["loc"][1:])
            text = f"{spot}: {problem['msg']}" if spot else problem["msg"]
            raise BadInput(f"not an event of a run's log: {text}", where=where, line=number) from None
    if lines[-1]:
        raise BadInput("the last line is cut short", where=where, line=len(lines))
    return events
