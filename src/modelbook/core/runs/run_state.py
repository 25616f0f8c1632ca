"""What a run's log adds up to: its present state, and its record once it has completed."""

from collections.abc import Sequence

from pydantic import ConfigDict, JsonValue

from modelbook.core.records import Frozen, StoredFile, Timestamp
from modelbook.core.run_record import Determinism, RunRecord
from modelbook.core.runs.checkpoints import best_of, keep
from modelbook.core.runs.run_log import (
    ArtifactStored,
    CheckpointRestored,
    CheckpointStored,
    Event,
    FileStored,
    MetricsLogged,
    MetricValue,
    NoteWritten,
    ParamsLogged,
    RunEnded,
    RunStarted,
    SeedsSet,
    Status,
    Step,
    StoppedEarly,
    TagsAdded,
    UnknownEvent,
)
from modelbook.errors import BadInput


class Attempt(Frozen):
    """One process (or its re-run) that worked on the run. `ended` is None if nobody saw the end of it."""

    number: int
    host: str
    pid: int
    started: Timestamp
    ended: Timestamp | None = None
    status: Status = "running"


class MetricPoint(Frozen):
    """A metric's value and where it was taken."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    value: MetricValue
    step: Step | None = None
    time: Timestamp


class RunState(Frozen):
    """What a run has come to, as far as its log says.

    `metrics` are the last values of the last attempt, `non_finite` the first point at which a metric was NaN
    or infinite. `artifacts` are the files of the model as the last attempt left it, `files` those of the run from all
    its attempts. `checkpoints` are those that are kept, the latest last; `best` is the step of the best one.
    `pruned` is a trial that its sweep gave up (`stopped`).
    `running` means that no end was logged: `last_event` tells whether the process is likely to live.
    """

    model_config = ConfigDict(ser_json_inf_nan="strings")

    start: RunStarted
    status: Status
    started: Timestamp
    ended: Timestamp | None
    last_event: Timestamp
    attempts: tuple[Attempt, ...]
    params: dict[str, JsonValue]
    tags: tuple[str, ...]
    metrics: dict[str, MetricPoint]
    non_finite: dict[str, MetricPoint]
    artifacts: tuple[StoredFile, ...]
    files: tuple[StoredFile, ...]
    checkpoints: tuple[CheckpointStored, ...]
    best: Step | None
    restored: tuple[CheckpointRestored, ...]
    differs: tuple[str, ...]
    seeds: SeedsSet | None
    stopped: StoppedEarly | None
    notes: tuple[str, ...]
    end: RunEnded | None
    unknown: tuple[UnknownEvent, ...]


def replay(events: Sequence[Event]) -> RunState:
    """The state after `events`: a run's log from its start on. Raises BadInput for any other beginning."""
    return _replayed(events).state()


def measured(events: Sequence[Event]) -> list[MetricsLogged]:
    """The metrics that count, in order: of the last attempt, and of those before up to the checkpoint it goes on from.

    Raises BadInput as `replay` does.
    """
    return _replayed(events).measured


def series(events: Sequence[Event], metric: str) -> dict[int, float]:
    """The values of a metric by step, as the last attempt logged them or took them over with a checkpoint."""
    logged = ((one.step, one.values.get(metric)) for one in measured(events))
    return {step: value for step, value in logged if step is not None and value is not None}


def _replayed(events: Sequence[Event]) -> "_Replay":
    if not events or not isinstance(events[0], RunStarted):
        raise BadInput("a run's log begins with its start, and this one does not")
    replayed = _Replay(events[0])
    for event in events:
        replayed.add(event)
    return replayed


