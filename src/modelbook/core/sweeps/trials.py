"""The trials of a sweep, read off the logs of their runs: there is nothing else that knows of them."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pydantic import JsonValue

from modelbook.core.moments import moment
from modelbook.core.records import Timestamp
from modelbook.core.run_record import Trial
from modelbook.core.runs.run_log import Event
from modelbook.core.runs.run_state import RunState, replay, series
from modelbook.core.sweeps.sweep import Sweep
from modelbook.errors import BadInput

MOST_ATTEMPTS = 3
"""How often a trial that is killed again and again is begun by itself; by hand it may go on."""

_LEG = re.compile(r"([1-9][0-9]{0,3})(?:-s([1-9][0-9]?))?")
_RUN = re.compile(r"(.+)-([0-9]{4})(?:-s([1-9][0-9]?))?")  # as `run_of` writes it


@dataclass(frozen=True, order=True)
class Leg:
    """One trial to be trained, or with `repeat` the same once more with another seed. Written `4` and `4-s2`."""

    number: int
    repeat: int = 0

    def __str__(self) -> str:
        return f"{self.number}-s{self.repeat}" if self.repeat else str(self.number)


def parse_leg(text: str) -> Leg:
    """Read what `str` of a leg wrote. Raises BadInput."""
    if not (found := _LEG.fullmatch(text)):
        raise BadInput(f"{text[:40]!r} is not a trial", remedy="Write its number, as in 4, or 4-s1 with another seed.")
    return Leg(int(found[1]), int(found[2] or 0))


def run_of(sweep: str, leg: Leg) -> str:
    """The id of the run that a trial is, so that whoever trains it again goes on with it: `lr-0004`, `lr-0004-s2`."""
    return f"{sweep}-{leg.number:04d}" + (f"-s{leg.repeat}" if leg.repeat else "")


def runs_of(sweep: str, names: Iterable[str]) -> dict[Leg, str]:
    """Those of the runs `names` that are trials of a sweep, in order."""
    matches = {name: match for name in names if (match := _RUN.fullmatch(name)) and match[1] == sweep}
    return dict(sorted((Leg(int(match[2]), int(match[3] or 0)), name) for name, match in matches.items()))


def sweep_in(run: str) -> str | None:
    """The name of the sweep that a run is a trial of, if there is a sweep of that name."""
    found = _RUN.fullmatch(run)
    return found[1] if found else None


class Worker(NamedTuple):
    """The process that trains a trial, or did last, and when it was last heard of."""

    host: str
    pid: int
    heard: Timestamp


@dataclass(frozen=True)
class TrialResult:
    """What came of a trial so far.

    `value` is the sweep's metric, finite, of a trial that is completed; `steps` are its values by step, finite too.
    `problem` says why a trial that ended has no value. `hours` are those of one GPU, or of a machine without one.
    `began` is when its first attempt did, and `by` whose it was: both empty where its log cannot be read.
    """

    leg: Leg
    run: str
    status: Literal["running", "completed", "pruned", "failed", "killed"]
    params: Mapping[str, JsonValue]
    seed: int | None
    value: float | None
    steps: Mapping[int, float]
    hours: float
    attempts: int
    logged: tuple[str, ...]
    commit: str | None
    began: str
    by: str
    problem: str | None = None
    worker: Worker | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it by itself."""
        return self.status in {"completed", "pruned", "failed"} or (
            self.status == "killed" and self.attempts >= MOST_ATTEMPTS
        )

    @property
    def spent(self) -> bool:
        """Whether it is not begun again by itself. A machine that went down with its last attempt logged no end."""
        return self.ended or self.attempts >= MOST_ATTEMPTS


def result_of(sweep: Sweep, leg: Leg, events: Sequence[Event]) -> TrialResult:
    """What the log of a run says of the trial that it is."""
    state, metric = replay(events), sweep.metric.name
    last = state.metrics.get(metric)
    value, problem, status = None, None, state.status
    if status == "completed":
        problem = _no_objective(metric, last.value if last else None)
        value, status = (last.value, status) if last and not problem else (None, "failed")
    elif status in {"failed", "killed"}:
        problem = _last_line(state)
    steps = {step: each for step, each in series(events, metric).items() if math.isfinite(each)}
    return TrialResult(
        leg=leg,
        run=state.start.run,
        status=status,
        params=state.start.params,
        seed=state.start.seed,
        value=value,
        steps=steps,
        hours=_hours(state),
        attempts=len(state.attempts),
        logged=tuple(state.metrics),
        commit=state.start.code.commit,
        began=state.started,
        by=state.start.user,
        problem=problem,
        worker=Worker(state.attempts[-1].host, state.attempts[-1].pid, state.last_event),
    )


def unreadable(leg: Leg, run: str, problem: str) -> TrialResult:
    """The trial of a log that says nothing that can be relied on: nobody can go on with it."""
    return TrialResult(leg, run, "failed", {}, None, None, {}, 0.0, 1, (), None, "", "", problem)


def never_logged(metric: str) -> str:
    """The problem of a trial that completed without the sweep's metric."""
    return f"it never logged {metric!r}"


def _no_objective(metric: str, value: float | None) -> str | None:
    if value is None:
        return never_logged(metric)
    return None if math.isfinite(value) else f"{metric} is {value}"


def _last_line(state: RunState) -> str:
    lines = (state.end.error if state.end and state.end.error else "").strip().splitlines()
    return lines[-1][:200] if lines else state.status


def _hours(state: RunState) -> float:
    """Of attempts whose end nobody saw, only the last one counts, as far as it was heard of."""
    total = 0.0
    for attempt in state.attempts:
        end = attempt.ended or (state.last_event if attempt is state.attempts[-1] else attempt.started)
        total += (moment(end) - moment(attempt.started)).total_seconds() / 3600
    return total * max(1, len(state.start.environment.gpus))


def check_owner(trial: Trial | None, name: str, digest: str, leg: Leg) -> None:
    """Raise BadInput where a run that is named as this trial of the sweep is not that."""
    if trial != Trial(sweep=name, file=digest, number=leg.number, repeat=leg.repeat or None):
        raise BadInput(
            f"the run {run_of(name, leg)} is named as a trial of the sweep {name!r}, and is none of this file's",
            remedy="Give the sweep another name.",
        )
