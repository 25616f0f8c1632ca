"""The log of an imported run, so that it is listed and shown like any other."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from modelbook.core.exchange.imports import UNKNOWN, timestamp
from modelbook.core.exchange.mlflow_view import Point
from modelbook.core.run_record import RunRecord
from modelbook.core.runs.run_log import ArtifactStored, Event, MetricsLogged, NoteWritten, RunEnded, RunStarted, encode

PER_SEGMENT = 5000  # events


def log_of(record: RunRecord, points: Iterable[Point] = ()) -> Iterator[Event]:
    """What the log of `record` would say; `points` are the values of its metrics over time, if they are known.

    Who it ran as is not: the process has the number 0.
    """
    yield RunStarted(
        time=record.started,
        run=record.id,
        attempt=1,
        experiment=record.experiment,
        job=record.job,
        user=record.user,
        host=UNKNOWN,
        pid=0,
        params=record.params,
        tags=record.tags,
        code=record.code,
        environment=record.environment,
    )
    if told := record.imported:
        yield NoteWritten(time=record.started, text=f"imported from {told.source}: {told.model} {told.version}")
    ordered = sorted(points, key=lambda point: (point.time, point.step, point.name))
    for (time, step), some in groupby(ordered, key=lambda point: (point.time, point.step)):
        values = {point.name: point.value for point in some}
        yield MetricsLogged(time=timestamp(time // 1000), step=step if step >= 0 else None, values=values)
    if record.metrics:
        yield MetricsLogged(time=record.ended, values=record.metrics)  # what the card says of it comes last
    for file in record.artifacts:
        yield ArtifactStored(time=record.ended, file=file)
    yield RunEnded(time=record.ended, status="completed")


def segments_of(events: Iterable[Event]) -> Iterator[bytes]:
    """The events as the segments of a log, in order."""
    waiting: list[Event] = []
    for event in events:
        waiting.append(event)
        if len(waiting) == PER_SEGMENT:
            yield encode(waiting)
            waiting = []
    if waiting:
        yield encode(waiting)