class _Replay:
    def __init__(self, first: RunStarted) -> None:
        self.first = first
        self.last_event = first.time
        self.attempts: list[Attempt] = []
        self.files: dict[str, StoredFile] = {}
        self.checkpoints: tuple[CheckpointStored, ...] = ()
        self.lineage: dict[str, tuple[list[MetricsLogged], list[CheckpointRestored]]] = {}
        self.differs: list[str] = []
        self.unknown: list[UnknownEvent] = []
        self._clear(first)

    def _clear(self, start: RunStarted) -> None:
        # What an earlier attempt measured and stored as the model is not what this one will have made.
        self.start = start
        self.end: RunEnded | None = None
        self.params: dict[str, JsonValue] = dict(start.params)
        self.tags: dict[str, None] = dict.fromkeys(start.tags)
        self.measured: list[MetricsLogged] = []
        self.restored: list[CheckpointRestored] = []
        self.metrics: dict[str, MetricPoint] = {}
        self.non_finite: dict[str, MetricPoint] = {}
        self.artifacts: dict[str, StoredFile] = {}
        self.seeds: SeedsSet | None = None
        self.stopped: StoppedEarly | None = None
        self.notes: list[str] = []

    def add(self, event: Event) -> None:
        if isinstance(event, UnknownEvent):
            self.unknown.append(event)
            return
        self.last_event = max(self.last_event, event.time)
        match event:
            case RunStarted():
                self._begin(event)
            case ParamsLogged():
                self.params |= event.params
            case MetricsLogged():
                self.measured.append(event)
                self._measure(event)
            case ArtifactStored():
                self.artifacts[event.file.path] = event.file
            case FileStored():
                self.files[event.file.path] = event.file
            case CheckpointStored():
                self.checkpoints = keep(self.checkpoints, event)
                self.lineage[event.folder] = self.measured, self.restored
            case CheckpointRestored():
                self._go_back(event)
            case TagsAdded():
                self.tags |= dict.fromkeys(event.tags)
            case SeedsSet():
                self.seeds = event
            case StoppedEarly():
                self.stopped = event
            case NoteWritten():
                self.notes.append(event.text)
            case RunEnded():
                self.end = event
                status = "pruned" if self.stopped and event.status == "killed" else event.status
                update = {"ended": event.time, "status": status}
                self.attempts[-1] = self.attempts[-1].model_copy(update=update)

    def _begin(self, start: RunStarted) -> None:
        if self.attempts and self.attempts[-1].status == "running":
            self.attempts[-1] = self.attempts[-1].model_copy(update={"status": "killed"})
        self.attempts.append(Attempt(number=start.attempt, host=start.host, pid=start.pid, started=start.time))
        self.differs += start.differs
        self._clear(start)

    def _go_back(self, event: CheckpointRestored) -> None:
        # The steps after the checkpoint are done anew; those before it were this training's as well.
        before, restored = self.lineage.get(event.folder, ([], []))
        self.restored = [*restored, event]
        self.measured = [one for one in before if one.step is None or one.step <= event.step] + self.measured
        self.metrics, self.non_finite = {}, {}
        for one in self.measured:
            self._measure(one)

    def _measure(self, event: MetricsLogged) -> None:
        for name, value in event.values.items():
            point = MetricPoint(value=value, step=event.step, time=event.time)
            self.metrics[name] = point
            if not float("-inf") < value < float("inf"):
                self.non_finite.setdefault(name, point)

    def state(self) -> RunState:
        return RunState(
            start=self.start,
            status=self.attempts[-1].status,
            started=self.first.time,
            ended=self.end.time if self.end else None,
            last_event=self.last_event,
            attempts=tuple(self.attempts),
            params=self.params,
            tags=tuple(self.tags),
            metrics=self.metrics,
            non_finite=self.non_finite,
            artifacts=tuple(self.artifacts[path] for path in sorted(self.artifacts)),
            files=tuple(self.files[path] for path in sorted(self.files)),
            checkpoints=self.checkpoints,
            best=best.step if (best := best_of(self.checkpoints)) else None,
            restored=tuple(self.restored),
            differs=tuple(self.differs),
            seeds=self.seeds,
            stopped=self.stopped,
            notes=tuple(self.notes),
            end=self.end,
            unknown=tuple(self.unknown),
        )


def _determinism(state: RunState) -> Determinism | None:
    seeds, resumed = state.seeds, tuple(event.step for event in state.restored)
    if not seeds and not resumed:
        return None
    missed = dict(seeds.not_held) if seeds else {"seed": "no seed was set"}
    if resumed and state.differs:
        missed["settings"] = "they changed on the way: " + "; ".join(state.differs)
    return Determinism(held=seeds.held if seeds else (), not_held=missed, resumed=resumed)


def record_of(state: RunState) -> RunRecord:
    """The record of a run that has completed. Raises BadInput if it has not."""
    if state.status != "completed" or state.ended is None:
        raise BadInput(f"run {state.start.run} has not completed: it is {state.status}")
    start = state.start
    return RunRecord(
        id=start.run,
        experiment=start.experiment,
        job=start.job,
        user=start.user,
        started=state.started,
        ended=state.ended,
        seed=state.seeds.seed if state.seeds else start.seed,
        determinism=_determinism(state),
        tags=state.tags,
        params=state.params,
        arguments=start.arguments,
        deterministic=start.deterministic,
        processes=start.processes,
        trial=start.trial,
        metrics={name: point.value for name, point in state.metrics.items()},
        code=start.code,
        datasets=start.datasets,
        environment=start.environment,
        artifacts=state.artifacts,
    )
